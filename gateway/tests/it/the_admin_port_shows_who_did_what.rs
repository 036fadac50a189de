//! `/metrics`, `/livez` and `/readyz` are answered on the admin port, in plain HTTP, and never on the public one. A scrape
//! tells requests by client, route, method and outcome, decisions about keys by reason, open streams, durations, and when
//! keys and the certificate end.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol, eventually};
use serde_json::Value;

#[tokio::test]
async fn probes_and_metrics_are_there_and_nothing_else_is() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    for probe in ["/livez", "/readyz"] {
        assert_eq!(gateway.admin(probe).await.with(200).text(), "ok\n");
    }
    let metrics = gateway.admin("/metrics").await.with(200);
    assert_eq!(metrics.fields.one("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for (method, target, status) in [
        ("HEAD", "/livez", 200),
        ("GET", "/", 404),
        ("GET", "/mcp", 404),
        ("GET", "/metrics/", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/livez", 405),
    ] {
        let reply = gateway.plain(gateway.admin).await.ask(&Ask::new(method, target)).await;
        assert_eq!(reply.status, status, "{method} {target}");
    }
    for target in ["/metrics", "/livez", "/readyz"] {
        for protocol in Protocol::BOTH {
            let ask = Ask::get(target).key(&gateway.key().secret);
            gateway.client(protocol).await.ask(&ask).await.refuses(404, -32004, Value::Null);
        }
    }
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn each_request_is_counted_once_with_its_outcome() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (disabled, expired, early) = (Key::disabled(), Key::expired(), Key::not_yet_valid());
    let gateway = Gateway::before(&origin).client("aged", "", &[&disabled, &expired, &early]).start().await;
    let good = &gateway.key().secret;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for ask in [
            Ask::ping().key(good),
            Ask::new("DELETE", "/mcp").key(good),
            Ask::get("/"),
            Ask::get("/none"),
            Ask::get("/mcp"),
            Ask::get("/mcp").key(&disabled.secret),
            Ask::get("/mcp").key(&expired.secret),
            Ask::get("/mcp").key(&early.secret),
            Ask::get("/mcp").key(Key::new().secret),
            Ask::get("/mcp").key("").key(""),
            Ask::new("BREW", "/mcp"),
        ] {
            client.ask(&ask).await;
        }
    }
    gateway.requests_logged(22).await;
    for (labels, count) in [
        ("client=\"weather-agent\",route=\"/mcp\",method=\"POST\",outcome=\"relayed\"", 2.0),
        ("client=\"weather-agent\",route=\"/mcp\",method=\"DELETE\",outcome=\"relayed\"", 2.0),
        ("client=\"-\",route=\"/\",method=\"GET\",outcome=\"relayed\"", 2.0),
        ("client=\"-\",route=\"other\",method=\"GET\",outcome=\"unknown_path\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_missing\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_disabled\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_expired\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_not_yet_valid\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_unknown\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_malformed\"", 2.0),
        ("client=\"-\",route=\"/mcp\",method=\"other\",outcome=\"key_missing\"", 2.0),
    ] {
        let series = format!("gateway_requests_total{{{labels}}}");
        assert_eq!(gateway.metric(&series).await, Some(count), "{series}");
    }
    for (result, reason, count) in [
        ("accepted", "", 4.0),
        ("rejected", "missing", 4.0),
        ("rejected", "malformed", 2.0),
        ("rejected", "unknown", 2.0),
        ("rejected", "expired", 2.0),
        ("rejected", "not_yet_valid", 2.0),
        ("rejected", "disabled", 2.0),
    ] {
        let series = format!("gateway_auth_decisions_total{{result=\"{result}\",reason=\"{reason}\"}}");
        assert_eq!(gateway.metric(&series).await, Some(count), "{series}");
    }
    assert_eq!(gateway.metric("gateway_request_duration_seconds_count").await, Some(22.0));
}

#[tokio::test]
async fn open_streams_are_gauged() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let open = || gateway.metric("gateway_streams_open{client=\"weather-agent\"}");
    assert_eq!(open().await, Some(0.0));
    let ask = Ask::get("/mcp").key(&gateway.key().secret);
    let (mut one, mut two, mut three) = (gateway.http1().await, gateway.http2().await, gateway.http1().await);
    one.open(&ask).await;
    let mut first = origin.next().await;
    first.stream().await;
    one.head().await;
    assert_eq!(open().await, Some(1.0));
    let mut stream = two.open(&ask).await;
    let mut second = origin.next().await;
    second.stream().await;
    stream.head().await;
    three.open(&ask).await;
    let mut third = origin.next().await;
    third.send(ok("\"no stream\"")).await;
    three.reply().await.with(200);
    assert_eq!(open().await, Some(2.0));
    stream.reset();
    second.closed().await;
    eventually("one is left", async || (open().await == Some(1.0)).then_some(())).await;
    first.send("0\r\n\r\n").await;
    assert_eq!(one.piece().await, Piece::End);
    eventually("none is left", async || (open().await == Some(0.0)).then_some(())).await;
}

#[tokio::test]
async fn the_end_of_keys_and_certificate_is_shown() {
    let origin = Origin::start().await;
    let key = Key::new().with("expires_at = 2100-01-01T00:00:00Z");
    let gateway = Gateway::before(&origin).client("ops", "tools = \"all\"", &[&key]).start().await;
    let series = format!("gateway_key_expiry_timestamp_seconds{{client=\"ops\",key_id=\"{}\"}}", key.id);
    assert_eq!(gateway.metric(&series).await, Some(4_102_444_800.0));
    let certificate = "gateway_tls_certificate_expiry_timestamp_seconds{name=\"localhost\"}";
    assert!(gateway.metric(certificate).await.unwrap() > 4e9, "rcgen's certificates last long");
    let text = gateway.admin("/metrics").await.text();
    assert!(!text.contains(&gateway.key().id), "a key without an end has no such row");
    for name in ["gateway_build_info{version=", "process_resident_memory_bytes ", "process_open_fds "] {
        assert!(text.contains(name), "{name}\n{text}");
    }
}

#[tokio::test]
async fn half_a_request_there_keeps_nobody_from_a_scrape() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut slow = gateway.plain(gateway.admin).await;
    slow.send("GET /metrics HTT").await;
    assert_eq!(gateway.admin("/livez").await.status, 200);
    slow.send("P/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(slow.head().await.0, 200);
    assert!(matches!(slow.piece().await, Piece::Data(_)));
}
