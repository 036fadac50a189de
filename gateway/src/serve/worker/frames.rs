//! The frames that an h2 client sends: only their heads are read, and those that ask for nothing are counted.
//!
//! The h2 library answers each of them at once and never tires of it: a client that opens streams and resets them, or sends
//! PING, SETTINGS or PRIORITY without end, makes the gateway work for nothing (CVE-2023-44487, CVE-2019-9512, CVE-2019-9515).
//! So it does with more WINDOW_UPDATE than there is data to take, and more trailers than there are streams to end.
//! What it does bound itself are headers without end, resets of streams that nobody took yet and those that a client provokes.

mod farewell;

use super::owed::Owed;
use crate::clock::{Clock, Tick};
use farewell::Farewell;
use tokio::io::ReadBuf;

/// The client's first bytes (RFC 9113, section 3.4).
const PREFACE: u32 = 24;
pub(super) const HEAD: usize = 9;
/// What a frame costs of the budget, to which each tick gives one for each frame that a second may have: there are ten
/// ticks in a second.
const COST: u32 = 10;
/// For how many ticks the budget fills up when no frame comes: ten seconds.
const FULL: u32 = 100;
/// What must have been written for one WINDOW_UPDATE, in bytes, so that clients may send two for each frame of data, for its
/// stream and for the connection, however short it is; and how much of it is remembered.
const WRITTEN: u32 = 4;
const REMEMBERED: u32 = 1 << 20;

pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
const CONTINUATION: u8 = 0x9;
pub(super) const WINDOW_UPDATE: u8 = 0x8;
const END_HEADERS: u8 = 0x4;

/// Follows the frames of one connection.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// Bytes of the head that have come.
    have: u8,
    /// Bytes of the payload that are still to come; before the first frame, of the preface.
    left: u32,
    /// Whether a header block has begun that is not whole.
    open: bool,
    /// How many frames and whole header blocks there were, and how many of them opened a stream.
    whole: u32,
    opened: u32,
    /// The last stream that was opened, and how many of all may still have trailers.
    last: u32,
    untrailed: u32,
    /// Bytes that were written and that no WINDOW_UPDATE was sent for.
    written: u32,
    budget: u32,
    rate: u32,
    filled: Tick,
    farewell: Farewell,
}

impl Frames {
    /// For a connection that may send `rate` frames a second that ask for nothing, and header lists of `list` bytes.
    pub(super) fn new(rate: u32, list: u32, now: Tick) -> Self {
        let budget = rate.saturating_mul(FULL);
        Self {
            head: [0; HEAD],
            have: 0,
            left: PREFACE,
            open: false,
            whole: 0,
            opened: 0,
            last: 0,
            untrailed: 0,
            written: 0,
            budget,
            rate,
            filled: now,
            farewell: Farewell::new(list),
        }
    }

    /// Looks at what has come, and tells `owed` of it. Where the client has to be told to go: behind the last whole frame that
    /// it may send.
    pub(super) fn pass(&mut self, mut bytes: &[u8], clock: &Clock, owed: &mut Owed) -> Option<usize> {
        let all = bytes.len();
        while !bytes.is_empty() {
            if self.left > 0 {
                let (payload, rest) = bytes.split_at(bytes.len().min(self.left as usize));
                self.left -= payload.len() as u32;
                bytes = rest;
                let [_, _, _, kind, _, stream @ ..] = self.head;
                if matches!(kind, SETTINGS | WINDOW_UPDATE) && self.have > 0 {
                    owed.told(kind, stream_id(stream), payload, self.left == 0, clock.now());
                }
                if self.left > 0 {
                    break;
                }
            } else {
                let (byte, rest) = bytes.split_first()?;
                if let Some(place) = self.head.get_mut(usize::from(self.have)) {
                    *place = *byte;
                }
                self.have += 1;
                bytes = rest;
                if usize::from(self.have) < HEAD {
                    continue;
                }
                let [a, b, c, ..] = self.head;
                self.left = u32::from_be_bytes([0, a, b, c]);
                if self.left > 0 {
                    continue;
                }
            }
            if self.ends(clock, owed) {
                return Some(all - bytes.len());
            }
        }
        None
    }

    /// A frame, or the preface, is whole. True if it was one too many.
    fn ends(&mut self, clock: &Clock, owed: &mut Owed) -> bool {
        if self.have == 0 {
            return false;
        }
        self.have = 0;
        let [_, _, _, kind, flags, ref stream @ ..] = self.head;
        if matches!(kind, HEADERS | CONTINUATION) {
            self.open = flags & END_HEADERS == 0;
            self.opened = self.opened.wrapping_add(u32::from(kind == HEADERS));
        }
        if !self.open {
            self.whole = self.whole.wrapping_add(1);
        }
        let asks = match kind {
            DATA | CONTINUATION => true,
            HEADERS => self.opens(stream_id(*stream), clock, owed) || take(&mut self.untrailed, 1),
            RST_STREAM => {
                owed.ended(stream_id(*stream));
                false
            }
            WINDOW_UPDATE => take(&mut self.written, WRITTEN),
            _ => false,
        };
        !asks && !self.spend(clock)
    }

    /// Whether HEADERS on this stream open it; else they are its trailers.
    fn opens(&mut self, stream: u32, clock: &Clock, owed: &mut Owed) -> bool {
        let opens = stream > self.last;
        if opens {
            owed.opened(stream, clock.now());
            self.last = stream;
            self.untrailed = self.untrailed.saturating_add(1);
        }
        opens
    }

    /// So many bytes were written to the client.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX)).min(REMEMBERED);
    }

    /// Counts a frame that asks for nothing; false if it may not come.
    fn spend(&mut self, clock: &Clock) -> bool {
        let now = clock.now();
        if self.filled != now {
            let back = clock.since(self.filled).count().saturating_mul(self.rate);
            self.budget = self.budget.saturating_add(back).min(self.rate.saturating_mul(FULL));
            self.filled = now;
        }
        let left = self.budget.checked_sub(COST);
        self.budget = left.unwrap_or_default();
        if left.is_none() {
            self.farewell.begin();
        }
        left.is_some()
    }

    /// The number of the frame or header block that has begun and is not whole, data aside.
    pub(super) fn begun(&self) -> Option<u32> {
        let [_, _, _, kind, ..] = self.head;
        let rests = !self.open && (self.have == 0 && self.left == 0 || usize::from(self.have) == HEAD && kind == DATA);
        (!rests).then_some(self.whole)
    }

    /// Whether the next byte begins something: neither a frame nor a header block is half here.
    pub(super) fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0 && !self.open
    }

    /// How many streams were opened since this was last asked; trailers count as one.
    pub(super) fn opened(&mut self) -> u32 {
        std::mem::take(&mut self.opened)
    }

    /// Whether the client is told to go.
    pub(super) fn has_ended(&self) -> bool {
        self.farewell.has_begun()
    }

    /// Lets the library tell the client to go.
    pub(super) fn farewell(&mut self, buf: &mut ReadBuf<'_>) {
        self.farewell.give(buf);
    }
}

/// The stream of a frame; its first bit says nothing (RFC 9113, section 4.1).
pub(super) fn stream_id(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & 0x7fff_ffff
}

/// Takes `n` from what there is, if it is there.
fn take(of: &mut u32, n: u32) -> bool {
    let left = of.checked_sub(n);
    *of = left.unwrap_or(*of);
    left.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., a, b, c] = length.to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, 1][..], &vec![0; length]].concat()
    }

    fn preface() -> Vec<u8> {
        vec![b'P'; PREFACE as usize]
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_frame_that_is_too_many_is_found(
            cuts in prop::collection::vec(1usize..40, 1..200),
            kinds in prop::collection::vec((0u8..12, 0usize..30), 1..60),
        ) {
            let rate = 1;
            let (mut stream, mut counted, mut opened, mut end) = (preface(), 0, 0, None);
            for (kind, length) in kinds {
                stream.extend(frame(kind, END_HEADERS, length));
                // all are of one stream, which opens and has trailers once; nothing was written to widen a window for
                opened += u32::from(kind == HEADERS);
                let asks = matches!(kind, DATA | CONTINUATION) || kind == HEADERS && opened <= 2;
                counted += u32::from(!asks);
                if counted > rate * FULL / COST {
                    end.get_or_insert(stream.len());
                }
            }
            let clock = Clock::new();
            let (mut frames, mut owed) = (Frames::new(rate, 1000, clock.now()), Owed::default());
            let (mut at, mut found) = (0, None);
            for cut in cuts.into_iter().cycle() {
                let piece = &stream[at..stream.len().min(at + cut)];
                if let Some(here) = frames.pass(piece, &clock, &mut owed) {
                    found = Some(at + here);
                    break;
                }
                at += piece.len();
                if at == stream.len() {
                    break;
                }
            }
            prop_assert_eq!(found, end);
            prop_assert!(found.is_some() || frames.begun().is_none());
        }
    }

    #[test]
    fn a_header_block_is_one_thing_until_it_is_whole_and_data_is_nothing() {
        let clock = Clock::new();
        let (mut frames, mut owed) = (Frames::new(1, 1000, clock.now()), Owed::default());
        let mut pass = |bytes: &[u8]| {
            assert_eq!(frames.pass(bytes, &clock, &mut owed), None);
            frames.begun()
        };
        assert!(pass(b"PRI").is_some());
        assert_eq!(pass(&preface()[3..]), None);
        let one = pass(&frame(HEADERS, 0, 3)).expect("a block has begun");
        assert_eq!(pass(&frame(CONTINUATION, 0, 0)), Some(one));
        assert_eq!(pass(&frame(CONTINUATION, END_HEADERS, 5)[..10]), Some(one));
        assert_eq!(pass(&[0; 4]), None);
        assert_eq!(pass(&frame(DATA, 0, 5)[..11]), None);
        assert_eq!(pass(&[0; 3]), None);
        assert!(pass(&frame(HEADERS, END_HEADERS, 5)[..11]).is_some_and(|other| other != one));
    }

    #[test]
    fn windows_widen_twice_for_each_frame_that_was_written_and_streams_have_trailers_once() {
        let clock = Clock::new();
        let (mut frames, mut owed) = (Frames::new(1, 1000, clock.now()), Owed::default());
        let mut passes = |written, bytes: &[u8]| {
            frames.wrote(written);
            frames.pass(bytes, &clock, &mut owed).is_none()
        };
        assert!(passes(0, &preface()));
        for _ in 0..1000 {
            assert!(passes(HEAD + 1, &frame(WINDOW_UPDATE, 0, 4).repeat(2)));
        }
        let mut opened = frame(HEADERS, END_HEADERS, 3);
        for stream in 0..1000u32 {
            opened[5..9].copy_from_slice(&(2 * stream + 1).to_be_bytes());
            assert!(passes(0, &opened.repeat(2)));
        }
        assert!(passes(0, &opened.repeat(10)), "ten are borne");
        assert!(!passes(0, &opened));
    }

    #[test]
    fn the_first_bit_of_a_streams_number_says_nothing() {
        let clock = Clock::new();
        let (mut frames, mut owed) = (Frames::new(1, 1000, clock.now()), Owed::default());
        let mut reset = frame(RST_STREAM, 0, 4);
        reset[5] = 0x80;
        for (bytes, open) in [(preface(), 0), (frame(HEADERS, END_HEADERS, 3), 1), (reset, 0)] {
            assert_eq!(frames.pass(&bytes, &clock, &mut owed), None);
            assert_eq!(owed.weight(), open);
        }
    }
}
