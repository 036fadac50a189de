//! A comment is put into an event stream that is silent, so that nothing on the way takes it for dead: only between two
//! events, only into event streams that anybody can read, and not at all if the settings say so. What the backend sent
//! stays as it was, byte by byte.

use crate::harness::client::Incoming;
use crate::harness::{Ask, Gateway, Origin, Piece, Protocol, eventually};
use rustix::process::Signal;
use tokio::net::TcpStream;

const COMMENT: &[u8] = b":\n\n";

async fn started(keep_alive: &str) -> (Origin, Gateway) {
    let origin = Origin::start().await;
    let settings = format!("workers = 1\n[limits]\nkeep_alive = \"{keep_alive}\"\n[drain]\ndelay = \"1s\"");
    let gateway = Gateway::before(&origin).settings(&settings).start().await;
    (origin, gateway)
}

/// Reads `data`, before which there may be as many comments as the time has brought.
async fn after_comments(incoming: &mut Incoming<'_>, data: &str) {
    let mut came = Vec::new();
    loop {
        match incoming.piece().await {
            Piece::Data(more) => came.extend(more),
            end @ (Piece::Trailers(_) | Piece::End | Piece::Cut) => panic!("{end:?} instead of {data:?}"),
        }
        let mut rest = &came[..];
        while let Some(next) = rest.strip_prefix(COMMENT) {
            rest = next;
        }
        if rest == data.as_bytes() {
            return;
        }
        let begun = COMMENT.starts_with(rest) || data.as_bytes().starts_with(rest);
        assert!(begun, "{:?} instead of {data:?}", String::from_utf8_lossy(&came));
    }
}

#[tokio::test]
async fn between_two_events_and_nowhere_else() {
    let (origin, gateway) = started("100ms").await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.streams(incoming.head()).await;
        assert_eq!(incoming.exactly(6).await, [COMMENT, COMMENT].concat(), "before the first event");
        exchange.chunk("data: 1\n").await;
        after_comments(&mut incoming, "data: 1\n").await;
        // in the middle of an event nothing may come, however long it takes
        let (alive, mut other) = (kept_alive(&gateway).await, gateway.http1().await);
        other.open(&Ask::ping().key(&gateway.key().secret)).await;
        let _second = origin.streams(other.head()).await;
        eventually("another stream is kept alive", async || (kept_alive(&gateway).await >= alive + 5.0).then_some(()))
            .await;
        exchange.chunk("\n").await;
        assert_eq!(incoming.exactly(1 + 3).await, b"\n:\n\n");
        exchange.chunk("data: 2\n\n").await;
        exchange.send("0\r\n\r\n").await;
        let (rest, whole) = incoming.rest().await;
        let events = String::from_utf8(rest).unwrap().replace(":\n\n", "");
        assert_eq!((&*events, whole), ("data: 2\n\n", true));
    }
}

async fn kept_alive(gateway: &Gateway) -> f64 {
    gateway.metric("gateway_keep_alives_total").await.unwrap()
}

/// Waits until another stream was kept alive several times, and asserts that nothing came here.
async fn nothing_is_put_into(head: &str, data: &str) {
    let (origin, gateway) = started("100ms").await;
    let (mut client, mut other) = (gateway.http1().await, gateway.http1().await);
    client.open(&Ask::ping().key(&gateway.key().secret)).await;
    let mut exchange = origin.answers(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n")).await;
    client.head().await;
    other.open(&Ask::ping().key(&gateway.key().secret)).await;
    let _second = origin.streams(other.head()).await;
    eventually("another stream is kept alive", async || (kept_alive(&gateway).await >= 5.0).then_some(())).await;
    exchange.send(data).await;
    assert_eq!(client.piece().await, Piece::Data(b"abcde".to_vec()), "{head}");
}

#[tokio::test]
async fn not_into_other_replies() {
    nothing_is_put_into("content-type: application/json\r\ntransfer-encoding: chunked", "5\r\nabcde\r\n").await;
    nothing_is_put_into("content-type: text/event-stream\r\ncontent-length: 5", "abcde").await;
    let encoded = "content-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked";
    nothing_is_put_into(encoded, "5\r\nabcde\r\n").await;
}

#[tokio::test]
async fn nor_at_all_if_the_settings_say_so() {
    let (origin, mut gateway) = started("0s").await;
    let mut client = gateway.http1().await;
    client.open(&Ask::ping().key(&gateway.key().secret)).await;
    let mut exchange = origin.streams(client.head()).await;
    // `drain.delay` is enough of the gateway's time for comments, if they came every 100 ms
    gateway.signal(Signal::TERM);
    let over = async || TcpStream::connect(gateway.public).await.is_err().then_some(());
    eventually("the time of the delay has passed", over).await;
    exchange.chunk("data: 1\n\n").await;
    assert_eq!(client.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    assert_eq!(kept_alive(&gateway).await, 0.0);
    exchange.send("0\r\n\r\n").await;
    assert_eq!(client.piece().await, Piece::End);
    assert_eq!(gateway.exited().await, 0);
}
