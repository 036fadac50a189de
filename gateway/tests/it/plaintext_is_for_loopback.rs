//! `listen.plaintext` adds a listener without TLS, on loopback only and only if asked for. Keys count there as well, and the
//! backend is told that the request came without TLS.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin};
use serde_json::Value;

#[tokio::test]
async fn it_asks_for_keys_too() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[listen]\nplaintext = \"127.0.0.1:0\"").start().await;
    let mut client = gateway.plain(gateway.plaintext.unwrap()).await;
    client.ask(&Ask::ping()).await.refuses(401, -32001, Value::Null);
    client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    assert_eq!(origin.requests()[0].fields().one("x-forwarded-proto"), Some("http"));
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    assert_eq!(origin.requests()[1].fields().one("x-forwarded-proto"), Some("https"));
}

#[tokio::test]
async fn it_is_not_there_unless_asked_for() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    assert_eq!(gateway.plaintext, None);
    let mut client = gateway.plain(gateway.public).await;
    client.send("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    // what comes back, if anything, is a TLS alert: no byte of HTTP
    let said = client.everything().await;
    assert!(!said.starts_with(b"HTTP"), "{:?}", String::from_utf8_lossy(&said));
    assert_eq!(origin.requests().len(), 0);
}
