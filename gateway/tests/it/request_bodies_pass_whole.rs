//! A request's body reaches the backend byte for byte, whatever its length and framing, and as it comes when it is long.
//! More than `limits.max_body` is 413; a body that breaks off never looks whole to the backend. Trailers come behind it, but
//! none that says what only a head may say.

use crate::harness::client::Incoming;
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol};
use bytes::Bytes;
use serde_json::Value;
use std::sync::LazyLock;

const MIB: usize = 1 << 20;

/// Bytes that show every loss and every exchange of two of them.
static PATTERN: LazyLock<Bytes> =
    LazyLock::new(|| (0..4 * MIB + 1).map(|n| (n % 251) as u8 ^ (n >> 13) as u8).collect());

fn pattern(length: usize) -> Bytes {
    PATTERN.slice(..length)
}

#[tokio::test]
async fn of_any_length() {
    let origin = Origin::answering(|request| ok(&request.body.len().to_string())).await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for length in [0, 1, 1000, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, MIB, 4 * MIB] {
            let ask = Ask::post(pattern(length)).key(&gateway.key().secret);
            for (ask, told) in [(ask.clone(), true), (ask.untold(), false)] {
                assert_eq!(client.ask(&ask).await.with(200).json(), length, "{protocol:?}");
                let seen = origin.last();
                assert!(seen.body == pattern(length), "{protocol:?}: {length} bytes came changed");
                if told {
                    assert_eq!(seen.fields().one("content-length"), Some(&*length.to_string()));
                }
            }
        }
    }
}

#[tokio::test]
async fn in_chunks_of_any_size() {
    let origin = Origin::answering(|request| ok(&request.body.len().to_string())).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    for (length, chunk) in [(0, 1), (1, 1), (100, 7), (64 * 1024, 1000), (64 * 1024 + 1, 64 * 1024), (4 * MIB, 100_000)]
    {
        let body = pattern(length);
        let ask = Ask::new("POST", "/mcp").key(&gateway.key().secret).field("Transfer-Encoding", "chunked");
        client.send_head(&ask).await;
        for part in body.chunks(chunk) {
            client.send(format!("{:X}\r\n", part.len())).await;
            client.send(part).await;
            client.send("\r\n").await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.reply().await.with(200).json(), length);
        assert!(origin.last().body == body, "{length} bytes in chunks of {chunk} came changed");
    }
}

/// The body and the trailers of the next request.
async fn received(origin: &Origin) -> (usize, Vec<String>) {
    let (mut exchange, mut length) = (origin.next().await, 0);
    let trailers = loop {
        match exchange.piece().await {
            Piece::Data(data) => length += data.len(),
            Piece::Trailers(fields) => break fields.sorted(),
            Piece::End => break Vec::new(),
            Piece::Cut => panic!("cut"),
        }
    };
    exchange.send(ok("{}")).await;
    exchange.done();
    (length, trailers)
}

/// How many at the end of [`TRAILERS`] would make an h2 message malformed.
const HTTP1_ONLY: usize = 3;

const TRAILERS: [(&str, &str); 14] = [
    ("x-sum", "1"),
    ("content-digest", "sha-256=:AAAA:"),
    ("x-sum", "2"),
    ("x-client-id", "admin"),
    ("x-key-id", "aaaaaaaaaaaa"),
    ("x-api-key", "a-key-of-somebody"),
    ("x_client_id", "admin"),
    ("x-forwarded-for", "192.0.2.1"),
    ("authorization", "Bearer a-token-of-somebody"),
    ("mcp-name", "delete_everything"),
    ("content-type", "text/plain"),
    ("content-length", "7"),
    ("host", "evil.example"),
    ("keep-alive", "timeout=5"),
];

#[tokio::test]
async fn with_its_trailers_but_for_what_belongs_in_a_head() {
    let origin = Origin::start().await;
    let key = Key::new();
    let setup = Gateway::before(&origin).client("phone", "tools = [\"get_alerts\"]", &[&key]);
    let gateway = setup.start().await;
    let expected = ["content-digest: sha-256=:AAAA:", "x-sum: 1", "x-sum: 2"];
    let ping = &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"[..];
    let (free, bound) = (&gateway.key().secret, &key.secret);
    // read whole for its policy or for its length, or streamed because it is long or nobody told how long it is
    for (secret, body) in [(bound, Bytes::from_static(ping)), (free, pattern(100)), (free, pattern(100_000))] {
        let ask = Ask::new("POST", "/mcp").key(secret).field("content-type", "application/json");
        let mut client = gateway.http1().await;
        client.send_head(&ask.clone().field("transfer-encoding", "chunked").field("trailer", "x-sum")).await;
        client.send(format!("{:x}\r\n", body.len())).await;
        client.send(&body).await;
        let trailers: String = TRAILERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        client.send(format!("\r\n0\r\n{trailers}\r\n")).await;
        let (seen, reply) = tokio::join!(received(&origin), client.reply());
        assert_eq!((seen.0, &seen.1[..], reply.status), (body.len(), &expected.map(str::to_owned)[..], 200));

        let told = ask.clone().field("content-length", body.len().to_string());
        for ask in [ask, told.field("trailer", "x-sum")] {
            let mut client = gateway.http2().await;
            let mut stream = client.open_head(&ask).await;
            let receive = async {
                stream.send(body.clone()).await;
                stream.finish_with(&TRAILERS[..TRAILERS.len() - HTTP1_ONLY]);
                Incoming::Two(stream).reply().await
            };
            let (seen, reply) = tokio::join!(received(&origin), receive);
            assert_eq!((seen.0, &seen.1[..], reply.status), (body.len(), &expected.map(str::to_owned)[..], 200));
        }
    }
    // nothing is left of these, and the length stays what it was
    let mut client = gateway.http2().await;
    let mut stream = client.open_head(&Ask::new("POST", "/mcp").key(free).field("content-length", "5")).await;
    let receive = async {
        stream.send("hello").await;
        stream.finish_with(&[("x-client-id", "admin")]);
        Incoming::Two(stream).reply().await
    };
    let (seen, reply) = tokio::join!(received(&origin), receive);
    assert_eq!((seen, reply.status), ((5, Vec::new()), 200));
    assert_eq!(origin.last().fields().one("content-length"), Some("5"));
}

/// What `Connection` lists is for one hop, wherever it stands (RFC 9110, section 7.6.1).
#[tokio::test]
async fn without_the_trailers_that_connection_lists() {
    let (origin, key) = (Origin::start().await, Key::new());
    let setup = Gateway::before(&origin).client("phone", "tools = [\"get_alerts\"]", &[&key]);
    let gateway = setup.start().await;
    let ping = &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}"[..];
    for (secret, body) in [(&key.secret, Bytes::from_static(ping)), (&gateway.key().secret, pattern(100_000))] {
        let mut client = gateway.http1().await;
        let ask = Ask::new("POST", "/mcp").key(secret).field("content-type", "application/json");
        let ask = ask.field("transfer-encoding", "chunked").field("connection", "x-hop, X-Other");
        client.send_head(&ask.field("x-hop", "0")).await;
        client.send(format!("{:x}\r\n", body.len())).await;
        client.send(&body).await;
        client.send("\r\n0\r\nX-Hop: 1\r\nx-sum: 1\r\nx-other: 2\r\nx-hop: 3\r\n\r\n").await;
        let (seen, reply) = tokio::join!(received(&origin), client.reply());
        assert_eq!((seen, reply.status), ((body.len(), vec!["x-sum: 1".to_owned()]), 200));
        assert!(!origin.last().fields().has("x-hop"));
    }
}

#[tokio::test]
async fn more_than_allowed_is_413() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let ask = Ask::new("POST", "/mcp").key(&gateway.key().secret);
    for length in ["4194305", "99999999999"] {
        let mut client = gateway.http1().await;
        client.send_head(&ask.clone().field("content-length", length)).await;
        client.reply().await.refuses(413, -32005, Value::Null);
    }
    let mut client = gateway.http2().await;
    let stream = client.open_head(&ask.clone().field("content-length", "4194305")).await;
    Incoming::Two(stream).reply().await.refuses(413, -32005, Value::Null);
    assert_eq!(origin.requests().len(), 0, "what is told beforehand is not forwarded");

    let mut client = gateway.http1().await;
    client.send_head(&ask.clone().field("transfer-encoding", "chunked")).await;
    client.send(format!("{:x}\r\n", 4 * MIB)).await;
    client.send(pattern(4 * MIB)).await;
    client.send("\r\n1\r\nx\r\n").await;
    client.reply().await.refuses(413, -32005, Value::Null);

    let mut client = gateway.http2().await;
    let mut stream = client.open_head(&ask).await;
    stream.send(pattern(4 * MIB + 1)).await;
    Incoming::Two(stream).reply().await.refuses(413, -32005, Value::Null);
}

#[tokio::test]
async fn the_limit_can_be_set() {
    let origin = Origin::answering(|request| ok(&request.body.len().to_string())).await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_body = \"1KiB\"").start().await;
    for protocol in Protocol::BOTH {
        for (length, status) in [(1024, 200), (1025, 413)] {
            let ask = Ask::post(pattern(length)).key(&gateway.key().secret);
            assert_eq!(gateway.client(protocol).await.ask(&ask).await.status, status, "{protocol:?} {length}");
        }
    }
}

#[tokio::test]
async fn a_long_one_goes_out_as_it_comes() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let length = 100_000;
    for framing in [("content-length", "100000"), ("transfer-encoding", "chunked")] {
        let mut client = gateway.http1().await;
        client.send_head(&Ask::new("POST", "/mcp").key(&gateway.key().secret).field(framing.0, framing.1)).await;
        let mut exchange = origin.next().await;
        for part in pattern(length).chunks(length / 10) {
            let chunked = framing.1 == "chunked";
            client.send(if chunked { format!("{:x}\r\n", part.len()) } else { String::new() }).await;
            client.send(part).await;
            client.send(if chunked { "\r\n" } else { "" }).await;
            // the next part is sent when the backend has this one
            let mut arrived = Vec::new();
            while arrived.len() < part.len() {
                let Piece::Data(data) = exchange.piece().await else { panic!("cut") };
                arrived.extend(data);
            }
            assert!(arrived == part);
        }
        client.send(if framing.1 == "chunked" { "0\r\n\r\n" } else { "" }).await;
        assert_eq!(exchange.piece().await, Piece::End);
        exchange.send(ok("{}")).await;
        client.reply().await.with(200);
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let origin = Origin::answering(|request| ok(&request.body.len().to_string())).await;
    let gateway = Gateway::before(&origin).start().await;
    let length = 5000;
    let ask = Ask::new("POST", "/mcp").field("Expect", "100-continue").field("content-length", length.to_string());
    let mut client = gateway.http1().await;
    client.send_head(&ask.clone().key(&gateway.key().secret)).await;
    assert_eq!(client.raw_head().await.unwrap().start, "HTTP/1.1 100 Continue");
    client.send(pattern(length)).await;
    assert_eq!(client.reply().await.with(200).json(), length);
    assert!(!origin.requests()[0].fields().has("expect"));

    // a stranger is refused before his body is asked for
    let mut client = gateway.http1().await;
    client.send_head(&ask).await;
    client.reply().await.refuses(401, -32001, Value::Null);
}

#[tokio::test]
async fn one_that_breaks_off_is_never_whole_for_the_backend() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    for (framing, part) in [
        (("content-length", "100000"), &pattern(50_000)[..]),
        (("transfer-encoding", "chunked"), b"5\r\nhello\r\n"),
        (("transfer-encoding", "chunked"), b"5\r\nhello\r\n0\r\n"),
    ] {
        let mut client = gateway.http1().await;
        client.send_head(&Ask::new("POST", "/mcp").key(&gateway.key().secret).field(framing.0, framing.1)).await;
        client.send(part).await;
        let mut exchange = origin.next().await;
        client.hang_up();
        assert!(!exchange.body_is_whole().await, "{framing:?}");
    }
    let mut client = gateway.http2().await;
    let mut stream = client.open_head(&Ask::new("POST", "/mcp").key(&gateway.key().secret)).await;
    stream.send("hello").await;
    let mut exchange = origin.next().await;
    stream.reset();
    assert!(!exchange.body_is_whole().await, "h2");
}
