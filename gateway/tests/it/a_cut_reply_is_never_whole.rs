//! A backend that ends its reply ends the client's. One that breaks off leaves the client with a reply that nobody can
//! take for whole: no last chunk, fewer bytes than announced, RST_STREAM.

use crate::harness::origin::ok;
use crate::harness::{Ask, Exchange, Gateway, Origin, Piece, Protocol};

/// How a backend breaks off.
#[derive(Clone, Copy, Debug)]
enum End {
    HangUp,
    Reset,
}

async fn end(exchange: Exchange, end: End) {
    match end {
        End::HangUp => exchange.hang_up().await,
        End::Reset => exchange.reset(),
    }
}

#[tokio::test]
async fn in_the_middle_of_its_body() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let length = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    for protocol in Protocol::BOTH {
        for how in [End::HangUp, End::Reset] {
            for (head, part) in [
                (chunked, "9\r\ndata: 1\n\n\r\n"),
                (chunked, "9\r\ndata: 1\n\n"),
                (chunked, "c\r\ndata: 1\n\n"),
                (chunked, "9\r\ndata: 1\n\n\r\n0\r\n"),
                (chunked, "9\r\ndata: 1\n\n\r\n0\r\nx-sum: 1\r\n"),
                (length, "data: 1\n\n"),
            ] {
                let mut client = gateway.client(protocol).await;
                let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
                let mut exchange = origin.answers(head).await;
                assert_eq!(incoming.head().await.0, 200);
                exchange.send(part).await;
                assert_eq!(incoming.exactly(9).await, b"data: 1\n\n");
                end(exchange, how).await;
                assert_eq!(incoming.piece().await, Piece::Cut, "{protocol:?} {how:?} {part:?}");
            }
        }
    }
}

#[tokio::test]
async fn before_it_has_answered_is_502_and_not_asked_again() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut count = 0;
    for protocol in Protocol::BOTH {
        for how in [End::HangUp, End::Reset] {
            for part in ["", "HTTP/1.1 200 OK\r\ncontent-le"] {
                let mut client = gateway.client(protocol).await;
                let incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
                let mut exchange = origin.next().await;
                count += 1;
                exchange.body().await;
                exchange.send(part).await;
                end(exchange, how).await;
                let sentence = incoming.reply().await.refuses(502, -32010, serde_json::Value::Null);
                assert_eq!(sentence, "The MCP server behind this gateway closed the connection before it answered.");
            }
        }
    }
    // a call may have been carried out: each came once
    let mut client = gateway.client(Protocol::Http1).await;
    let incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
    let _exchange = origin.answers(ok("{}")).await;
    incoming.reply().await.with(200);
    assert_eq!(origin.requests().len(), count + 1);
}
