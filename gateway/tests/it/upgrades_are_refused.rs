//! No other protocol gets through: `Upgrade` is 401 without a key and 501 with one; on a public path it is not passed on.
//! CONNECT is refused in any form.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin};
use serde_json::Value;

#[tokio::test]
async fn and_never_forwarded() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let key = &gateway.key().secret;
    for protocol in ["websocket", "h2c", "TLS/1.0"] {
        let upgrade = |ask: Ask| ask.field("Upgrade", protocol).field("Connection", "Upgrade, HTTP2-Settings");
        let ask = upgrade(Ask::get("/mcp")).field("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA");
        gateway.http1().await.ask(&ask).await.refuses(401, -32001, Value::Null);
        let sentence = gateway.http1().await.ask(&ask.key(key)).await.refuses(501, -32009, Value::Null);
        assert_eq!(sentence, "Upgrade is not supported.");
        assert_eq!(origin.requests().len(), 0);
    }
    gateway.http1().await.ask(&Ask::get("/").field("Upgrade", "h2c").field("Connection", "upgrade")).await.with(200);
    assert!(!origin.last().fields().has("upgrade") && !origin.last().fields().has("connection"));
}

#[tokio::test]
async fn connect_too() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let key = &gateway.key().secret;
    for target in ["localhost:443", "example.com:80", "/mcp"] {
        let mut client = gateway.http1().await;
        client.send(format!("CONNECT {target} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n")).await;
        let status = client.raw_head().await.expect("an answer").status();
        assert!(matches!(status, 400 | 501), "{target}: {status}");
    }
    let reply = gateway.http2().await.connect(key).await;
    assert_eq!(reply, Some(501));
    assert_eq!(origin.requests().len(), 0);
}
