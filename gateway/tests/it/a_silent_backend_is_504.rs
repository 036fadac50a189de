//! A backend that sends no head within `upstream.head_timeout` is given up with 504. The time is for the head alone: a
//! stream may be silent for longer.

use crate::harness::client::Incoming;
use crate::harness::{Ask, Gateway, Origin, Piece, Protocol};
use serde_json::Value;

#[tokio::test]
async fn when_its_head_does_not_come() {
    let origin = Origin::start().await;
    let settings = "[upstream]\nhead_timeout = \"200ms\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    for protocol in Protocol::BOTH {
        for part in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"] {
            let mut client = gateway.client(protocol).await;
            let incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
            let mut exchange = origin.answers(part).await;
            let sentence = incoming.reply().await.refuses(504, -32012, Value::Null);
            assert_eq!(sentence, "The MCP server behind this gateway did not answer in time.");
            exchange.closed().await;
        }
    }
}

#[tokio::test]
async fn but_not_when_its_stream_is_silent() {
    let origin = Origin::start().await;
    let settings = "[upstream]\nhead_timeout = \"200ms\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let (mut streaming, mut other) = (gateway.http1().await, gateway.http1().await);
    // on a busy machine the head may come too late: then once more
    let mut stream = loop {
        streaming.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut stream = origin.whole().await;
        let _ = stream
            .offer("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        match streaming.head().await.0 {
            200 => break stream,
            late => assert_eq!((late, Incoming::One(&mut streaming).rest().await.1), (504, true)),
        }
    };
    // two whole head timeouts pass in the meantime
    for _ in 0..2 {
        other.open(&Ask::get("/")).await;
        let _held = origin.next().await;
        assert_eq!(other.reply().await.status, 504);
    }
    stream.chunk("data: 1\n\n").await;
    assert_eq!(streaming.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
}
