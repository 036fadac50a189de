//! What clients write, and what is made of it.

/// What becomes of the connection after the first reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next request on it is answered, and nothing else.
    Open,
    /// It is closed.
    Closed,
    /// This refusal comes first, for what stood behind the request.
    Refused(u16),
}
pub(super) use Then::{Closed, Open, Refused};

/// Bytes from a client, where `{H}` stands for its `Host` and `{K}` for its key; the status of the reply, and what then; and
/// the requests that the backend gets whole.
pub(super) type Case = (&'static str, u16, Then, &'static [&'static str]);

pub(super) const HELLO: &[&str] = &["POST /mcp 5 hello"];
pub(super) const CHUNKED: &[&str] = &["POST /mcp chunked hello"];
pub(super) const NOTHING: &[&str] = &[];

/// It is read as one request with a body of the length that was told, or in chunks.
const fn hello(bytes: &'static str) -> Case {
    (bytes, 200, Open, HELLO)
}

const fn chunked(bytes: &'static str) -> Case {
    (bytes, 200, Open, CHUNKED)
}

/// It is no request that anybody could read in one way only.
const fn refused(bytes: &'static str) -> Case {
    (bytes, 400, Closed, NOTHING)
}

/// The connection is closed without a reply.
pub(super) const NONE: u16 = 0;

pub(super) const LENGTHS: &[Case] = &[
    hello("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello"),
    hello("POST /mcp HTTP/1.1\r\n{H}{K}content-length:5\r\n\r\nhello"),
    hello("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length:\t 5 \t\r\n\r\nhello"),
    hello("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 00005\r\n\r\nhello"),
    hello("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 6\r\nContent-Length: 5\r\n\r\nhello!"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5, 5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5, 6\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: +5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: -5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 0x5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5.0\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5a\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 1 5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: \r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\0\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: \u{b}5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 18446744073709551616\r\n\r\nhello"),
    ("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 9223372036854775808\r\n\r\nhello", 413, Closed, NOTHING),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length : 5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content_Length: 5\r\n\r\n"),
    hello("POST /mcp HTTP/1.1\r\n{H}{K}Connection: Content-Length\r\nContent-Length: 5\r\n\r\nhello"),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello", 200, Open, &["GET /mcp 5 hello"]),
    ("DELETE /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello", 200, Open, &["DELETE /mcp 5 hello"]),
];

pub(super) const CODINGS: &[Case] = &[
    chunked("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    chunked("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding:\tCHUNKED \r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
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
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Content-Length: nonsense\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.0\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: identity\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: gzip\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\u{b}\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: \r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Transfer_Encoding: chunked\r\n\r\n"),
    chunked(
        "POST /mcp HTTP/1.1\r\n{H}{K}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ),
    (
        "GET /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        200,
        Open,
        &["GET /mcp chunked hello"],
    ),
];

/// What follows the head of a chunked request.
pub(super) const CHUNKS: &[Case] = &[
    chunked("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
    chunked("0000000000005\r\nhello\r\n000\r\n\r\n"),
    chunked("5;name=value;other=\"quoted\"\r\nhello\r\n0;last\r\n\r\n"),
    chunked(
        "5\r\nhello\r\n0\r\nX-Client-Id: admin\r\nX-Key-Id: a\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\n",
    ),
    refused("+5\r\nhello\r\n0\r\n\r\n"),
    refused("-5\r\nhello\r\n0\r\n\r\n"),
    refused("0x5\r\nhello\r\n0\r\n\r\n"),
    refused("5h\r\nhello\r\n0\r\n\r\n"),
    refused("\r\nhello\r\n0\r\n\r\n"),
    refused(";ext\r\nhello\r\n0\r\n\r\n"),
    refused("5\nhello\r\n0\r\n\r\n"),
    refused("5\r\rhello\r\n0\r\n\r\n"),
    refused("5;ext\nhello\r\n0\r\n\r\n"),
    refused("5;ext=\"\n\"\r\nhello\r\n0\r\n\r\n"),
    refused("10000000000000005\r\nhello\r\n0\r\n\r\n"),
    refused("5\r\nhello0\r\n\r\n"),
    refused("5\r\nhello\n0\r\n\r\n"),
    refused("5\r\nhello!\r\n0\r\n\r\n"),
    refused("5\r\nhello\r\n0\r\nno field\r\n\r\n"),
    refused("5\r\nhello\r\n0\r\n: none\r\n\r\n"),
    refused("5\r\nhello\r\n0\r\nX-Sum: 1\0\r\n\r\n"),
];

pub(super) const HEADS: &[Case] = &[
    hello("POST /mcp HTTP/1.1\n{H}{K}Content-Length: 5\n\nhello"),
    hello("\r\n\r\nPOST /mcp HTTP/1.1\r\n{H}{K}Content-Length: 5\r\n\r\nhello"),
    refused(" POST /mcp HTTP/1.1\r\n{H}{K}\r\n"),
    refused("POST  /mcp HTTP/1.1\r\n{H}{K}\r\n"),
    refused("POST\t/mcp HTTP/1.1\r\n{H}{K}\r\n"),
    refused("POST /mcp\tHTTP/1.1\r\n{H}{K}\r\n"),
    refused("POST /mcp HTTP/1.1 \r\n{H}{K}\r\n"),
    refused("POST /mcp http/1.1\r\n{H}{K}\r\n"),
    refused("POST /mcp HTTP/1.2\r\n{H}{K}\r\n"),
    refused("POST /mcp HTTP/2.0\r\n{H}{K}\r\n"),
    refused("GET /mcp\r\n{H}{K}\r\n"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NONE, Closed, NOTHING),
    refused("GET http://evil.example/mcp HTTP/1.1\r\n{H}{K}\r\n"),
    ("GET /mcp HTTP/1.1\r\n{H}{H}{K}\r\n", 421, Open, NOTHING),
    ("GET /mcp HTTP/1.1\r\n{K}\r\n", 421, Open, NOTHING),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X: a\rb\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X: a\0b\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X: a\x01b\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X: a\x1b[2Jb\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X: a\x7fb\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X\0: a\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X Y: a\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}: a\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}none\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}X: a\r\n b\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n X: a\r\n{H}{K}\r\n"),
    ("GET /mcp HTTP/1.1\r\n{H}{K}Connection: X-API-Key, X-Client-Id\r\n\r\n", 200, Open, &["GET /mcp - "]),
    // what was judged cannot be listed away
    refused("GET /mcp HTTP/1.1\r\n{H}{K}Connection: Accept\r\nAccept: */*\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}Connection: close, content-TYPE\r\n\r\n"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}Connection: close\r\nConnection: Mcp-Session-Id\r\n\r\n"),
    refused("GET / HTTP/1.1\r\n{H}Connection: Content-Encoding\r\n\r\n"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Connection: Mcp-Method\r\nContent-Length: 5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Connection:,Mcp-Name ,\r\nContent-Length: 5\r\n\r\nhello"),
    refused("POST /mcp HTTP/1.1\r\n{H}{K}Connection: MCP-Protocol-Version\r\nContent-Length: 5\r\n\r\nhello"),
    refused("GET /mcp HTTP/1.1\r\n{H}{K}Connection: keep-alive, Last-Event-ID\r\n\r\n"),
];

macro_rules! target {
    ($target:literal) => {
        concat!($target, " HTTP/1.1\r\n{H}{K}\r\n")
    };
}

/// What is asked for. Nothing is repaired: what does not read like one of our routes at once is refused.
pub(super) const TARGETS: &[Case] = &[
    (target!("/mcp"), 200, Open, &["GET /mcp - "]),
    (target!("/mcp/"), 200, Open, &["GET /mcp/ - "]),
    (target!("/mcp?a=%2e%2e/%2f&b=../;//"), 200, Open, &["GET /mcp?a=%2e%2e/%2f&b=../;// - "]),
    // what no request may carry is cut off before anything is judged (RFC 9112, section 3.2)
    (target!("/mcp#/../health"), 200, Open, &["GET /mcp - "]),
    refused(target!("/mcp/../mcp")),
    refused(target!("/health/../mcp")),
    refused(target!("/./mcp")),
    refused(target!("/mcp/.")),
    refused(target!("/mcp/..")),
    refused(target!("/%2e/mcp")),
    refused(target!("/health/%2e%2E/mcp")),
    refused(target!("//mcp")),
    refused(target!("/mcp//")),
    refused(target!("/%2fmcp")),
    refused(target!("/mcp%2F")),
    refused(target!("/mcp%5c")),
    refused(target!("/mcp\\")),
    refused(target!("\\mcp")),
    refused(target!("/mcp%00")),
    refused(target!("/mcp%25")),
    refused(target!("/mcp%252e")),
    refused(target!("/mcp;x=1")),
    refused(target!("/health;/../mcp")),
    refused(target!("/mcp\u{e9}")),
    refused(target!("http://localhost/mcp")),
    refused(target!("https://evil.example/mcp")),
    refused(target!("localhost:443")),
    refused(target!("*")),
    refused(target!("mcp")),
    refused(target!("?")),
    refused(target!("")),
    refused(target!("/%6dcp")),
    (target!("/MCP"), 404, Open, NOTHING),
];

/// What stands behind a request.
pub(super) const BEHIND: &[Case] = &[
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
