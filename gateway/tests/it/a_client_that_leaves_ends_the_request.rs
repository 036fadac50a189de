//! A client that leaves ends its request at the backend: in MCP 2026-07-28, closing the response stream is cancellation.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Piece, Protocol};

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.streams(incoming.head()).await;
        exchange.chunk("data: 1\n\n").await;
        incoming.exactly(9).await;
        incoming.leave();
        exchange.closed().await;
    }
}

#[tokio::test]
async fn before_there_is_an_answer() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.whole().await;
        incoming.leave();
        exchange.closed().await;
    }
}

#[tokio::test]
async fn with_a_connection_that_has_many_streams() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http2().await;
    let (mut streams, mut exchanges) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let mut stream = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        exchanges.push(origin.streams(stream.head()).await);
        streams.push(stream);
    }
    // one stream of three is left: the others go on
    streams.remove(1).reset();
    exchanges.remove(1).closed().await;
    for (stream, exchange) in streams.iter_mut().zip(&mut exchanges) {
        exchange.chunk("data: 1\n\n").await;
        assert_eq!(stream.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    }
    // the connection goes, and all of them with it
    client.hang_up();
    for exchange in &mut exchanges {
        exchange.closed().await;
    }
}

#[tokio::test]
async fn and_frees_nothing_that_another_client_uses() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let (mut leaving, mut staying) = (gateway.client(Protocol::Http1).await, gateway.client(Protocol::Http1).await);
    let ask = Ask::ping().key(&gateway.key().secret);
    let left = leaving.open(&ask).await;
    let mut abandoned = origin.whole().await;
    let kept = staying.open(&ask).await;
    let mut exchange = origin.whole().await;
    left.leave();
    abandoned.closed().await;
    exchange.send(ok("\"kept\"")).await;
    assert_eq!(kept.reply().await.with(200).json(), "kept");
}
