//! An event stream: it makes no difference where chunks end, and new data is the data.
#![no_main]

use gateway::mcp::Flaw;
use gateway::mcp::sse::{Boundary, Splitter, rewrite_data};
use libfuzzer_sys::fuzz_target;

type Seen = (Option<Vec<u8>>, Vec<u8>);

fuzz_target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let size = usize::from(*size).max(1);
    let whole = split(stream.chunks(stream.len().max(1)));
    assert_eq!(whole, split(stream.chunks(size)));
    assert_eq!(whole.0, stream);

    let (mut splitter, mut boundary) = (Splitter::new(1 << 20), Boundary::default());
    for chunk in stream.chunks(size) {
        splitter.feed(chunk, |_| Ok::<_, Flaw>(())).expect("no event is as long");
        assert_eq!(boundary.feed(chunk), splitter.rest().is_none());
    }
    assert_eq!(boundary.events(), whole.1.len() as u64);

    let mut limited = Splitter::new(16);
    let _ = limited.feed(stream, |event| {
        assert!(event.bytes().len() <= 16);
        Ok::<_, Flaw>(())
    });
});

/// All bytes, and the events that a client sees. New data in each of them is what a client then sees.
fn split<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<Seen>) {
    const NEW: &[u8] = b"{\n}";
    let mut splitter = Splitter::new(1 << 20);
    let (mut bytes, mut events, mut rewritten) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        let fed = splitter.feed(chunk, |event| {
            bytes.extend_from_slice(event.bytes());
            let seen = event.data().map(|data| (event.kind().map(<[u8]>::to_vec), data.into_owned()));
            rewritten.extend(rewrite_data(event.bytes(), NEW));
            events.extend(seen);
            Ok::<_, Flaw>(())
        });
        fed.expect("no event is as long");
    }
    bytes.extend(splitter.rest().map_or(Vec::new(), |event| event.bytes().to_vec()));

    let mut again = Vec::new();
    let fed = Splitter::new(4 << 20).feed(&rewritten, |event| {
        again.extend(event.data().map(|data| (event.kind().map(<[u8]>::to_vec), data.into_owned())));
        Ok::<_, Flaw>(())
    });
    fed.expect("no event is as long");
    let expected: Vec<Seen> = events.iter().map(|(kind, _)| (kind.clone(), NEW.to_vec())).collect();
    assert_eq!(again, expected);
    (bytes, events)
}
