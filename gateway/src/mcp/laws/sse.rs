use proptest::prelude::*;

use super::super::flaw::Flaw;
use super::super::sse::{Boundary, Event, Splitter, rewrite_data};

/// A stream: lines of all kinds with all line ends, most of them whole.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        3 => Just("data: {\"a\":1}"),
        2 => Just("data"),
        1 => Just("data:"),
        1 => Just("data:x"),
        1 => Just("datax: y"),
        1 => Just("id: 7"),
        1 => Just("event: message"),
        1 => Just("event: other"),
        1 => Just(": comment"),
        1 => Just(":"),
        1 => Just("\u{feff}data: z"),
        5 => Just(""),
    ];
    let end = prop_oneof![4 => Just("\n"), 2 => Just("\r\n"), 2 => Just("\r"), 1 => Just("")];
    (prop_oneof![Just(""), Just("\u{feff}")], prop::collection::vec((line, end), 0..24)).prop_map(|(mark, lines)| {
        let mut stream = mark.to_owned();
        for (line, end) in lines {
            stream.push_str(line);
            stream.push_str(end);
        }
        stream.into_bytes()
    })
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), Just(vec![10_000]), prop::collection::vec(1..20_usize, 1..10)]
}

fn chunks<'a>(stream: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let (mut rest, mut sizes) = (stream, sizes.iter().cycle());
    std::iter::from_fn(move || {
        let (chunk, behind) = rest.split_at(rest.len().min(*sizes.next()?));
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}

type Seen = (Option<Vec<u8>>, Vec<u8>);

fn seen(event: Event<'_>) -> Option<Seen> {
    Some((event.kind().map(<[u8]>::to_vec), event.data()?.into_owned()))
}

/// What a client sees, by the letter of the standard, on the whole stream.
fn oracle(stream: &[u8]) -> Vec<Seen> {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut data, mut kind) = (String::new(), String::new());
    // What follows the last line end is no line.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in whole.split('\n') {
        if line.is_empty() {
            if let Some(data) = data.strip_suffix('\n') {
                events.push(((!kind.is_empty()).then(|| kind.clone().into_bytes()), data.to_owned().into_bytes()));
            }
            data.clear();
            kind.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data = format!("{data}{value}\n"),
            "event" => value.clone_into(&mut kind),
            _ => {}
        }
    }
    events
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn events_are_those_of_the_standard_wherever_chunks_end(stream in stream(), sizes in sizes()) {
        let mut splitter = Splitter::new(10_000);
        let mut boundary = Boundary::default();
        let (mut bytes, mut events) = (Vec::new(), Vec::new());
        for chunk in chunks(&stream, &sizes) {
            splitter.feed(chunk, |event| {
                assert!(boundary.feed(event.bytes()), "{:?}", event.bytes());
                bytes.extend_from_slice(event.bytes());
                events.extend(seen(event));
                Ok::<_, Flaw>(())
            }).unwrap();
        }
        let rest = splitter.rest().map_or(Vec::new(), |event| event.bytes().to_vec());
        prop_assert_eq!(&events, &oracle(&stream));
        prop_assert_eq!(boundary.events(), events.len() as u64);
        bytes.extend(rest);
        prop_assert_eq!(bytes, stream);
    }

    #[test]
    fn a_boundary_is_where_a_splitter_holds_nothing(stream in stream(), sizes in sizes()) {
        let mut splitter = Splitter::new(10_000);
        let mut boundary = Boundary::default();
        for chunk in chunks(&stream, &sizes) {
            splitter.feed(chunk, |_| Ok::<_, Flaw>(())).unwrap();
            prop_assert_eq!(boundary.feed(chunk), splitter.rest().is_none());
        }
    }

    #[test]
    fn rewritten_data_is_the_data_and_all_else_stays(stream in stream(), data in "[a-z{}\n\r ]{0,20}") {
        let mut splitter = Splitter::new(10_000);
        let mut rewritten = Vec::new();
        let mut expected = Vec::new();
        splitter.feed(&stream, |event| {
            let new = rewrite_data(event.bytes(), data.as_bytes());
            if let Some((kind, _)) = seen(event) {
                expected.push((kind, data.replace("\r\n", "\n").replace('\r', "\n").into_bytes()));
            } else {
                assert_eq!(new, event.bytes());
            }
            rewritten.extend(new);
            Ok::<_, Flaw>(())
        }).unwrap();
        prop_assert_eq!(oracle(&rewritten), expected);
    }
}
