//! What a backend sends is read strictly. A reply that two readers could take apart in two ways is 502, or cut if its
//! head has already been passed on, and nothing of it ever reaches the next client.

use crate::harness::origin::{Request, ok};
use crate::harness::{Ask, Gateway, Origin, Protocol, Reply};
use serde_json::Value;

/// Replies whose head is no head.
const HEADS: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length: 0x5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx-a: b\r\n folded: c\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx-a : b\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx-a: b\rc: d\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: b\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nconnection: content-type\r\ncontent-type: text/event-stream\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nconnection: keep-alive, content-encoding\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nraw bytes",
    "HTTP/1.1 1000 Big\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 99 Small\r\ncontent-length: 0\r\n\r\n",
    "HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n",
    "ICY 200 OK\r\ncontent-length: 0\r\n\r\n",
    "<html>hello</html>\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "\u{16}\u{3}\u{1}\0\u{5}",
];

/// Replies that begin well: head, and a body that breaks its word.
const BODIES: &[&str] = &[
    "5\r\nhelloX\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nhello\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nno colon\r\n\r\n",
    "5\r\nhello\r\n0\r\nx: a\0b\r\n\r\n",
    "5\r\nhello\r\n0\r\nx: a\ny: b\r\n\r\n",
    "5\r\nhello\r\n0\r\nx: a\n\ny: b\r\n\r\n",
];

/// An origin that answers `?lie=N` with lie `N` and anything else honestly: with its own target.
async fn lying(lies: Vec<Vec<u8>>) -> Origin {
    Origin::answering(move |request: &Request| match request.target().split_once("lie=") {
        Some((_, number)) => lies[number.parse::<usize>().unwrap()].clone(),
        None => ok(&format!("{:?}", request.target())),
    })
    .await
}

/// Asks for each lie over both protocols, and after each one for something else, as another client and as the same. What
/// lied is not trusted with another request: its connection is not used again.
async fn after_each_lie_the_next_gets_its_own(lies: Vec<Vec<u8>>, lied: impl Fn(usize, Reply)) {
    let count = lies.len();
    let origin = lying(lies).await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let mut honest = gateway.http1().await;
    for protocol in Protocol::BOTH {
        for lie in 0..count {
            let mut client = gateway.client(protocol).await;
            lied(lie, client.ask(&Ask::get(&format!("/?lie={lie}"))).await);
            let target = format!("/?after={lie}");
            assert_eq!(honest.ask(&Ask::get(&target)).await.with(200).json(), *target, "after lie {lie}");
            if protocol == Protocol::Http2 {
                assert_eq!(client.ask(&Ask::get(&target)).await.with(200).json(), *target, "after lie {lie}");
            }
        }
    }
    assert_eq!(origin.connections(), 1 + 2 * count, "one for each lie, and one that never lied");
}

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn invalid(reply: &Reply) {
    let sentence = reply.refuses(502, -32010, Value::Null);
    assert_eq!(sentence, "The MCP server behind this gateway sent an invalid answer.");
}

#[tokio::test]
async fn a_head_that_could_mean_two_things_is_502() {
    after_each_lie_the_next_gets_its_own(bytes(HEADS), |lie, reply| {
        assert_eq!(reply.status, 502, "{:?}", HEADS[lie]);
        invalid(&reply);
    })
    .await;
}

#[tokio::test]
async fn a_head_without_end_is_502() {
    let fields = "a: b\r\n".repeat(101);
    let lies = [
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nx-long: {}", "x".repeat(80 * 1024)),
        format!("HTTP/1.1 200 {}", "K".repeat(80 * 1024)),
        "\r\n".repeat(40 * 1024),
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(9) + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(4000),
    ];
    let lies = lies.into_iter().map(String::into_bytes).collect();
    after_each_lie_the_next_gets_its_own(lies, |_, reply| invalid(&reply)).await;
}

#[tokio::test]
async fn a_head_that_comes_in_crumbs_is_read_and_one_without_a_line_is_502() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::get("/")).await;
    let mut exchange = origin.next().await;
    for byte in ok("\"crumbs\"") {
        exchange.send([byte]).await;
    }
    assert_eq!(client.reply().await.with(200).json(), "crumbs");
    exchange.done();
    client.open(&Ask::get("/")).await;
    let mut exchange = origin.next().await;
    for part in 0..80 {
        if exchange.offer(if part == 0 { "HTTP/1.1 200 ".to_owned() } else { "K".repeat(1024) }).await.is_err() {
            break; // it has read enough
        }
    }
    invalid(&client.reply().await);
}

#[tokio::test]
async fn a_body_that_breaks_its_word_is_502_or_cut() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    let lies = BODIES.iter().map(|body| [head, body].concat().into_bytes()).collect();
    after_each_lie_the_next_gets_its_own(lies, |lie, reply| match reply.status {
        502 => invalid(&reply),
        status => assert_eq!((status, reply.whole), (200, false), "{:?}", BODIES[lie]),
    })
    .await;
}

#[tokio::test]
async fn bytes_after_the_end_belong_to_nobody() {
    let surplus = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    let lies = [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello{surplus}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{surplus}"),
        format!("HTTP/1.1 204 No Content\r\n\r\n{surplus}"),
        format!("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n{surplus}"),
        format!("HTTP/1.1 204 No Content\r\ncontent-length: 6\r\n\r\nstolen{surplus}"),
        format!("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello{surplus}"),
    ];
    let lies = lies.into_iter().map(String::into_bytes).collect();
    after_each_lie_the_next_gets_its_own(lies, |lie, reply| {
        assert!(reply.whole && matches!(reply.status, 200 | 204 | 304), "{lie}: {reply:?}");
        assert!(matches!(&*reply.text(), "hello" | ""), "{lie}: {reply:?}");
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_speaks_unasked_is_given_up() {
    let origin = Origin::start().await;
    let settings = "workers = 1\n[upstream]\nidle_timeout = \"200ms\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::get("/")).await;
    let mut exchange = origin.answers(ok("\"first\"")).await;
    assert_eq!(client.reply().await.with(200).json(), "first");
    exchange.send("HTTP/1.1 408 Request Timeout\r\ncontent-length: 6\r\nconnection: close\r\n\r\nstolen").await;
    client.open(&Ask::get("/")).await;
    let mut next = origin.next().await;
    assert_eq!(next.connection, 1);
    next.send(ok("\"second\"")).await;
    assert_eq!(client.reply().await.with(200).json(), "second");
    exchange.closed().await;
}

#[tokio::test]
async fn an_early_answer_frees_no_half_sent_request() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let mut client = gateway.http1().await;
    let ask = Ask::new("POST", "/mcp").key(&gateway.key().secret).field("transfer-encoding", "chunked");
    client.send_head(&ask).await;
    client.send("5\r\nhello\r\n").await;
    let mut exchange = origin.next().await;
    exchange.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno").await;
    assert_eq!(client.reply().await.with(400).text(), "no");
    // the rest of the upload must not become the next request of that connection
    let mut other = gateway.http1().await;
    other.open(&Ask::get("/")).await;
    let mut next = origin.next().await;
    assert_eq!((next.connection, next.request().target()), (1, "/"));
    next.send(ok("{}")).await;
    other.reply().await.with(200);
    assert!(!exchange.body_is_whole().await, "the upload was cut");
}
