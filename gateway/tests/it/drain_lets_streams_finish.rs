//! SIGTERM and SIGINT: not ready at once, no new connections, no new requests on old ones, but what runs may finish until
//! `drain.timeout`, which ends the rest: what no reply has begun for is 503. Exit code 0. During `drain.delay` everything is
//! still served, but no connection is kept. A second signal ends the process at once.

use crate::harness::client::Incoming;
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Http1, Key, Origin, Piece, Protocol, eventually};
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpStream;

async fn unready(gateway: &Gateway) {
    eventually("/readyz says 503", async || (gateway.admin("/readyz").await.status == 503).then_some(())).await;
    assert_eq!(gateway.admin("/livez").await.status, 200, "draining is not dying");
}

async fn refuses_connections(gateway: &Gateway) {
    let refused = async || TcpStream::connect(gateway.public).await.is_err().then_some(());
    eventually("no new connection is accepted", refused).await;
}

#[tokio::test]
async fn streams_and_calls_finish() {
    for signal in [Signal::TERM, Signal::INT] {
        let origin = Origin::start().await;
        let mut gateway = Gateway::before(&origin).start().await;
        assert_eq!(gateway.admin("/readyz").await.status, 200);
        let ask = Ask::ping().key(&gateway.key().secret);
        let (mut h1, mut h2) = (gateway.http1().await, gateway.http2().await);
        let mut idle = gateway.http1().await;
        idle.ask(&Ask::get("/none")).await.with(404);
        // a stream over each protocol, and a call that has no answer yet
        h1.open(&ask).await;
        let mut first = origin.streams(h1.head()).await;
        let mut streaming = h2.open(&ask).await;
        let mut second = origin.streams(streaming.head()).await;
        let mut calling = gateway.http1().await;
        calling.open(&ask).await;
        let mut third = origin.whole().await;

        gateway.signal(signal);
        unready(&gateway).await;
        refuses_connections(&gateway).await;
        idle.closed("an idle connection").await;
        h2.told_to_go_away().await;

        first.chunk("data: 1\n\n").await;
        assert_eq!(h1.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
        first.send("0\r\n\r\n").await;
        assert_eq!(h1.piece().await, Piece::End);
        h1.closed("its stream is over").await;
        second.chunk("data: 2\n\n").await;
        assert_eq!(streaming.piece().await, Piece::Data(b"data: 2\n\n".to_vec()));
        second.send("0\r\n\r\n").await;
        assert_eq!(streaming.piece().await, Piece::End);
        third.send(ok("\"late\"")).await;
        let reply = calling.reply().await.with(200);
        assert_eq!((reply.json(), reply.fields.one("connection")), ("late".into(), Some("close")));
        calling.closed("its call is over").await;
        drop(streaming);
        h2.closed().await;
        assert_eq!(gateway.exited().await, 0);
    }
}

#[tokio::test]
async fn what_the_kernel_has_accepted_is_served() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let plaintext = "[listen]\nplaintext = \"127.0.0.1:0\"";
    let mut gateway = Gateway::before(&origin).settings(plaintext).start().await;
    let (mut requests, mut handshakes) = (Vec::new(), Vec::new());
    // while the process stands still, the kernel accepts for it
    gateway.signal(Signal::STOP);
    for _ in 0..20 {
        let mut client = gateway.plain(gateway.plaintext.unwrap()).await;
        client.open(&Ask::ping().field("Host", "localhost").key(&gateway.key().secret)).await;
        requests.push(client);
        handshakes.push(TcpStream::connect(gateway.public).await.unwrap());
    }
    gateway.signal(Signal::TERM);
    gateway.signal(Signal::CONT);
    for client in &mut requests {
        client.reply().await.with(200);
        client.closed("the process ends").await;
    }
    // these have asked nothing yet: they are answered or told that nothing will come, and not broken off
    for socket in handshakes {
        let io = gateway.tls_over(socket, Protocol::Http1).await.expect("the connection was accepted");
        let mut client = Http1::new(io, gateway.authority());
        let _ = client.offer(Ask::get("/none").bytes("localhost")).await;
        if let Some(head) = client.raw_head().await {
            assert_eq!(head.status(), 404);
        }
    }
    assert_eq!(gateway.exited().await, 0);
}

#[tokio::test]
async fn the_timeout_ends_what_is_left() {
    let origin = Origin::start().await;
    let mut gateway = Gateway::before(&origin).settings("[drain]\ntimeout = \"300ms\"").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let (mut h1, mut h2) = (gateway.http1().await, gateway.http2().await);
    h1.open(&ask).await;
    let mut first = origin.whole().await;
    first.stream().await;
    first.chunk("data: 1\n\n").await;
    h1.head().await;
    assert_eq!(h1.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    let mut streaming = h2.open(&ask).await;
    let mut second = origin.whole().await;
    second.stream().await;
    second.chunk("data: 2\n\n").await;
    streaming.head().await;
    assert_eq!(streaming.piece().await, Piece::Data(b"data: 2\n\n".to_vec()));

    gateway.signal(Signal::TERM);
    // both stand between two events: they end well, and with a hint to come back
    for pieces in [[h1.piece().await, h1.piece().await], [streaming.piece().await, streaming.piece().await]] {
        assert_eq!(pieces, [Piece::Data(b"retry: 1000\n\n".to_vec()), Piece::End]);
    }
    first.closed().await;
    second.closed().await;
    assert_eq!(gateway.exited().await, 0);
    for line in gateway.audited(2).await {
        assert_eq!((&line["outcome"], &line["end"]), (&"relayed".into(), &"drained".into()), "{line}");
    }
}

/// A call of whose reply its client has seen nothing: no head has come, or no more than the beginning of a list.
#[tokio::test]
async fn the_timeout_tells_those_who_wait_for_a_reply() {
    let origin = Origin::start().await;
    let key = Key::new();
    let setup = Gateway::before(&origin).client("phone", "tools = [\"a\"]", &[&key]);
    let mut gateway = setup.settings("[drain]\ntimeout = \"300ms\"").start().await;
    let list = Ask::message(&json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"})).key(&key.secret);
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    let mut clients = Vec::new();
    for (protocol, sent) in Protocol::BOTH.into_iter().flat_map(|protocol| ["", begun].map(|sent| (protocol, sent))) {
        clients.push((gateway.client(protocol).await, sent));
    }
    let mut calls = Vec::new();
    for (client, sent) in &mut clients {
        let incoming = client.open(&list).await;
        let exchange = origin.answers(*sent).await;
        calls.push((incoming, exchange));
    }
    gateway.signal(Signal::TERM);
    for (incoming, mut exchange) in calls {
        let reply = incoming.reply().await;
        assert_eq!(reply.fields.one("retry-after"), None, "it may have been done");
        let sentence = reply.refuses(503, -32011, json!(null));
        assert_eq!(sentence, "This gateway had to end before the MCP server behind it answered.");
        exchange.closed().await;
    }
    drop(clients);
    assert_eq!(gateway.exited().await, 0);
    for line in gateway.audited(4).await {
        assert_eq!((&line["outcome"], &line["end"]), (&"drained".into(), &"drained".into()), "{line}");
    }
}

/// A call that is still being sent.
#[tokio::test]
async fn the_timeout_tells_those_who_are_still_sending() {
    let origin = Origin::start().await;
    let mut gateway = Gateway::before(&origin).settings("[drain]\ntimeout = \"300ms\"").start().await;
    let head = Ask::new("POST", "/mcp").key(&gateway.key().secret).field("content-length", "100");
    let (mut h1, mut h2) = (gateway.http1().await, gateway.http2().await);
    h1.send_head(&head).await;
    h1.send("{").await;
    let mut second = h2.open_head(&head).await;
    second.send("{").await;
    both_are_read(&gateway).await;
    gateway.signal(Signal::TERM);
    for reply in [h1.reply().await, Incoming::Two(second).reply().await] {
        assert_eq!(reply.fields.one("retry-after"), None);
        reply.refuses(503, -32011, json!(null));
    }
    h1.closed("its request is not whole").await;
    drop(h2);
    assert_eq!(gateway.exited().await, 0);
    assert_eq!(origin.requests().len(), 0);
}

/// Waits until two requests are under way.
async fn both_are_read(gateway: &Gateway) {
    let two = async || (gateway.metric("gateway_in_flight").await == Some(2.0)).then_some(());
    eventually("two requests are under way", two).await;
}

#[tokio::test]
async fn a_connection_that_asks_nothing_delays_nobody() {
    let origin = Origin::start().await;
    let mut gateway = Gateway::before(&origin).settings("[drain]\ntimeout = \"300ms\"").start().await;
    let silent = TcpStream::connect(gateway.public).await.unwrap();
    let mut half = gateway.http1().await;
    half.send("POST /mcp HTTP/1.1\r\nhost: local").await;
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
    drop(silent);
}

/// Else a connection would be closed at the very moment in which somebody sends a request over it.
#[tokio::test]
async fn whoever_keeps_a_connection_is_told_to_leave_while_there_is_time() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let mut gateway = Gateway::before(&origin).settings("[drain]\ndelay = \"1h\"").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let (mut kept, mut refused) = (gateway.http1().await, gateway.http1().await);
    let mut h2 = gateway.http2().await;
    for client in [&mut kept, &mut refused] {
        assert_eq!(client.ask(&ask).await.with(200).fields.one("connection"), None);
    }
    gateway.signal(Signal::TERM);
    unready(&gateway).await;
    assert_eq!(kept.ask(&ask).await.with(200).fields.one("connection"), Some("close"));
    kept.closed("its last reply said so").await;
    assert_eq!(refused.ask(&Ask::ping()).await.with(401).fields.one("connection"), Some("close"));
    refused.closed("its last reply said so").await;
    for _ in 0..2 {
        assert_eq!(h2.ask(&ask).await.with(200).fields.one("connection"), None);
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
}

#[tokio::test]
async fn the_delay_still_serves_and_a_second_signal_ends_at_once() {
    let origin = Origin::start().await;
    let mut gateway = Gateway::before(&origin).settings("[drain]\ndelay = \"1h\"").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let mut streaming = gateway.http1().await;
    streaming.open(&ask).await;
    let mut stream = origin.streams(streaming.head()).await;

    gateway.signal(Signal::TERM);
    unready(&gateway).await;
    for protocol in [Protocol::Http1, Protocol::Http2, Protocol::Http1, Protocol::Http2] {
        let mut client = gateway.client(protocol).await;
        let incoming = client.open(&ask).await;
        let _exchange = origin.answers(ok("{}")).await;
        incoming.reply().await.with(200);
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
    assert_eq!(streaming.piece().await, Piece::Cut);
    stream.closed().await;
}

/// Also once the delay is over, when what runs may finish until a timeout that is far away.
#[tokio::test]
async fn and_so_does_a_second_signal_while_streams_finish() {
    for second in [Signal::TERM, Signal::INT] {
        let origin = Origin::start().await;
        let mut gateway = Gateway::before(&origin).settings("[drain]\ntimeout = \"1h\"").start().await;
        let ask = Ask::ping().key(&gateway.key().secret);
        let (mut h1, mut h2, mut calling) = (gateway.http1().await, gateway.http2().await, gateway.http1().await);
        h1.open(&ask).await;
        let mut first = origin.streams(h1.head()).await;
        let mut streaming = h2.open(&ask).await;
        let mut second_stream = origin.streams(streaming.head()).await;
        calling.open(&ask).await;
        let mut call = origin.whole().await;
        gateway.signal(Signal::TERM);
        refuses_connections(&gateway).await;
        first.chunk("data: 1\n\n").await;
        assert_eq!(h1.piece().await, Piece::Data(b"data: 1\n\n".to_vec()), "it goes on");
        gateway.signal(second);
        assert_eq!(gateway.exited().await, 0);
        assert_eq!((h1.piece().await, streaming.piece().await), (Piece::Cut, Piece::Cut));
        for exchange in [&mut first, &mut second_stream, &mut call] {
            exchange.closed().await;
        }
    }
}
