//! A key that is revoked or removed ends what it opened, and nothing else: an event stream between two events as if it had
//! come to its end, anything in its middle so that nobody takes it for whole. Other clients, and other keys of the client, go
//! on. What arrives later than the revocation is 401.

use crate::harness::client::Stream;
use crate::harness::origin::Exchange;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol, eventually};
use rustix::process::Signal;
use serde_json::json;

/// Begins an event stream in answer to the next request.
async fn begin(origin: &Origin) -> Exchange {
    let mut exchange = origin.next().await;
    exchange.body().await;
    exchange.stream().await;
    exchange
}

#[tokio::test]
async fn cleanly_between_events_and_visibly_elsewhere() {
    for protocol in Protocol::BOTH {
        let origin = Origin::start().await;
        let (key, other) = (Key::new(), Key::new());
        let setup = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key, &other]);
        let gateway = setup.start().await;
        let ask = Ask::ping().key(&key.secret);
        let mut clients = Vec::new();
        for _ in 0..5 {
            clients.push(gateway.client(protocol).await);
        }
        let mut streams = Vec::new();
        let asks = [&ask, &ask, &ask, &Ask::ping().key(&other.secret), &Ask::ping().key(&gateway.key().secret)];
        for (client, ask) in clients.iter_mut().zip(asks) {
            let mut incoming = client.open(ask).await;
            let mut exchange = origin.next().await;
            exchange.body().await;
            let (sent, got) = match streams.len() {
                1 => ("7\r\ndata: 1\r\n", "data: 1"),
                _ => ("9\r\ndata: 1\n\n\r\n", "data: 1\n\n"),
            };
            if streams.len() == 2 {
                exchange
                    .send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 99\r\n\r\ndata: 1\n\n")
                    .await;
            } else {
                exchange.stream().await;
                exchange.send(sent).await;
            }
            incoming.head().await;
            assert_eq!(incoming.exactly(got.len()).await, got.as_bytes());
            streams.push((incoming, exchange));
        }
        let from = gateway.log.len();
        gateway.command(&["keys", "revoke", &key.id, "--reason", "laptop lost"]);
        for (number, end) in [Piece::End, Piece::Cut, Piece::Cut].into_iter().enumerate() {
            let (incoming, exchange) = &mut streams[number];
            assert_eq!(incoming.piece().await, end, "{protocol:?} {number}");
            exchange.closed().await;
        }
        let line = gateway.said("a key has ended", from).await;
        assert_eq!((&line["key_id"], &line["reason"]), (&json!(key.id), &json!("revoked")));
        let ended = gateway.log.wait("three requests", from, 3, |line| line["end"] == "lease_ended").await;
        assert!(ended.iter().all(|line| line["reason"] == "revoked" && line["key_id"] == key.id), "{ended:?}");
        for (incoming, exchange) in &mut streams[3..] {
            exchange.chunk("data: 2\n\n").await;
            assert_eq!(incoming.exactly(9).await, b"data: 2\n\n");
            exchange.send("0\r\n\r\n").await;
            assert_eq!(incoming.piece().await, Piece::End, "{protocol:?}");
        }
        drop(streams);
        let mut late = gateway.client(protocol).await;
        late.ask(&ask).await.refuses(401, -32001, json!(null));
        for client in ["phone", "weather-agent"] {
            let series = format!("gateway_streams_open{{client=\"{client}\"}}");
            let none = async || (gateway.metric(&series).await == Some(0.0)).then_some(());
            eventually(format!("no stream of {client} is counted"), none).await;
        }
    }
}

#[tokio::test]
async fn at_the_first_boundary_if_it_comes_in_time() {
    for protocol in Protocol::BOTH {
        let origin = Origin::start().await;
        let gateway = Gateway::before(&origin).start().await;
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = begin(&origin).await;
        exchange.chunk("data: 1").await;
        incoming.head().await;
        incoming.exactly(7).await;
        let from = gateway.log.len();
        gateway.command(&["keys", "revoke", &gateway.key().id]);
        gateway.said("a key has ended", from).await;
        let _ = exchange.offer("2\r\n\n\n\r\n").await;
        match incoming.rest().await {
            (rest, true) => assert_eq!(rest, b"\n\n", "whole is only what ends with an event"),
            (rest, false) => assert!(b"\n\n".starts_with(&rest), "this machine was too slow: {rest:?}"),
        }
        exchange.closed().await;
    }
}

#[tokio::test]
async fn a_hundred_at_once_while_others_flow() {
    const EACH: usize = 50;
    let origin = Origin::start().await;
    let key = Key::new();
    let gateway = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]).start().await;
    let (mut phone, mut agent) = (gateway.http2().await, gateway.http2().await);
    let (mut lost, mut kept) = (Vec::<(Stream, Exchange)>::new(), Vec::new());
    for _ in 0..EACH {
        for (client, secret, streams) in
            [(&mut phone, &key.secret, &mut lost), (&mut agent, &gateway.key().secret, &mut kept)]
        {
            let mut stream = client.open(&Ask::ping().key(secret)).await;
            let exchange = begin(&origin).await;
            stream.head().await;
            streams.push((stream, exchange));
        }
    }
    gateway.command(&["keys", "revoke", "client:phone"]);
    for ((stream, exchange), (other, others)) in lost.iter_mut().zip(&mut kept) {
        assert_eq!(stream.piece().await, Piece::End);
        exchange.closed().await;
        others.chunk("data: 1\n\n").await;
        assert_eq!(other.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    }
    let open = async |client: &str| gateway.metric(&format!("gateway_streams_open{{client=\"{client}\"}}")).await;
    eventually("none is counted", async || (open("phone").await == Some(0.0)).then_some(())).await;
    assert_eq!(open("weather-agent").await, Some(EACH as f64));
}

#[tokio::test]
async fn a_client_that_is_taken_out_is_gone() {
    let origin = Origin::start().await;
    let key = Key::new();
    let gateway = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]).start().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::ping().key(&key.secret)).await;
    let mut exchange = begin(&origin).await;
    client.head().await;
    let keys = gateway.read("keys.toml");
    let from = gateway.log.len();
    gateway.rekey(&keys[..keys.rfind("[[client]]").unwrap()]).await;
    assert_eq!(client.piece().await, Piece::End);
    exchange.closed().await;
    assert_eq!(client.ask(&Ask::ping().key(&key.secret)).await.refuses(401, -32001, json!(null)), "Invalid API key");
    let line = gateway.said("reloaded", from).await;
    assert_eq!((&line["clients_removed"], &line["keys_removed"]), (&json!("phone"), &json!(key.id)));
    assert_eq!(gateway.metric("gateway_streams_open{client=\"phone\"}").await, None);
    assert_eq!(gateway.metric("gateway_streams_open{client=\"weather-agent\"}").await, Some(0.0));
}

#[tokio::test]
async fn and_connections_still_hear_of_the_end_of_the_process() {
    let origin = Origin::start().await;
    let key = Key::new();
    let setup =
        Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]).settings("[drain]\ntimeout = \"1h\"");
    let mut gateway = setup.start().await;
    let (mut h1, h2) = (gateway.http1().await, gateway.http2().await);
    h1.ask(&Ask::get("/none")).await.with(404);
    let from = gateway.log.len();
    gateway.command(&["keys", "revoke", "client:phone"]);
    gateway.said("a key has ended", from).await;
    h1.ask(&Ask::get("/none")).await.with(404);
    gateway.signal(Signal::TERM);
    h1.closed("an idle connection").await;
    h2.closed().await;
    assert_eq!(gateway.exited().await, 0);
}
