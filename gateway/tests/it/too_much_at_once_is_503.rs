//! Too many connections, too many requests, no more descriptors: whoever comes then is told at once, with 503 and
//! `Retry-After`, or waits in the kernel's queue; one address that comes too often is not even told. What runs goes on, health
//! and metrics answer, and afterwards all is as before.

use crate::harness::origin::ok;
use crate::harness::{Ask, Client, Gateway, Origin, Protocol, Reply, eventually};
use serde_json::Value;
use tokio::net::TcpStream;

/// Asks on a connection that is one too many. Such a one has a second for its request, which is too little where the machine is
/// busy: then once more.
async fn told(gateway: &Gateway, protocol: Protocol, ask: &Ask) -> (Client, Reply) {
    for _ in 0..10 {
        let mut client = gateway.client(protocol).await;
        if let Some(reply) = client.ask_in_time(ask).await {
            return (client, reply);
        }
    }
    panic!("{protocol:?}: ten connections were closed without a word");
}

#[tokio::test]
async fn connections() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_connections = 2").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let (mut one, mut two) = (gateway.http1().await, gateway.http2().await);
    one.ask(&ask).await.with(200);
    two.ask(&ask).await.with(200);
    for protocol in Protocol::BOTH {
        let (_client, reply) = told(&gateway, protocol, &ask).await;
        reply.refuses(503, -32011, Value::Null);
        assert_eq!(reply.fields.one("retry-after"), Some("1"));
    }
    let (Client::One(mut third), reply) = told(&gateway, Protocol::Http1, &ask).await else { panic!() };
    reply.with(503);
    third.closed("it was one too many").await;
    gateway.admin("/livez").await.with(200);
    assert!(gateway.hits("max_connections").await >= 3.0);
    one.ask(&ask).await.with(200);
    two.ask(&ask).await.with(200);
    one.hang_up();
    let again = async || (gateway.http1().await.ask(&ask).await.status == 200).then_some(());
    eventually("the place is free", again).await;
}

#[tokio::test]
async fn requests() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_in_flight = 3").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let mut clients = Vec::new();
    let mut exchanges = Vec::new();
    for _ in 0..3 {
        let mut client = gateway.http1().await;
        client.open(&ask).await;
        clients.push(client);
        let mut exchange = origin.next().await;
        exchange.body().await;
        exchanges.push(exchange);
    }
    for protocol in Protocol::BOTH {
        let reply = gateway.client(protocol).await.ask(&ask).await;
        reply.refuses(503, -32011, Value::Null);
        assert_eq!(reply.fields.one("retry-after"), Some("1"));
    }
    gateway.admin("/livez").await.with(200);
    assert_eq!(gateway.metric("gateway_in_flight").await, Some(3.0));
    assert_eq!(gateway.hits("max_in_flight").await, 2.0);
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let answer = async {
            let mut exchange = origin.next().await;
            exchange.send(ok("\"well\"")).await;
            exchange.done();
        };
        let health = Ask::get("/health");
        let (reply, ()) = tokio::join!(client.ask(&health), answer);
        assert_eq!(reply.with(200).json(), "well");
    }
    for (client, mut exchange) in clients.iter_mut().zip(exchanges) {
        exchange.send(ok("{}")).await;
        exchange.done();
        client.reply().await.with(200);
    }
    let mut last = gateway.http1().await;
    last.open(&ask).await;
    let mut exchange = origin.next().await;
    exchange.body().await;
    exchange.send(ok("{}")).await;
    last.reply().await.with(200);
    assert_eq!(gateway.metric("gateway_in_flight").await, Some(0.0));
}

/// Of two workers, each would take as many if they did not count together.
#[tokio::test]
async fn requests_of_all_workers() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_in_flight = 5").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    for round in 1..=3 {
        let mut clients = Vec::new();
        for _ in 0..20 {
            let mut client = gateway.http1().await;
            client.open(&ask).await;
            clients.push(client);
        }
        let mut exchanges = Vec::new();
        for _ in 0..5 {
            exchanges.push(origin.next().await);
        }
        let told = f64::from(round * 15);
        eventually("the others are told", async || (gateway.hits("max_in_flight").await == told).then_some(())).await;
        assert_eq!(gateway.metric("gateway_in_flight").await, Some(5.0));
        for mut exchange in exchanges {
            exchange.body().await;
            exchange.send(ok("{}")).await;
            exchange.done();
        }
        let mut served = 0;
        for client in &mut clients {
            served += usize::from(client.reply().await.status == 200);
        }
        assert_eq!(served, 5);
        eventually("all is over", async || (gateway.metric("gateway_in_flight").await? == 0.0).then_some(())).await;
    }
}

/// Public routes go on while there are too many requests, but not without end.
#[tokio::test]
async fn public_requests() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1\n[limits]\nmax_in_flight = 1").start().await;
    let mut open = Vec::new();
    for _ in 0..9 {
        let mut client = gateway.http1().await;
        client.open(&Ask::get("/health")).await;
        open.push((client, origin.next().await));
    }
    gateway.http1().await.ask(&Ask::get("/health")).await.refuses(503, -32011, Value::Null);
    gateway.admin("/livez").await.with(200);
    for (mut client, mut exchange) in open {
        exchange.send(ok("{}")).await;
        client.reply().await.with(200);
    }
}

#[tokio::test]
async fn descriptors() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let mut one = gateway.http1().await;
    one.ask(&ask).await.with(200);
    let open = gateway.metric("process_open_fds").await.expect("a number") as u64;
    gateway.limit_files(open + 2);
    let mut queued = Vec::new();
    for _ in 0..10 {
        queued.push(TcpStream::connect(gateway.public).await.expect("the kernel accepts"));
    }
    gateway.said("cannot accept connections; trying again until it works", 0).await;
    one.ask(&ask).await.with(200);
    gateway.limit_files(1024);
    for socket in queued {
        let io = gateway.tls_over(socket, Protocol::Http1).await.expect("it is accepted now");
        crate::harness::Http1::new(io, gateway.authority()).ask(&ask).await.with(200);
    }
    assert!(gateway.hits("open_files").await >= 1.0);
}

/// A connection that is closed before it is anything.
async fn closed_at_once(gateway: &Gateway) {
    let socket = TcpStream::connect(gateway.public).await.expect("the kernel accepts");
    assert!(gateway.tls_over(socket, Protocol::Http1).await.is_err());
}

#[tokio::test]
async fn connections_of_one_address() {
    let origin = Origin::answering(|_| ok("{}")).await;
    for (limits, limit) in [
        ("max_connections_per_address = 2", "max_connections_per_address"),
        ("handshakes_per_address = \"2/day\"", "handshakes_per_address"),
    ] {
        let settings = format!("[listen]\nplaintext = \"127.0.0.1:0\"\n[limits]\n{limits}");
        let gateway = Gateway::before(&origin).settings(&settings).start().await;
        let ask = Ask::ping().key(&gateway.key().secret);
        let (mut one, mut two) = (gateway.http1().await, gateway.http2().await);
        one.ask(&ask).await.with(200);
        closed_at_once(&gateway).await;
        closed_at_once(&gateway).await;
        assert_eq!(gateway.hits(limit).await, 2.0);
        two.ask(&ask).await.with(200);
        // a proxy on this machine brings whoever comes
        for _ in 0..3 {
            let mut plain = gateway.plain(gateway.plaintext.unwrap()).await;
            plain.ask(&ask.clone().field("Host", "localhost")).await.with(200);
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_not_one_address() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let settings = "[listen]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[limits]\nmax_connections_per_address = 1";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let mut client = gateway.http1().await;
        client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
        all.push(client);
    }
}
