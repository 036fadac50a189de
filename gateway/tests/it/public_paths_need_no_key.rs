//! `GET /` and `GET /health` are forwarded without a key, and a key that is shown there goes nowhere. HEAD goes with GET;
//! any other method is answered with 404 that names the endpoint.

use crate::harness::origin::ok;
use crate::harness::{Ask, Backend, Gateway, Origin, Protocol};
use serde_json::{Value, json};

#[tokio::test]
async fn the_backend_answers_them() {
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let about = client.ask(&Ask::get("/")).await.with(200).json();
        assert_eq!((&about["name"], &about["mcp"]), (&json!("Secure Weather MCP Server"), &json!("/mcp")));
        let health = client.ask(&Ask::get("/health")).await.with(200).json();
        assert_eq!(health, json!({"status": "healthy", "service": "weather-mcp-server"}));
        let head = client.ask(&Ask::new("HEAD", "/health")).await.with(200);
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn other_methods_are_told_where_the_endpoint_is() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        for (method, target) in [("POST", "/"), ("POST", "/health"), ("DELETE", "/"), ("PUT", "/health")] {
            let ask = Ask::new(method, target).key(&gateway.key().secret);
            let sentence = gateway.client(protocol).await.ask(&ask).await.refuses(404, -32004, Value::Null);
            assert_eq!(sentence, "Not found. The MCP endpoint is at /mcp.", "{method} {target}");
        }
    }
    gateway.http1().await.ask(&Ask::get("/")).await.with(200);
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn a_key_shown_there_is_not_passed_on() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let ask = Ask::get("/health").key(&gateway.key().secret).field("X-Client-Id", "somebody");
    gateway.http1().await.ask(&ask).await.with(200);
    let seen = &origin.requests()[0];
    assert!(!seen.fields().has("x-api-key") && !seen.fields().has("x-client-id") && !seen.fields().has("x-key-id"));
    assert!(!String::from_utf8_lossy(&seen.head.raw).contains(&gateway.key().secret));
}
