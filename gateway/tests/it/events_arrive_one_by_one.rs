//! Events are passed on byte for byte as they come: the backend sends the next one only when the client has the last, so
//! anything that held one back would stop the stream. The head comes before the first event, half an event before its
//! other half, trailers after the last.

use crate::harness::{Ask, Gateway, Origin, Piece, Protocol};

const EVENTS: usize = 20;

fn event(n: usize) -> String {
    format!("id: {n}\r\nevent: message\ndata: {{\"n\":{n},\"text\":\"Grüße\"}}\n\n")
}

async fn stage() -> (Origin, Gateway) {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    (origin, gateway)
}

fn asks(gateway: &Gateway) -> [Ask; 2] {
    let stream = Ask::get("/mcp").field("accept", "text/event-stream");
    [Ask::ping(), stream].map(|ask| ask.key(&gateway.key().secret).field("te", "trailers"))
}

#[tokio::test]
async fn the_next_is_sent_when_the_last_is_there() {
    let (origin, gateway) = stage().await;
    for protocol in Protocol::BOTH {
        for ask in asks(&gateway) {
            let mut client = gateway.client(protocol).await;
            let mut incoming = client.open(&ask).await;
            let mut exchange = origin.whole().await;
            exchange.stream().await;
            let (status, fields) = incoming.head().await;
            assert_eq!((status, fields.one("content-type")), (200, Some("text/event-stream")));
            assert_eq!(fields.one("x-accel-buffering"), Some("no"), "or nginx in front would hold events back");
            assert!(!fields.has("content-length") && !fields.has("content-encoding"), "{fields:?}");
            for n in 0..EVENTS {
                exchange.chunk(&event(n)).await;
                assert_eq!(incoming.exactly(event(n).len()).await, event(n).as_bytes(), "{protocol:?}");
            }
            exchange.send("0\r\n\r\n").await;
            assert_eq!(incoming.piece().await, Piece::End);
            exchange.done();
        }
    }
}

#[tokio::test]
async fn bytes_are_not_held_until_an_event_is_whole() {
    let (origin, gateway) = stage().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&asks(&gateway)[1]).await;
        let mut exchange = origin.streams(incoming.head()).await;
        // pieces end inside a field, a character and a line end
        for piece in [&b": ping"[..], b"\n", b"\ndata: Gr\xc3", b"\xbc", b"\xc3\x9fe\r", b"\n\n", b"data: 2\n\n"] {
            exchange.send(format!("{:X};ext=\"1\"\r\n", piece.len())).await;
            exchange.send(piece).await;
            assert_eq!(incoming.exactly(piece.len()).await, piece, "{protocol:?}");
            exchange.send("\r\n").await;
        }
        exchange.send("0\r\n\r\n").await;
        assert_eq!(incoming.piece().await, Piece::End);
    }
}

#[tokio::test]
async fn a_stream_without_chunks_ends_with_its_connection() {
    let (origin, gateway) = stage().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&asks(&gateway)[1]).await;
        let mut exchange = origin.next().await;
        exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n").await;
        assert_eq!(incoming.head().await.0, 200);
        for n in 0..EVENTS {
            exchange.send(event(n)).await;
            assert_eq!(incoming.exactly(event(n).len()).await, event(n).as_bytes(), "{protocol:?}");
        }
        exchange.hang_up().await;
        assert_eq!(incoming.piece().await, Piece::End, "{protocol:?}");
    }
}

#[tokio::test]
async fn trailers_come_after_the_last_event() {
    let (origin, gateway) = stage().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&asks(&gateway)[1]).await;
        let mut exchange = origin.next().await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n";
        exchange.send(format!("{head}\r\n")).await;
        incoming.head().await;
        exchange.chunk(&event(0)).await;
        assert_eq!(incoming.exactly(event(0).len()).await, event(0).as_bytes());
        exchange.send("0\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n").await;
        let Piece::Trailers(fields) = incoming.piece().await else { panic!("no trailers: {protocol:?}") };
        assert_eq!(fields.sorted(), ["x-sum: 1"], "a trailer frames nothing");
        assert_eq!(incoming.piece().await, Piece::End);
    }
}
