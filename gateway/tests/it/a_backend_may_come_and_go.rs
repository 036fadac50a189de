//! A backend that is down is 502 at once, and 200 again as soon as it is back, without a restart of the gateway. While it stays
//! down, requests are 503 at once: the gateway itself looks for it, and serves when it has found it. One that closes idle
//! connections, as all do, is never the reason for a 502.

use crate::harness::origin::ok;
use crate::harness::{Ask, Backend, Gateway, Origin, Protocol, eventually};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

#[tokio::test]
async fn down_and_back() {
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).start().await;
    let mut clients = [gateway.client(Protocol::Http1).await, gateway.client(Protocol::Http2).await];
    let ask = Ask::call(1, "get_alerts", serde_json::json!({"state": "CA"})).key(&gateway.key().secret);
    for client in &mut clients {
        client.ask(&ask).await.with(200);
    }
    let address = backend.stop().await;
    for client in &mut clients {
        for ask in [&ask, &Ask::get("/health")] {
            let sentence = client.ask(ask).await.refuses(502, -32010, Value::Null);
            assert_eq!(sentence, "The MCP server behind this gateway cannot be reached.");
        }
    }
    let _backend = Backend::start_at(address).await;
    for client in &mut clients {
        let reply = client.ask(&ask).await.with(200);
        assert!(reply.text().contains("Red Flag Warning"), "{}", reply.text());
    }
}

#[tokio::test]
async fn never_there() {
    // bound, so that nobody else takes the port, and not listening
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = format!("http://{}", reserved.local_addr().unwrap());
    let gateway = Gateway::before(&*nobody).start().await;
    let reply = gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await;
    reply.refuses(502, -32010, Value::Null);
    assert_eq!(gateway.admin("/readyz").await.status, 200, "the gateway itself is well");
}

/// As one whose machine is gone: nothing comes back, not even a refusal.
#[tokio::test]
async fn too_busy_to_take_a_connection() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // the kernel keeps one connection for it and drops what asks for more
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _kept = TcpStream::connect(address).await.unwrap();
    let gateway = Gateway::before(&*format!("http://{address}")).start().await;
    let reply = gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await;
    reply.refuses(502, -32010, Value::Null);
    gateway.said("cannot connect to the upstream: timed out", 0).await;
}

/// Five in a row are told what it says; then nobody asks it but the worker, which finds it when it is back.
#[tokio::test]
async fn and_nobody_asks_again_and_again() {
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    let gateway = Gateway::before(&*format!("http://{address}")).settings("workers = 1").start().await;
    let mut client = gateway.http1().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    for _ in 0..5 {
        client.ask(&ask).await.refuses(502, -32010, Value::Null);
    }
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for ask in [&ask, &Ask::get("/health")] {
            let reply = client.ask(ask).await;
            let sentence = reply.refuses(503, -32011, Value::Null);
            assert_eq!(sentence, "The MCP server behind this gateway cannot be reached. Try again.");
            assert_eq!(reply.fields.one("retry-after"), Some("1"));
        }
    }
    let errors = async |kind| gateway.metric(&format!("gateway_upstream_errors_total{{kind=\"{kind}\"}}")).await;
    assert_eq!((errors("unreachable").await, errors("down").await), (Some(5.0), Some(4.0)));
    let lost = "the upstream cannot be reached: requests are answered with 503 until it can";
    gateway.said(lost, 0).await;
    assert_eq!(gateway.metric("gateway_breaker_open").await, Some(1.0));
    drop(reserved);
    let origin = Origin::start_at(address).await;
    // without a request that tries
    gateway.said("the upstream can be reached again", 0).await;
    eventually("it is over", async || (gateway.metric("gateway_breaker_open").await? == 0.0).then_some(())).await;
    client.open(&ask).await;
    let mut exchange = origin.next().await;
    assert_eq!(exchange.connection, 0, "by the connection that found it");
    exchange.body().await;
    exchange.send(ok("{}")).await;
    client.reply().await.with(200);
    assert_eq!(gateway.log.since(0, |line| line["message"] == lost).len(), 1, "said once");
}

/// The first waits in vain; then the worker tries again, and requests are told at once.
#[tokio::test]
async fn and_nobody_queues_for_one_that_says_nothing() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let kept = TcpStream::connect(address).await.unwrap();
    let gateway = Gateway::before(&*format!("http://{address}")).settings("workers = 1").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    gateway.http1().await.ask(&ask).await.refuses(502, -32010, Value::Null);
    for _ in 0..3 {
        let reply = gateway.http1().await.ask(&ask).await;
        reply.refuses(503, -32011, Value::Null);
        assert_eq!(reply.fields.one("retry-after"), Some("1"));
    }
    // somebody listens again: the worker finds it
    drop(kept);
    let served = tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while socket.read(&mut request).await.is_ok_and(|length| length > 0) {
                    socket.write_all(&ok("{}")).await.unwrap();
                }
            });
        }
    });
    let again = async || (gateway.http1().await.ask(&ask).await.status == 200).then_some(());
    eventually("all are served", again).await;
    served.abort();
}

#[tokio::test]
async fn closing_idle_connections() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let mut client = gateway.http1().await;
    for n in 0..200 {
        client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.next().await;
        assert_eq!(exchange.connection, n / 3, "kept until the backend closes it");
        exchange.body().await;
        exchange.send(ok(&n.to_string())).await;
        assert_eq!(client.reply().await.with(200).json(), n);
        // after each third reply the backend closes the connection, with a farewell or without
        match n % 6 {
            2 => exchange.hang_up().await,
            5 => exchange.reset(),
            _ => exchange.done(),
        }
    }
}

/// What it may have acted on is not sent twice, whatever the reason for which no reply comes.
#[tokio::test]
async fn closing_under_a_request_that_it_has_read() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let mut client = gateway.http1().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    for n in 0..20 {
        client.open(&ask).await;
        let mut exchange = origin.next().await;
        exchange.body().await;
        exchange.send(ok("1")).await;
        exchange.done();
        client.reply().await.with(200);
        client.open(&ask).await;
        let mut exchange = origin.next().await;
        exchange.body().await;
        assert_eq!(exchange.connection, n, "a pooled connection");
        if n % 2 == 0 {
            exchange.hang_up().await
        } else {
            exchange.reset()
        }
        client.reply().await.refuses(502, -32010, Value::Null);
        assert_eq!(origin.requests().len(), 2 * (n + 1), "sent once");
    }
}

#[tokio::test]
async fn closing_after_each_reply() {
    let origin = Origin::answering(|request| {
        let close = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        let old = "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n{}";
        if request.target() == "/" { close.into() } else { old.into() }
    })
    .await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let mut client = gateway.http1().await;
    for n in 0..100 {
        let reply = client.ask(&Ask::get(if n % 2 == 0 { "/" } else { "/health" })).await.with(200);
        assert_eq!((reply.text(), reply.fields.has("connection")), ("{}".to_owned(), false), "{n}");
    }
    assert_eq!(origin.connections(), 100);
}

#[tokio::test]
async fn idle_connections_are_given_up_first() {
    let origin = Origin::start().await;
    let settings = "workers = 1\n[upstream]\nidle_timeout = \"200ms\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::get("/")).await;
    let mut exchange = origin.answers(ok("1")).await;
    client.reply().await.with(200);
    exchange.closed().await;
    client.open(&Ask::get("/")).await;
    let mut exchange = origin.next().await;
    assert_eq!(exchange.connection, 1);
    exchange.send(ok("2")).await;
    assert_eq!(client.reply().await.with(200).json(), 2);
}
