//! Certificate and key may be replaced while connections and streams run: whoever connects from then on gets the new one,
//! under its names. A pair that does not belong together, or is out of its time, changes nothing until it is put right.

use crate::harness::certificates::{Certificates, NAMES};
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Http1, Origin, Piece, Protocol, eventually};
use rcgen::date_time_ymd;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, HandshakeKind};
use serde_json::Value;
use std::sync::Arc;

const RELOADED: &str = "gateway_config_reload_ok{file=\"certificate\"}";

async fn warning(gateway: &Gateway, from: usize) -> String {
    let line = gateway.log.wait("a warning", from, 1, |line| line["level"] == "WARN").await.remove(0);
    line["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn that_is_connected() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let (mut h1, mut h2) = (gateway.http1().await, gateway.http2().await);
    h1.open(&ask).await;
    let mut first = origin.streams(h1.head()).await;
    let mut streaming = h2.open(&ask).await;
    let mut second = origin.streams(streaming.head()).await;

    let next = Certificates::other(&["localhost", "mcp.example.com"], |_| ());
    let named = Ask::get("/none").field("host", "mcp.example.com");
    gateway.http1().await.ask(&named).await.with(421);
    let from = gateway.log.len();
    gateway.replace("server.key", &next.server_key);
    gateway.replace("server.pem", &next.server);
    let line = gateway.said("reloaded the certificate", from).await;
    assert_eq!(line["names"], "localhost mcp.example.com");

    assert!(gateway.tls(&["http/1.1"], &[&TLS13]).await.is_err(), "the old one is not shown any more");
    let io = gateway.tls_trusting(&next, Protocol::Http1).await.expect("the new one is");
    Http1::new(io, gateway.authority()).ask(&named).await.with(404);
    for (exchange, number) in [(&mut first, 1), (&mut second, 2)] {
        exchange.chunk(&format!("data: {number}\n\n")).await;
    }
    assert_eq!(h1.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    assert_eq!(streaming.piece().await, Piece::Data(b"data: 2\n\n".to_vec()));
    first.send("0\r\n\r\n").await;
    assert_eq!(h1.piece().await, Piece::End);
    h1.ask(&Ask::get("/none")).await.with(404);
}

/// A client resumes what it began under the old certificate. It would not trust the new one, so it is resumption that lets
/// it in.
#[tokio::test]
async fn and_tickets_stay_good() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let next = Certificates::other(&NAMES, |_| ());
    let clients = [&TLS13, &TLS12].map(|version| Arc::new(Certificates::get().client(&["http/1.1"], &[version])));
    let kind = async |client: &Arc<ClientConfig>| {
        let io = gateway.tls_as(client.clone()).await.unwrap();
        let kind = io.get_ref().1.handshake_kind().unwrap();
        // over TLS 1.3 a ticket comes behind the handshake
        Http1::new(io, gateway.authority()).ask(&Ask::get("/none")).await.with(404);
        kind
    };
    for client in &clients {
        assert_eq!(kind(client).await, HandshakeKind::Full);
        assert_eq!(kind(client).await, HandshakeKind::Resumed);
    }
    let from = gateway.log.len();
    gateway.replace("server.key", &next.server_key);
    gateway.replace("server.pem", &next.server);
    gateway.said("reloaded the certificate", from).await;
    for client in &clients {
        assert_eq!(kind(client).await, HandshakeKind::Resumed);
    }
    let stranger = Arc::new(Certificates::get().client(&["http/1.1"], &[&TLS13]));
    assert!(gateway.tls_as(stranger).await.is_err(), "whoever has no ticket sees the new one");
}

#[tokio::test]
async fn and_a_pair_that_cannot_be_used_changes_nothing() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let next = Certificates::other(&NAMES, |_| ());
    let old = Certificates::other(&NAMES, |server| {
        server.not_before = date_time_ymd(2020, 1, 1);
        server.not_after = date_time_ymd(2020, 2, 1);
    });
    let ask = Ask::ping().key(&gateway.key().secret);
    let still = async || {
        eventually("it is seen in a scrape", async || (gateway.metric(RELOADED).await == Some(0.0)).then_some(()))
            .await;
        gateway.http1().await.ask(&ask).await.with(200);
    };
    let from = gateway.log.len();
    gateway.replace("server.pem", &next.server);
    let message = warning(&gateway, from).await;
    assert!(message.starts_with("server.key: does not belong to the first certificate in server.pem"), "{message}");
    still().await;

    let from = gateway.log.len();
    gateway.replace("server.key", &next.server_key[..next.server_key.len() / 2]);
    let message = warning(&gateway, from).await;
    assert!(message.starts_with("server.key: "), "{message}");
    still().await;

    let (before, from) = (gateway.log.len(), gateway.log.len());
    gateway.replace("server.key", &old.server_key);
    gateway.replace("server.pem", &old.server);
    let expired =
        |line: &Value| line["message"].as_str().is_some_and(|m| m.contains("is not valid now; it runs from 2020"));
    gateway.log.wait("that it has expired", from, 1, expired).await;
    still().await;
    assert_eq!(gateway.log.since(before, expired).len(), 1);

    let from = gateway.log.len();
    gateway.replace("server.pem", &next.server);
    gateway.replace("server.key", &next.server_key);
    gateway.said("reloaded the certificate", from).await;
    assert_eq!(gateway.metric(RELOADED).await, Some(1.0));
    gateway.tls_trusting(&next, Protocol::Http2).await.expect("the new one is shown");
}
