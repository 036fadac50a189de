//! A client decides bytes, not where a request ends. Whatever it writes about framing, by raw sockets over TLS, the backend
//! sees at most the one request that was judged, in canonical form; what two servers could read differently is refused, or
//! ends the connection. What stands behind a request is the next one, judged by itself.

use crate::harness::origin::{Request, ok};
use crate::harness::{Gateway, Http1, Key, Origin};
use std::sync::{Arc, Mutex};

/// What becomes of the connection after the first reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// The next request on it is answered, and nothing else.
    Open,
    /// It is closed.
    Closed,
    /// This refusal comes first, for what stood behind the request.
    Refused(u16),
}
use Then::{Closed, Open, Refused};

/// Bytes from a client, where `{H}` stands for its `Host` and `{K}` for its key; the status of the reply, and what then; and
/// the requests that the backend gets whole.
type Case = (&'static str, u16, Then, &'static [&'static str]);

const HELLO: &[&str] = &["POST /mcp 5 hello"];
const CHUNKED: &[&str] = &["POST /mcp chunked hello"];
const NOTHING: &[&str] = &[];
/// The connection is closed without a reply.
const NONE: u16 = 0;

const LENGTHS: &[Case] = &[
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello", 200, Open, HELLO),
    ("POST /mcp HTTP/1.1\r\n{H}{K}content-length:5\r\n\r\nhello", 200, Open, HELLO),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length:\t 5 \t\r\n\r\nhello", 200, Open, HELLO),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 00005\r\n\r\nhello", 200, Open, HELLO),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, Open, HELLO),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 6\r\nContent-Length: 5\r\n\r\nhello!", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5, 5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5, 6\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: +5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: -5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 0x5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5.0\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5a\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 1 5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: \r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\0\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: \u{b}5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 18446744073709551616\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 9223372036854775808\r\n\r\nhello", 413, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length : 5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content_Length: 5\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello", 200, Open, HELLO),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello", 200, Open, &["GET /mcp 5 hello"]),
    ("DELETE /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello", 200, Open, &["DELETE /mcp 5 hello"]),
];

const CODINGS: &[Case] = &[
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, Open, CHUNKED),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding:\tCHUNKED \r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, Open, CHUNKED),
    // both: the coding counts, and nobody else's idea of the rest is waited for
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        Closed,
        CHUNKED,
    ),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        Closed,
        CHUNKED,
    ),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        Closed,
        CHUNKED,
    ),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /mcp?hidden HTTP/1.1\r\n{H}{K}\r\n",
        200,
        Closed,
        &["POST /mcp chunked "],
    ),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: nonsense\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        Closed,
        NOTHING,
    ),
    ("POST /mcp HTTP/1.0\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: identity\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: gzip\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        Closed,
        NOTHING,
    ),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        Closed,
        NOTHING,
    ),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        400,
        Closed,
        NOTHING,
    ),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\u{b}\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: \r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Transfer_Encoding: chunked\r\n\r\n", 400, Closed, NOTHING),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        Open,
        CHUNKED,
    ),
    (
        "GET /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        Open,
        &["GET /mcp chunked hello"],
    ),
];

/// What follows the head of a chunked request.
const CHUNKS: &[Case] = &[
    ("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, Open, CHUNKED),
    ("0000000000005\r\nhello\r\n000\r\n\r\n", 200, Open, CHUNKED),
    ("5;name=value;other=\"quoted\"\r\nhello\r\n0;last\r\n\r\n", 200, Open, CHUNKED),
    (
        "5\r\nhello\r\n0\r\nX-Client-Id: admin\r\nX-Key-Id: a\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\n",
        200,
        Open,
        CHUNKED,
    ),
    ("+5\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("-5\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("0x5\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5h\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    (";ext\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\rhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5;ext\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5;ext=\"\n\"\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("10000000000000005\r\nhello\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\nhello0\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\nhello\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\nhello!\r\n0\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\nhello\r\n0\r\nno field\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\nhello\r\n0\r\n: none\r\n\r\n", 400, Closed, NOTHING),
    ("5\r\nhello\r\n0\r\nX-Sum: 1\0\r\n\r\n", 400, Closed, NOTHING),
];

const HEADS: &[Case] = &[
    ("POST /mcp HTTP/1.1\n{H}{K}Content-Length: 5\n\nhello", 200, Open, HELLO),
    ("\r\n\r\nPOST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello", 200, Open, HELLO),
    (" POST /mcp HTTP/1.1\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST  /mcp HTTP/1.1\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST\t/mcp HTTP/1.1\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST /mcp\tHTTP/1.1\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1 \r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST /mcp http/1.1\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.2\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/2.0\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("GET /mcp\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NONE, Closed, NOTHING),
    ("GET http://evil.example/mcp HTTP/1.1\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{H}{K}\r\n", 421, Open, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{K}\r\n", 421, Open, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}X: a\rb\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}X: a\0b\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}X\0: a\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}X Y: a\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}: a\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}none\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}X: a\r\n b\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n X: a\r\n{H}{K}\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Connection: X-API-Key, X-Client-Id\r\n\r\n", 200, Open, &["GET /mcp - "]),
    // what was judged cannot be listed away
    ("GET /mcp HTTP/1.1\r\n{H}{K}Connection: Accept\r\nAccept: */*\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Connection: close, content-TYPE\r\n\r\n", 400, Closed, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Connection: close\r\nConnection: Mcp-Session-Id\r\n\r\n", 400, Closed, NOTHING),
    ("GET / HTTP/1.1\r\n{H}Connection: Content-Encoding\r\n\r\n", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Connection: Mcp-Method\r\nContent-Length: 5\r\n\r\nhello", 400, Closed, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Connection:,Mcp-Name ,\r\nContent-Length: 5\r\n\r\nhello", 400, Closed, NOTHING),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Connection: MCP-Protocol-Version\r\nContent-Length: 5\r\n\r\nhello",
        400,
        Closed,
        NOTHING,
    ),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Connection: keep-alive, Last-Event-ID\r\n\r\n", 400, Closed, NOTHING),
];

macro_rules! target {
    ($target:literal) => {
        concat!($target, " HTTP/1.1\r\n{H}{K}\r\n")
    };
}

/// What is asked for. Nothing is repaired: what does not read like one of our routes at once is refused.
const TARGETS: &[Case] = &[
    (target!("/mcp"), 200, Open, &["GET /mcp - "]),
    (target!("/mcp/"), 200, Open, &["GET /mcp/ - "]),
    (target!("/mcp?a=%2e%2e/%2f&b=../;//"), 200, Open, &["GET /mcp?a=%2e%2e/%2f&b=../;// - "]),
    // what no request may carry is cut off before anything is judged (RFC 9112, section 3.2)
    (target!("/mcp#/../health"), 200, Open, &["GET /mcp - "]),
    (target!("/mcp/../mcp"), 400, Closed, NOTHING),
    (target!("/health/../mcp"), 400, Closed, NOTHING),
    (target!("/./mcp"), 400, Closed, NOTHING),
    (target!("/mcp/."), 400, Closed, NOTHING),
    (target!("/mcp/.."), 400, Closed, NOTHING),
    (target!("/%2e/mcp"), 400, Closed, NOTHING),
    (target!("/health/%2e%2E/mcp"), 400, Closed, NOTHING),
    (target!("//mcp"), 400, Closed, NOTHING),
    (target!("/mcp//"), 400, Closed, NOTHING),
    (target!("/%2fmcp"), 400, Closed, NOTHING),
    (target!("/mcp%2F"), 400, Closed, NOTHING),
    (target!("/mcp%5c"), 400, Closed, NOTHING),
    (target!("/mcp\\"), 400, Closed, NOTHING),
    (target!("\\mcp"), 400, Closed, NOTHING),
    (target!("/mcp%00"), 400, Closed, NOTHING),
    (target!("/mcp%25"), 400, Closed, NOTHING),
    (target!("/mcp%252e"), 400, Closed, NOTHING),
    (target!("/mcp;x=1"), 400, Closed, NOTHING),
    (target!("/health;/../mcp"), 400, Closed, NOTHING),
    (target!("/mcp\u{e9}"), 400, Closed, NOTHING),
    (target!("http://localhost/mcp"), 400, Closed, NOTHING),
    (target!("https://evil.example/mcp"), 400, Closed, NOTHING),
    (target!("localhost:443"), 400, Closed, NOTHING),
    (target!("*"), 400, Closed, NOTHING),
    (target!("mcp"), 400, Closed, NOTHING),
    (target!("?"), 400, Closed, NOTHING),
    (target!(""), 400, Closed, NOTHING),
    (target!("/%6dcp"), 400, Closed, NOTHING),
    (target!("/MCP"), 404, Open, NOTHING),
];

/// What stands behind a request.
const BEHIND: &[Case] = &[
    // the body of a stranger's request: swallowed or closed, never looked at
    (
        "POST /mcp HTTP/1.1\r\n{H}Content-Length: 99999\r\n\r\nGET /mcp?hidden HTTP/1.1\r\n{H}{K}\r\n",
        401,
        Closed,
        NOTHING,
    ),
    ("POST /mcp HTTP/1.1\r\n{H}Content-Length: 7\r\n\r\nhello\r\n", 401, Open, NOTHING),
    ("POST /mcp HTTP/1.1\r\n{H}Content-Length: 5\r\n\r\nhelloGET /mcp HTTP/1.1\r\n{H}\r\n", 401, Refused(401), NOTHING),
    (
        "POST /mcp HTTP/1.1\r\n{H}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /mcp HTTP/1.1\r\n{H}\r\n",
        401,
        Closed,
        NOTHING,
    ),
    (
        "POST /none HTTP/1.1\r\n{H}Content-Length: 5\r\n\r\nhelloGET /mcp HTTP/1.1\r\n{H}\r\n",
        404,
        Refused(401),
        NOTHING,
    ),
    // a request in the body of a good one is its body
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 23\r\n\r\nGET /mcp?x HTTP/1.1\r\n\r\n",
        200,
        Open,
        &["POST /mcp 23 GET /mcp?x HTTP/1.1\r\n\r\n"],
    ),
    // and one behind it has no part in its key
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhelloGET /mcp?x HTTP/1.1\r\n{H}\r\n",
        200,
        Refused(401),
        HELLO,
    ),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello\0", 200, Refused(400), HELLO),
    (
        "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nX\r\n\r\n",
        200,
        Refused(400),
        CHUNKED,
    ),
    // nobody speaks another protocol before we agreed to it
    (
        "GET /mcp HTTP/1.1\r\n{H}{K}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /mcp?x HTTP/1.1\r\n{H}\r\n",
        501,
        Refused(401),
        NOTHING,
    ),
    (
        "GET /mcp HTTP/1.1\r\n{H}{K}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}\0",
        501,
        Refused(400),
        NOTHING,
    ),
    (
        "GET /mcp HTTP/1.1\r\n{H}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        401,
        Closed,
        NOTHING,
    ),
    ("CONNECT /mcp HTTP/1.1\r\n{H}{K}\r\nGET /mcp?x HTTP/1.1\r\n{H}\r\n", 501, Refused(401), NOTHING),
    ("CONNECT localhost:443 HTTP/1.1\r\n{H}{K}\r\nGET /mcp?x HTTP/1.1\r\n{H}\r\n", 501, Refused(401), NOTHING),
];

struct Range {
    gateway: Gateway,
    origin: Origin,
    whole: Arc<Mutex<Vec<String>>>,
}

impl Range {
    async fn start(members: &str) -> (Self, Key) {
        let whole = Arc::new(Mutex::new(Vec::new()));
        let got = whole.clone();
        let origin = Origin::answering(move |request| {
            got.lock().unwrap().push(request.canonical());
            ok("{}")
        })
        .await;
        let key = Key::new();
        let gateway = Gateway::before(&origin).client("phone", members, &[&key]).start().await;
        (Self { gateway, origin, whole }, key)
    }

    /// Sends a case on a connection of its own; gives what differs from what is expected.
    async fn plays(&self, number: usize, case: &Case, head: &str, key: &Key) -> Option<String> {
        let (bytes, status, then, whole) = case;
        self.whole.lock().unwrap().clear();
        let host = format!("Host: {}\r\n", self.gateway.authority());
        let mark = format!("{number}-{}", head.split(' ').next().unwrap_or_default());
        let secret = format!("X-API-Key: {}\r\nCase: {mark}\r\n", key.secret);
        let sent = format!("{head}{bytes}").replace("{H}", &host).replace("{K}", &secret);
        let mut client = self.gateway.http1().await;
        // whoever refuses may close before everything was sent
        let _ = client.offer(&sent).await;
        let came = match client.raw_head().await {
            Some(head) => {
                while matches!(client.piece().await, crate::harness::Piece::Data(_)) {}
                head.status()
            }
            None => NONE,
        };
        let after = self.after(&mut client, &host).await;
        let got = self.whole.lock().unwrap().clone();
        let own = |request: &&Request| request.fields().all("case") == [mark.as_str()];
        let heads = self.origin.requests().iter().filter(own).count();
        // what breaks in its body may have begun to be forwarded; what is refused for its head has not
        let most = whole.len().max(usize::from(head.ends_with("\r\n\r\n")));
        let right = came == *status && after == *then && got == **whole && heads <= most;
        (!right).then(|| format!("{head:?} {bytes:?}\n  {came} {after:?} {got:?}, {heads} heads\n"))
    }

    /// What comes on the connection before the answer to a request that only we know of.
    async fn after(&self, client: &mut Http1, host: &str) -> Then {
        let _ = client.offer(format!("GET /none HTTP/1.1\r\n{host}\r\n")).await;
        match client.raw_head().await.map(|head| head.status()) {
            None => Closed,
            Some(404) => Open,
            Some(status) => Refused(status),
        }
    }

    /// Asks with a key for a target that need be no text; gives the status, if there is one, of a connection that ends.
    async fn asks(&self, target: &[u8], key: &Key) -> Option<u16> {
        let rest = format!(" HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\n\r\n", self.gateway.authority(), key.secret);
        let mut client = self.gateway.http1().await;
        // whoever refuses may close before everything was sent
        let _ = client.offer([b"GET ", target, rest.as_bytes()].concat()).await;
        let head = client.raw_head().await?;
        while matches!(client.piece().await, crate::harness::Piece::Data(_)) {}
        client.closed("such a target").await;
        Some(head.status())
    }

    async fn play(&self, cases: &[Case], head: &str, key: &Key) {
        let mut wrong = String::new();
        for (number, case) in cases.iter().enumerate() {
            wrong += &self.plays(number, case, head, key).await.unwrap_or_default();
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

#[tokio::test]
async fn whatever_length_is_told() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(LENGTHS, "", &key).await;
}

#[tokio::test]
async fn whatever_coding_is_told() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(CODINGS, "", &key).await;
}

#[tokio::test]
async fn however_chunks_are_written() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(CHUNKS, "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n", &key).await;
}

/// Where a policy has to judge the body, not even a head is forwarded before it is whole.
#[tokio::test]
async fn and_under_a_policy_no_part_of_a_broken_body() {
    let (range, key) = Range::start("tools = [\"get_alerts\"]").await;
    let head = "POST /mcp HTTP/1.1\r\n{H}{K}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let broken: Vec<Case> = CHUNKS.iter().filter(|case| case.1 == 400).copied().collect();
    range.play(&broken, head, &key).await;
    assert_eq!(range.origin.requests().len(), 0);
}

#[tokio::test]
async fn however_heads_are_written() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(HEADS, "", &key).await;
}

#[tokio::test]
async fn whatever_is_asked_for() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(TARGETS, "GET ", &key).await;
    for method in ["POST ", "OPTIONS ", "DELETE "] {
        let refused: Vec<Case> = TARGETS.iter().filter(|case| case.1 == 400).copied().collect();
        range.play(&refused, method, &key).await;
    }
    let passed = range.origin.requests().len();
    for target in [&b"/mcp\xff"[..], b"/\xff/mcp", b"/\xc0\xae\xc0\xae/mcp", b"/mcp\xed\xa0\x80"] {
        let status = range.asks(target, &key).await;
        assert_eq!(status, Some(400), "{target:?} is no UTF-8");
    }
    let long = format!("/mcp?{}", "a".repeat(64 * 1024));
    let status = range.asks(long.as_bytes(), &key).await;
    assert!(matches!(status, None | Some(414 | 431)), "{status:?}");
    assert_eq!(range.origin.requests().len(), passed);
}

#[tokio::test]
async fn whatever_stands_behind_a_request() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(BEHIND, "", &key).await;
}

#[test]
fn at_least_sixty_ways() {
    let cases = [LENGTHS, CODINGS, CHUNKS, HEADS, TARGETS, BEHIND];
    assert!(cases.iter().map(|cases| cases.len()).sum::<usize>() >= 100);
}
