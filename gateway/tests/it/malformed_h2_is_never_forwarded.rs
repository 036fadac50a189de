//! h2 can carry in one field what HTTP/1.1 reads as two, and leaves no doubt about where a message ends that a backend could
//! not be given. By frames that no client library sends: what is malformed ends its stream or its connection, and what is
//! not is forwarded in canonical form.

use crate::harness::{Gateway, Origin, within};
use rustls::version::TLS13;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

type Field = (&'static str, &'static str);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The pseudo-header fields of a good request, with `{A}` for the gateway's authority.
const GOOD: [Field; 4] = [(":method", "POST"), (":scheme", "https"), (":authority", "{A}"), (":path", "/mcp")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Got {
    Status(u16),
    /// The stream was reset, or the connection was ended.
    Broken,
}
use Got::{Broken, Status};

/// What is sent and what comes of it: fields, the key behind them; DATA, with END_STREAM; trailers.
struct Case {
    fields: Vec<Field>,
    body: Option<&'static str>,
    trailers: &'static [Field],
    got: Got,
    whole: &'static [&'static str],
}

const HELLO: &[&str] = &["POST /mcp chunked hello"];
const TOLD: &[&str] = &["POST /mcp 5 hello"];

fn case(fields: Vec<Field>, got: Got, whole: &'static [&'static str]) -> Case {
    Case { fields, body: Some("hello"), trailers: &[], got, whole }
}

/// A good request with one field more.
fn with(name: &'static str, value: &'static str, got: Got, whole: &'static [&'static str]) -> Case {
    case(GOOD.into_iter().chain([(name, value)]).collect(), got, whole)
}

/// A good request with another value for a pseudo-header field.
fn but(name: &'static str, value: &'static str, got: Got) -> Case {
    case(GOOD.map(|(known, meant)| (known, if known == name { value } else { meant })).to_vec(), got, &[])
}

fn without(name: &str, got: Got) -> Case {
    case(GOOD.into_iter().filter(|(known, _)| *known != name).collect(), got, &[])
}

/// Asks for another protocol on a stream (RFC 8441), which nobody has said may be asked for.
fn extended_connect() -> Case {
    let connect = GOOD.map(|(known, meant)| (known, if known == ":method" { "CONNECT" } else { meant }));
    case(connect.into_iter().chain([(":protocol", "websocket")]).collect(), Broken, &[])
}

fn cases() -> Vec<Case> {
    [framing(), lengths(), values(), pseudo(), trailers()].into_iter().flatten().collect()
}

fn framing() -> Vec<Case> {
    vec![
        case(GOOD.to_vec(), Status(200), HELLO),
        with("content-length", "5", Status(200), TOLD),
        with("te", "trailers", Status(200), HELLO),
        with("cookie", "a=b", Status(200), HELLO),
        with("x-client-id", "admin", Status(200), HELLO),
        with("x-forwarded-for", "192.0.2.1", Status(200), HELLO),
        with("x_client_id", "admin", Status(400), &[]),
        with("x-client.id", "admin", Status(400), &[]),
        // framing belongs to h2
        with("transfer-encoding", "chunked", Broken, &[]),
        with("transfer-encoding", "identity", Broken, &[]),
        with("connection", "keep-alive", Broken, &[]),
        with("connection", "x-api-key", Broken, &[]),
        with("keep-alive", "timeout=5", Broken, &[]),
        with("proxy-connection", "keep-alive", Broken, &[]),
        with("upgrade", "websocket", Broken, &[]),
        with("te", "gzip", Broken, &[]),
    ]
}

/// Those that lie.
fn lengths() -> Vec<Case> {
    let no_body = |length| Case { body: None, ..with("content-length", length, Broken, &[]) };
    let told_twice = [("content-length", "5"), ("content-length", "6")];
    vec![
        with("content-length", "4", Broken, &[]),
        with("content-length", "6", Broken, &[]),
        with("content-length", "0", Broken, &[]),
        with("content-length", "+5", Broken, &[]),
        with("content-length", "0x5", Broken, &[]),
        with("content-length", "5, 5", Broken, &[]),
        with("content-length", "", Broken, &[]),
        with("content-length", "18446744073709551616", Broken, &[]),
        no_body("5"),
        case(GOOD.into_iter().chain(told_twice).collect(), Broken, &[]),
    ]
}

/// One field that would be two, or none.
fn values() -> Vec<Case> {
    vec![
        with("x", "a\r\nx-client-id: admin", Broken, &[]),
        with("x", "a\nx-client-id: admin", Broken, &[]),
        with("x", "a\rb", Broken, &[]),
        with("x", "a\0b", Broken, &[]),
        with("x", "a\x01b", Broken, &[]),
        with("x", "a\x1b[2Jb", Broken, &[]),
        with("x", "a\x7fb", Broken, &[]),
        with("x", "a\r\n\r\nGET /mcp?hidden HTTP/1.1\r\n", Broken, &[]),
        with("x: y\r\nx-client-id", "admin", Broken, &[]),
        with("x y", "a", Broken, &[]),
        with("x:y", "a", Broken, &[]),
        with("x\0", "a", Broken, &[]),
        with("", "a", Broken, &[]),
        with("X-Upper", "a", Broken, &[]),
    ]
}

fn pseudo() -> Vec<Case> {
    let late: Vec<Field> = [("x", "a")].into_iter().chain(GOOD).collect();
    vec![
        case(late, Broken, &[]),
        // what the library forgives is forgotten before anything is judged
        Case { whole: HELLO, ..but(":path", "/mcp#part", Status(200)) },
        Case { whole: HELLO, ..but(":scheme", "", Status(200)) },
        but(":path", "/mcp HTTP/1.1\r\nx-client-id: admin\r\nx: ", Broken),
        but(":path", "/mcp\r\n", Broken),
        but(":path", "/mcp x", Broken),
        but(":path", "", Broken),
        but(":path", "mcp", Broken),
        but(":path", "//mcp", Status(400)),
        but(":path", "/x/../mcp", Status(400)),
        but(":path", "*", Status(400)),
        but(":path", "http://evil.example/mcp", Broken),
        but(":method", "POST /mcp HTTP/1.1\r\nx: ", Broken),
        but(":method", "PO ST", Broken),
        but(":method", "", Broken),
        but(":authority", "evil.example", Status(421)),
        but(":authority", "localhost\r\nx-client-id: admin", Broken),
        but(":authority", "user@localhost", Status(421)),
        but(":scheme", "https\r\nx: y", Broken),
        without(":method", Broken),
        without(":path", Broken),
        without(":scheme", Broken),
        without(":authority", Status(421)),
        with(":path", "/health", Broken, &[]),
        with(":method", "GET", Broken, &[]),
        with(":authority", "{A}", Broken, &[]),
        with(":status", "200", Broken, &[]),
        with(":protocol", "websocket", Broken, &[]),
        extended_connect(),
        with(":unknown", "a", Broken, &[]),
        with("host", "{A}", Status(200), HELLO),
        with("host", "evil.example", Status(421), &[]),
    ]
}

fn trailers() -> Vec<Case> {
    let behind = |trailers, got, whole| Case { trailers, ..case(GOOD.to_vec(), got, whole) };
    vec![
        behind(&[("x-client-id", "admin"), ("content-length", "7")], Status(200), HELLO),
        behind(&[(":path", "/health")], Status(200), HELLO),
        behind(&[("x", "a\r\nb: c")], Broken, &[]),
        behind(&[("transfer-encoding", "chunked")], Broken, &[]),
    ]
}

#[tokio::test]
async fn by_frames_written_by_hand() {
    let (origin, whole) = Origin::canonical().await;
    let gateway = Gateway::before(&origin).start().await;
    let cases = cases();
    assert!(cases.len() >= 60);
    let mut wrong = String::new();
    for case in cases {
        whole.lock().unwrap().clear();
        let got = send(&gateway, &case).await;
        let seen = whole.lock().unwrap().clone();
        if got != case.got || seen != case.whole {
            let (fields, trailers) = (&case.fields, case.trailers);
            wrong += &format!("{fields:?} {:?} {trailers:?}\n  {got:?} {seen:?}\n", case.body);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let hidden = |target: &str| target.contains("hidden");
    assert!(!origin.requests().iter().any(|request| hidden(request.target())));
}

/// Sends a case on a connection of its own and waits for what comes of its stream.
async fn send(gateway: &Gateway, case: &Case) -> Got {
    let mut io = gateway.tls(&["h2"], &[&TLS13]).await.expect("a TLS connection");
    let authority = gateway.authority();
    let key = [("x-api-key", gateway.key().secret.as_str())];
    let fields = case.fields.iter().map(|(name, value)| (*name, value.replace("{A}", &authority)));
    let block = block(fields.chain(key.map(|(name, value)| (name, value.to_owned()))));
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    let last = case.body.is_none() && case.trailers.is_empty();
    bytes.extend(frame(HEADERS, END_HEADERS | if last { END_STREAM } else { 0 }, 1, &block));
    if let Some(body) = case.body {
        bytes.extend(frame(DATA, u8::from(case.trailers.is_empty()) * END_STREAM, 1, body.as_bytes()));
    }
    if !case.trailers.is_empty() {
        let trailers = case.trailers.iter().map(|(name, value)| (*name, (*value).to_owned()));
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &self::block(trailers)));
    }
    // it may be refused before all of it was sent
    let _ = io.write_all(&bytes).await;
    let _ = io.flush().await;
    within("the end of a stream", outcome(&mut io)).await
}

/// What the gateway says of stream 1.
async fn outcome(io: &mut TlsStream<TcpStream>) -> Got {
    loop {
        let mut head = [0; 9];
        if io.read_exact(&mut head).await.is_err() {
            return Broken;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if io.read_exact(&mut payload).await.is_err() {
            return Broken;
        }
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match (head[3], stream) {
            (HEADERS, 1) => return Status(status(&payload)),
            (RST_STREAM, 1) | (GOAWAY, 0) => return Broken,
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals that nobody remembers (RFC 7541, section 6.2.2).
fn block(fields: impl Iterator<Item = (&'static str, String)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, &value] {
            match u8::try_from(text.len()).unwrap() {
                short @ ..127 => block.push(short),
                long => block.extend([127, long - 127]),
            }
            block.extend(text.as_bytes());
        }
    }
    block
}

/// The status that stands first in a block: one that HPACK knows, or a literal in its Huffman code, which has 5 bits for
/// 0 to 2 and 6 for 3 to 9.
fn status(block: &[u8]) -> u16 {
    const KNOWN: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    let at = block.iter().position(|byte| byte >> 5 != 1).unwrap(); // behind changes of the table's size
    if let Some(known) = block[at].checked_sub(0x88).and_then(|index| KNOWN.get(usize::from(index))) {
        return *known;
    }
    let coded = &block[at + 2..at + 2 + usize::from(block[at + 1] & 0x7f)];
    let bits = coded.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    let (mut left, mut status) = (8 * coded.len(), 0);
    for _ in 0..3 {
        let five = bits >> (left - 5) & 0x1f;
        let digit = if five < 3 { five } else { (bits >> (left - 6) & 0x3f) - 0x19 + 3 };
        left -= if five < 3 { 5 } else { 6 };
        status = status * 10 + u16::try_from(digit).unwrap();
    }
    status
}
