use super::*;
use proptest::prelude::*;

const STALL: Ticks = Ticks::new(10);

fn frame(kind: u8, flags: u8, stream: u32, length: usize) -> Vec<u8> {
    let [.., a, b, c] = length.to_be_bytes();
    let [s, t, u, v] = stream.to_be_bytes();
    [&[a, b, c, kind, flags, s, t, u, v][..], &vec![0; length]].concat()
}

fn pass(clock: &Clock, ticks: u32) {
    (0..ticks).for_each(|_| clock.tick());
}

#[test]
fn a_stream_that_may_send_nothing_for_too_long_is_given_up_and_no_other() {
    let (clock, mut owed) = (Clock::new(), Owed::default());
    owed.told(SETTINGS, 0, &[0, 3, 0, 0, 0, 9, 0, 4, 0, 0, 0, 5], true, clock.now());
    [1, 3, 5].into_iter().for_each(|stream| owed.opened(stream, clock.now()));
    owed.told(WINDOW_UPDATE, 3, &[0, 0, 0, 1], true, clock.now());
    for stream in [1, 3] {
        owed.writes(&frame(HEADERS, END_HEADERS, stream, 30), clock.now());
        owed.writes(&frame(DATA, 0, stream, 5), clock.now());
    }
    pass(&clock, 4);
    owed.writes(&frame(HEADERS, END_HEADERS, 5, 30), clock.now());
    owed.writes(&frame(DATA, 0, 5, 5), clock.now());
    pass(&clock, 5);
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(Ticks::new(1)));
    pass(&clock, 1);
    assert_eq!(owed.late(STALL, &clock), Late::Streams(1));
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(Ticks::new(4)), "it is given up once");
    assert_eq!(owed.reset(), Some([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]));
    assert_eq!((owed.reset(), owed.weight(), owed.is_giving_up()), (None, 2, false));
    // the client lets the last one send more
    owed.told(SETTINGS, 0, &[0, 4, 0, 0], false, clock.now());
    owed.told(SETTINGS, 0, &[0, 6], true, clock.now());
    pass(&clock, 100);
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(STALL));
}

/// A client may make room when it sees what comes.
#[test]
fn nobody_waits_for_a_client_before_its_reply_has_begun() {
    let (clock, mut owed) = (Clock::new(), Owed::default());
    owed.told(SETTINGS, 0, &[0, 4, 0, 0, 0, 0], true, clock.now());
    owed.opened(1, clock.now());
    pass(&clock, 100);
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(STALL));
    owed.writes(&frame(HEADERS, END_HEADERS, 1, 30), clock.now());
    pass(&clock, 9);
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(Ticks::new(1)));
    pass(&clock, 1);
    assert_eq!(owed.late(STALL, &clock), Late::Streams(1));
}

#[test]
fn all_streams_wait_for_the_connection() {
    let (clock, mut owed) = (Clock::new(), Owed::default());
    owed.opened(1, clock.now());
    owed.told(SETTINGS, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff], true, clock.now());
    owed.writes(&frame(DATA, 0, 1, 65_535), clock.now());
    pass(&clock, 9);
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(Ticks::new(1)));
    pass(&clock, 1);
    assert_eq!(owed.late(STALL, &clock), Late::Everything);
    owed.told(WINDOW_UPDATE, 0, &[0, 0, 0, 1], true, clock.now());
    pass(&clock, 100);
    assert_eq!(owed.late(STALL, &clock), Late::Nothing(STALL));
}

#[test]
fn a_reply_of_the_librarys_own_is_a_status_and_no_more() {
    let (clock, mut owed) = (Clock::new(), Owed::default());
    let ended = END_STREAM | END_HEADERS;
    [1, 3, 5].into_iter().for_each(|stream| owed.opened(stream, clock.now()));
    owed.writes(&frame(HEADERS, ended, 1, 5), clock.now());
    assert_eq!((owed.weight(), owed.bare(), owed.weight()), (3, 1, 2));
    owed.writes(&frame(HEADERS, ended, 3, 40), clock.now());
    let trailed = [frame(HEADERS, END_HEADERS, 5, 40), frame(DATA, 0, 5, 9), frame(HEADERS, ended, 5, 8)].concat();
    owed.writes(&trailed, clock.now());
    assert_eq!((owed.weight(), owed.bare()), (0, 0));
}

#[test]
fn nothing_is_written_into_a_frame_or_a_header_block() {
    let (clock, mut owed) = (Clock::new(), Owed::default());
    owed.opened(1, clock.now());
    owed.told(SETTINGS, 0, &[0, 4, 0, 0, 0, 0], true, clock.now());
    owed.writes(&frame(HEADERS, END_HEADERS, 1, 30), clock.now());
    pass(&clock, 10);
    assert_eq!(owed.late(STALL, &clock), Late::Streams(1));
    let block = [frame(HEADERS, 0, 1, 20), frame(CONTINUATION, END_HEADERS, 1, 20)].concat();
    for byte in &block {
        owed.writes(&[*byte], clock.now());
        assert!(owed.is_giving_up());
        if owed.open || owed.left > 0 || owed.have > 0 {
            assert_eq!(owed.reset(), None);
        }
    }
    assert!(owed.reset().is_some());
}

proptest! {
    #[test]
    fn however_it_is_cut_what_is_owed_is_the_same(
        cuts in prop::collection::vec(1usize..40, 1..100),
        frames in prop::collection::vec((0u8..10, 0u8..8, 0u32..12, 0usize..50), 0..60),
    ) {
        let clock = Clock::new();
        let wire: Vec<u8> = frames.iter().flat_map(|(kind, flags, id, length)| frame(*kind, *flags, *id, *length)).collect();
        let [mut whole, mut pieces] = [(); 2].map(|()| Owed::default());
        for owed in [&mut whole, &mut pieces] {
            (0..12).for_each(|id| owed.opened(id, clock.now()));
        }
        whole.writes(&wire, clock.now());
        let mut rest = &wire[..];
        for cut in cuts.into_iter().cycle() {
            let (piece, left) = rest.split_at(rest.len().min(cut));
            pieces.writes(piece, clock.now());
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        let said = |owed: &Owed| format!("{:?}", (&owed.streams, owed.window, owed.have, owed.left, owed.open, owed.bare));
        prop_assert_eq!(said(&whole), said(&pieces));
        let ended = |id: u32| frames.iter().any(|(kind, flags, of, _)| {
            *of == id && (*kind == RST_STREAM || matches!(*kind, DATA | HEADERS) && flags & END_STREAM != 0)
        });
        prop_assert_eq!(whole.streams.len(), (0..12).filter(|id| !ended(*id)).count());
    }
}
