//! `upstream.url = "unix:PATH"`: the backend listens on a Unix socket; a relative path is relative to the settings file.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Protocol};

#[tokio::test]
async fn by_relative_and_absolute_path() {
    let gateway = Gateway::before("unix:backend.sock").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    gateway.http1().await.ask(&ask).await.refuses(502, -32010, serde_json::Value::Null);

    let socket = gateway.dir().join("backend.sock");
    let origin = Origin::answering_at(&socket, |request| ok(&format!("{:?}", request.target())));
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for _ in 0..3 {
            assert_eq!(client.ask(&ask).await.with(200).json(), "/mcp");
        }
    }
    assert!(origin.requests().iter().all(|request| request.fields().one("host") == Some("localhost")));
    assert!(origin.connections() <= 2, "each worker keeps its connection: {}", origin.connections());

    let other = Gateway::before(&origin).start().await;
    other.http1().await.ask(&Ask::ping().key(&other.key().secret)).await.with(200);
}
