//! A reply of a server, head and body: it makes no difference where reads end, another reader sees the same, nothing of the one
//! hop is passed on, and what is passed on reads as the same when it is written again.
#![no_main]

use gateway::upstream::{Whole, read_whole, write_chunk, write_last_chunk};
use http::Method;
use http::header::{self, HeaderMap};
use libfuzzer_sys::fuzz_target;

const METHODS: [Method; 4] = [Method::POST, Method::GET, Method::HEAD, Method::DELETE];
const MOST_FIELDS: usize = 100;

// The first byte is the method, the second the size of a piece.
fuzz_target!(|input: &[u8]| {
    let [method, cut, wire @ ..] = input else { return };
    let method = &METHODS[usize::from(*method) % METHODS.len()];
    let read = read_whole(wire, method, wire.len());
    let pieces = read_whole(wire, method, usize::from(*cut));
    let Ok(whole) = &read else {
        // that it breaks off may be known a piece later, but it never is not
        assert!(pieces.is_err(), "{read:?} but {pieces:?}");
        return;
    };
    assert_eq!(pieces.as_ref(), Ok(whole));
    let Some(whole) = whole else { return };
    assert!(whole.used <= wire.len() && whole.body.len() <= wire.len());
    is_seen_by_another(wire, whole);
    concerns_whoever_gets_it(whole);
    reads_as_the_same(method, whole);
});

/// httparse reads the same head, and no field that we do not.
fn is_seen_by_another(mut wire: &[u8], whole: &Whole) {
    loop {
        let mut theirs = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut reply = httparse::Response::new(&mut theirs);
        let Ok(httparse::Status::Complete(length)) = reply.parse(wire) else { panic!("httparse refuses it") };
        wire = &wire[length..];
        let code = reply.code.expect("a head has one");
        if code < 200 {
            continue;
        }
        assert_eq!(code, whole.status.as_u16());
        for (name, value) in &whole.headers {
            let found = reply
                .headers
                .iter()
                .any(|field| field.name.eq_ignore_ascii_case(name.as_str()) && same(field.value, value.as_bytes()));
            assert!(found, "{name}: {value:?} was not said");
        }
        return;
    }
}

/// Two readers may leave white space at the end of a value, or not; of a length, only the number counts.
fn same(theirs: &[u8], ours: &[u8]) -> bool {
    let number = |value: &[u8]| std::str::from_utf8(value).ok().and_then(|text| text.parse::<u64>().ok());
    theirs.trim_ascii() == ours.trim_ascii() || number(theirs).is_some() && number(theirs) == number(ours)
}

fn concerns_whoever_gets_it(whole: &Whole) {
    let hop = [
        "connection",
        "keep-alive",
        "te",
        "upgrade",
        "proxy-connection",
        "transfer-encoding",
        "server",
        "x-powered-by",
    ];
    for name in hop {
        assert!(!whole.headers.contains_key(name), "{name}");
    }
    assert!(!whole.headers.contains_key("mcp-session-id"), "it is kept apart");
    assert!(whole.headers.get_all(header::CONTENT_LENGTH).iter().count() <= 1);
    if let Some(trailers) = &whole.trailers {
        assert!(whole.ended && !trailers.is_empty());
        for name in
            ["content-length", "transfer-encoding", "connection", "content-type", "set-cookie", "host", "trailer"]
        {
            assert!(!trailers.contains_key(name), "{name} behind the body");
        }
    }
}

/// What is passed on, in chunks, is the same reply.
fn reads_as_the_same(method: &Method, whole: &Whole) {
    let bodyless = method == Method::HEAD || matches!(whole.status.as_u16(), 204 | 304);
    if !whole.ended || bodyless {
        return assert!(whole.body.is_empty() || !bodyless);
    }
    let mut wire = format!("HTTP/1.1 {}\r\n", whole.status.as_str()).into_bytes();
    let session = whole.session.iter().map(|session| ("mcp-session-id", session));
    for (name, value) in whole.headers.iter().map(|(name, value)| (name.as_str(), value)).chain(session) {
        if name != "content-length" {
            [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].iter().for_each(|part| wire.extend_from_slice(part));
        }
    }
    wire.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    write_chunk(&whole.body, &mut wire);
    write_last_chunk(whole.trailers.as_ref().unwrap_or(&HeaderMap::new()), |_| true, &mut wire);
    let again = read_whole(&wire, method, wire.len()).expect("what was read can be read").expect("and is whole");
    let mut headers = whole.headers.clone();
    headers.remove(header::CONTENT_LENGTH);
    let same = (again.status, &again.headers, &again.session, &again.body, &again.trailers);
    assert_eq!(same, (whole.status, &headers, &whole.session, &whole.body, &whole.trailers));
    assert!(again.ended && again.used == wire.len());
}
