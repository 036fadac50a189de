//! `/upstream-metrics` is what the backend says of itself.

use crate::harness::{Ask, Gateway, Origin, Protocol};
use serde_json::Value;

#[tokio::test]
async fn the_upstreams_own_metrics_are_passed_on() {
    let origin = Origin::start().await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let source = Origin::answering(move |request| {
        let (kind, body) = match request.target() {
            "/metrics" => (kind, "weather_tool_calls_total 7\n# EOF\n".to_owned()),
            "/page" => ("text/html", "<html>".to_owned()),
            "/large" => (kind, "x".repeat(9 << 20)),
            _ => return b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".to_vec(),
        };
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
    })
    .await;
    for (path, status, words) in [
        ("", 200, "weather_tool_calls_total 7\n# EOF\n"),
        ("/metrics", 200, "weather_tool_calls_total 7\n# EOF\n"),
        ("/page", 502, "not in Prometheus' text format"),
        ("/large", 502, "length limit exceeded"),
        ("/none", 502, "it answers 404"),
    ] {
        let settings = format!("[upstream]\nmetrics = \"http://{}{path}\"", source.address());
        let gateway = Gateway::before(&origin).settings(&settings).start().await;
        let ask = Ask::get("/upstream-metrics").field("accept", kind);
        let reply = gateway.plain(gateway.admin).await.ask(&ask).await.with(status);
        assert!(reply.text().contains(words), "{path}: {}", reply.text());
        if status == 200 {
            assert_eq!(reply.fields.one("content-type"), Some(kind));
        }
        let seen = source.last();
        assert_eq!(seen.fields().one("accept"), Some(kind));
        assert_eq!(seen.fields().one("host"), Some(&*source.address().to_string()));
    }
    let gateway = Gateway::before(&origin).start().await;
    assert!(gateway.admin("/upstream-metrics").await.with(404).text().contains("upstream.metrics"));
    for protocol in Protocol::BOTH {
        gateway.client(protocol).await.ask(&Ask::get("/upstream-metrics")).await.refuses(404, -32004, Value::Null);
    }
    assert_eq!(origin.requests().len(), 0);
}
