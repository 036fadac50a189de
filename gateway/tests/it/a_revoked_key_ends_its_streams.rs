//! A key that is revoked or removed ends what it opened, and nothing else: an event stream between two events as if it had
//! come to its end, anything in its middle so that nobody takes it for whole. Other clients, and other keys of the client, go
//! on. What arrives later than the revocation is 401, and so is what waits for its body, for the head of its reply, or for a
//! list to be cut down.

use crate::harness::client::Stream;
use crate::harness::client::uploads::{Uploads, nothing_passed_for_whole};
use crate::harness::fields::Fields;
use crate::harness::limits::raise_file_limit;
use crate::harness::origin::{Exchange, ok};
use crate::harness::{Ask, Gateway, Http1, Http2, Key, Origin, Piece, Protocol, eventually, within};
use rustix::process::Signal;
use serde_json::json;
use std::cell::Cell;

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
            let mut exchange = origin.whole().await;
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
        let (from, audited) = (gateway.log.len(), gateway.audit.len());
        gateway.command(&["keys", "revoke", &key.id, "--reason", "laptop lost"]);
        for (number, end) in [Piece::End, Piece::Cut, Piece::Cut].into_iter().enumerate() {
            let (incoming, exchange) = &mut streams[number];
            assert_eq!(incoming.piece().await, end, "{protocol:?} {number}");
            exchange.closed().await;
        }
        let line = gateway.said("a key has ended", from).await;
        assert_eq!((&line["key_id"], &line["reason"]), (&json!(key.id), &json!("revoked")));
        let ended = gateway.audit.wait("three requests", audited, 3, |line| line["end"] == "lease_ended").await;
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
        let mut exchange = origin.streams(incoming.head()).await;
        exchange.chunk("data: 1").await;
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

/// What a reply may have come to of which the client has seen nothing yet.
const NOTHING_YET: [&str; 3] =
    ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"];

#[tokio::test]
async fn with_401_where_no_reply_has_begun() {
    for protocol in Protocol::BOTH {
        let origin = Origin::start().await;
        let (key, other) = (Key::new(), Key::new());
        let setup = Gateway::before(&origin).client("phone", "tools = [\"a\"]", &[&key, &other]);
        let gateway = setup.start().await;
        let list = Ask::message(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"}));
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(gateway.client(protocol).await);
        }
        let mut calls = Vec::new();
        for (number, client) in clients.iter_mut().enumerate() {
            let key = if number < 3 { &key } else { &other };
            let incoming = client.open(&list.clone().key(&key.secret)).await;
            let exchange = origin.answers(NOTHING_YET.get(number).unwrap_or(&"")).await;
            calls.push((incoming, exchange));
        }
        let (kept, mut keeps) = calls.pop().unwrap();
        gateway.command(&["keys", "revoke", &key.id]);
        for (incoming, mut exchange) in calls {
            let reply = incoming.reply().await;
            assert_eq!(reply.fields.one("www-authenticate"), Some("ApiKey realm=\"API\""));
            assert_eq!(reply.refuses(401, -32001, json!(null)), "Invalid API key");
            exchange.closed().await;
        }
        let ended = gateway.audit.wait("three requests", 0, 3, |line| line["end"] == "lease_ended").await;
        for line in ended {
            let said = (&line["outcome"], &line["status"], &line["reason"], &line["key_id"]);
            assert_eq!(said, (&json!("key_disabled"), &json!(401), &json!("revoked"), &json!(key.id)), "{line}");
        }
        keeps.send(ok("{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"tools\":[]}}")).await;
        kept.reply().await.with(200);
    }
}

#[tokio::test]
async fn with_401_while_its_body_is_on_the_way() {
    let origin = Origin::start().await;
    let key = Key::new();
    let gateway = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]).start().await;
    let uploads = Uploads::begin(&gateway, &key).await;
    let let_in = "gateway_auth_decisions_total{result=\"accepted\",reason=\"\"}";
    eventually("all have shown the key", async || (gateway.metric(let_in).await == Some(4.0)).then_some(())).await;
    gateway.command(&["keys", "revoke", &key.id]);
    for reply in uploads.refused().await {
        assert_eq!(reply.refuses(401, -32001, json!(null)), "Invalid API key");
    }
    let lines = gateway.audit.wait("all four", 0, 4, |line| line["end"] == "lease_ended").await;
    assert!(lines.iter().all(|line| line["reason"] == "revoked" && line["status"] == 401), "{lines:?}");
    nothing_passed_for_whole(&origin).await;
}

/// An open stream over either protocol.
enum Reader {
    One(Http1),
    Two(Stream),
}

impl Reader {
    async fn head(&mut self) -> (u16, Fields) {
        match self {
            Reader::One(client) => client.head().await,
            Reader::Two(stream) => stream.head().await,
        }
    }

    async fn piece(&mut self) -> Piece {
        match self {
            Reader::One(client) => client.piece().await,
            Reader::Two(stream) => stream.piece().await,
        }
    }
}

/// Opens `count` streams with `key`: a fifth over HTTP/1.1, the others over h2, a hundred on each connection. Each has sent
/// its own event. The connections come with them.
async fn open(gateway: &Gateway, origin: &Origin, key: &Key, count: usize) -> (Vec<(Reader, Exchange)>, Vec<Http2>) {
    let ask = Ask::ping().key(&key.secret);
    let (mut streams, mut connections) = (Vec::new(), Vec::new());
    for number in 0..count {
        let mut reader = if number < count / 5 {
            let mut client = gateway.http1().await;
            client.open(&ask).await;
            Reader::One(client)
        } else {
            if (number - count / 5).is_multiple_of(100) {
                connections.push(gateway.http2().await);
            }
            Reader::Two(connections.last_mut().unwrap().open(&ask).await)
        };
        let mut exchange = origin.streams(reader.head()).await;
        let event = format!("data: {} {number}\n\n", key.id);
        exchange.chunk(&event).await;
        assert_eq!(reader.piece().await, Piece::Data(event.into_bytes()));
        streams.push((reader, exchange));
    }
    (streams, connections)
}

#[tokio::test]
async fn a_thousand_at_once_while_others_flow() {
    const EACH: usize = 500;
    raise_file_limit();
    let origin = Origin::start().await;
    let key = Key::new();
    let setup = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]);
    let gateway = setup.settings("[log]\nlevel = \"info\"").start().await;
    let (mut lost, _phone) = open(&gateway, &origin, &key, EACH).await;
    let (mut kept, _agent) = open(&gateway, &origin, gateway.key(), EACH).await;
    let streams = async |client: &str| gateway.metric(&format!("gateway_streams_open{{client=\"{client}\"}}")).await;
    assert_eq!((streams("phone").await, streams("weather-agent").await), (Some(EACH as f64), Some(EACH as f64)));
    gateway.command(&["keys", "revoke", "client:phone"]);
    for (number, ((reader, exchange), (other, others))) in lost.iter_mut().zip(&mut kept).enumerate() {
        assert_eq!(reader.piece().await, Piece::End, "{number}");
        exchange.closed().await;
        let event = format!("data: after {number}\n\n");
        others.chunk(&event).await;
        assert_eq!(other.piece().await, Piece::Data(event.into_bytes()));
    }
    let lines = gateway.audit.wait("every request", 0, EACH, |line| !line["end"].is_null()).await;
    assert!(lines.iter().all(|line| line["end"] == "lease_ended" && line["key_id"] == key.id), "{lines:?}");
    assert_eq!((streams("phone").await, streams("weather-agent").await), (Some(0.0), Some(EACH as f64)));
}

/// hyper does not ask such a reply for more, so it cannot end by itself.
#[tokio::test]
async fn although_the_client_does_not_read() {
    for protocol in Protocol::BOTH {
        let origin = Origin::start().await;
        let (key, other) = (Key::new(), Key::new());
        let setup = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key, &other]);
        let gateway = setup.settings("[log]\nlevel = \"info\"").start().await;
        let (mut client, mut second) = (gateway.client(protocol).await, gateway.http2().await);
        let mut kept = second.open(&Ask::ping().key(&other.secret)).await;
        let mut keeps = origin.streams(kept.head()).await;
        let mut incoming = client.open(&Ask::ping().key(&key.secret)).await;
        let mut exchange = origin.streams(incoming.head()).await;
        // whole events only, far more of them than lie between the two ends
        let event = format!("data: {}\n\n", "x".repeat(64 * 1024 - 8));
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        let blocks = Cell::new(0);
        let flood = async {
            while blocks.get() < 4096 && exchange.offer(&chunk).await.is_ok() {
                blocks.set(blocks.get() + 1);
            }
        };
        let revoke = async {
            let (mut asked, mut last) = (gateway.http1().await, usize::MAX);
            let stalls = eventually("the origin has to wait", async || {
                for _ in 0..100 {
                    asked.ask(&Ask::get("/none")).await.with(404);
                }
                (std::mem::replace(&mut last, blocks.get()) == blocks.get()).then_some(())
            });
            stalls.await;
            gateway.command(&["keys", "revoke", &key.id]);
            let ended = |line: &serde_json::Value| line["end"] == "lease_ended";
            gateway.audit.wait("the end of a stream that nobody reads", 0, 1, ended).await.remove(0)
        };
        let ((), line) = within("both ends see it", async { tokio::join!(flood, revoke) }).await;
        let blocks = blocks.get();
        assert!(blocks < 4096, "a client that does not read is sent everything");
        assert_eq!((&line["key_id"], &line["reason"]), (&json!(key.id), &json!("revoked")));
        keeps.chunk("data: 1\n\n").await;
        assert_eq!(kept.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
        let (read, whole) = incoming.rest().await;
        assert!(!whole && read.len() < blocks * event.len(), "{protocol:?}: {} of {blocks}", read.len());
    }
}

#[tokio::test]
async fn a_client_that_is_taken_out_is_gone() {
    let origin = Origin::start().await;
    let key = Key::new();
    let gateway = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]).start().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::ping().key(&key.secret)).await;
    let mut exchange = origin.streams(client.head()).await;
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
