//! `/metrics`, `/status.json`, `/livez` and `/readyz` are answered on the admin port, in plain HTTP, and never on the public
//! one. A scrape tells requests by client, route, method and outcome, calls by tool, decisions about keys by reason, streams
//! and their events, durations, handshakes, and when keys and the certificate end. Nothing that only a client says is a label.

mod readiness;
mod status;
mod upstream;

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol, eventually};
use rustls::version::TLS12;
use serde_json::{Value, json};
use std::collections::HashSet;

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
    for target in ["/metrics", "/status.json", "/livez", "/readyz"] {
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
            Ask::get("/mcp").key(format!("{}x", Key::new().secret)),
            Ask::get("/mcp").key("").key(""),
            Ask::new("BREW", "/mcp"),
        ] {
            client.ask(&ask).await;
        }
    }
    gateway.audited(20).await; // public and unknown paths need no key
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
        ("client=\"-\",route=\"/mcp\",method=\"GET\",outcome=\"key_mistyped\"", 2.0),
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
        ("rejected", "mistyped", 2.0),
        ("rejected", "expired", 2.0),
        ("rejected", "not_yet_valid", 2.0),
        ("rejected", "disabled", 2.0),
    ] {
        let series = format!("gateway_auth_decisions_total{{result=\"{result}\",reason=\"{reason}\"}}");
        assert_eq!(gateway.metric(&series).await, Some(count), "{series}");
    }
    assert_eq!(gateway.metric("gateway_request_duration_seconds_count").await, Some(24.0));
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
    let of_h2 = || gateway.metric("gateway_h2_streams_open");
    assert_eq!(of_h2().await, Some(1.0));
    stream.reset();
    second.closed().await;
    eventually("one is left", async || (open().await == Some(1.0)).then_some(())).await;
    eventually("it was that of h2", async || (of_h2().await == Some(0.0)).then_some(())).await;
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

#[tokio::test]
async fn calls_are_counted_by_tool_and_only_the_operators_words_are_labels() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let bounded = Key::new();
    let setup = Gateway::before(&origin).settings("[upstream]\ntools = [\"get_alerts\"]");
    let gateway = setup.client("bounded", "tools = [\"get_forecast\"]", &[&bounded]).start().await;
    let good = &gateway.key().secret;
    let mut client = gateway.http1().await;
    for (key, tool, status) in [
        (good, "get_alerts", 200),
        (good, "get_alerts", 200),
        (good, "get_forecast", 200),
        (good, "anything", 200),
        (&bounded.secret, "get_forecast", 200),
        (&bounded.secret, "get_alerts", 403),
        (&bounded.secret, "unheard_of", 403),
    ] {
        client.ask(&Ask::call(1, tool, json!({})).key(key)).await.with(status);
    }
    client.ask(&Ask::get("/none")).await.with(404); // the one before it is counted by now
    for (labels, count) in [
        ("client=\"weather-agent\",tool=\"get_alerts\",outcome=\"relayed\"", 2.0),
        ("client=\"weather-agent\",tool=\"get_forecast\",outcome=\"relayed\"", 1.0),
        ("client=\"weather-agent\",tool=\"other\",outcome=\"relayed\"", 1.0),
        ("client=\"bounded\",tool=\"get_forecast\",outcome=\"relayed\"", 1.0),
        ("client=\"bounded\",tool=\"get_alerts\",outcome=\"denied\"", 1.0),
        ("client=\"bounded\",tool=\"other\",outcome=\"denied\"", 1.0),
    ] {
        let series = format!("gateway_tool_calls_total{{{labels}}}");
        assert_eq!(gateway.metric(&series).await, Some(count), "{series}");
    }
    assert_eq!(gateway.metric("gateway_policy_denied_total{client=\"bounded\"}").await, Some(2.0));
    assert_eq!(gateway.metric("gateway_policy_denied_total{client=\"weather-agent\"}").await, Some(0.0));
}

#[tokio::test]
async fn ten_thousand_names_and_paths_add_no_series() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[log]\nlevel = \"info\"").start().await;
    let mut client = gateway.http2().await;
    let asks = |n: u32| {
        let word = format!("{:08x}", n.wrapping_mul(2_654_435_761));
        let call = Ask::call(1, &word, json!({})).key(&gateway.key().secret);
        [call, Ask::get(&format!("/{word}")), Ask::new(&format!("M{word}"), "/mcp")]
    };
    let mut series = async |from: u32, to: u32| {
        for ask in (from..to).flat_map(asks) {
            client.ask(&ask).await;
        }
        let text = gateway.admin("/metrics").await.with(200).text();
        let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        names.map(|(series, _)| series.to_owned()).collect::<HashSet<_>>()
    };
    let few = series(0, 2).await;
    let many = series(2, 5002).await;
    assert_eq!(many.difference(&few).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[tokio::test]
async fn streams_events_and_heads_are_measured() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    for (protocol, end) in [(Protocol::Http1, "complete"), (Protocol::Http2, "upstream_cut")] {
        let mut client = gateway.client(protocol).await;
        let mut incoming = client.open(&ask).await;
        let mut exchange = origin.next().await;
        exchange.body().await;
        exchange.stream().await;
        incoming.head().await;
        exchange.chunk("data: 1\n\ndata: 2\n\n: no event\n\nda").await;
        incoming.exactly(32).await;
        exchange.chunk("ta: 3\n\n").await;
        incoming.exactly(7).await;
        if end == "complete" {
            exchange.send("0\r\n\r\n").await;
            assert_eq!(incoming.piece().await, Piece::End);
        } else {
            exchange.hang_up().await;
            assert_eq!(incoming.piece().await, Piece::Cut);
        }
        let series = format!("gateway_stream_ends_total{{reason=\"{end}\"}}");
        eventually(&series, async || (gateway.metric(&series).await == Some(1.0)).then_some(())).await;
    }
    for (series, count) in [
        ("gateway_stream_events_total", 6.0),
        ("gateway_first_event_seconds_count", 2.0),
        ("gateway_stream_duration_seconds_count", 2.0),
        ("gateway_upstream_head_seconds_count", 2.0),
        ("gateway_upstream_errors_total{kind=\"cut\"}", 1.0),
        ("gateway_upstream_errors_total{kind=\"timeout\"}", 0.0),
    ] {
        assert_eq!(gateway.metric(series).await, Some(count), "{series}");
    }
}

#[tokio::test]
async fn what_the_upstream_answers_with_5xx_is_told_apart() {
    let origin = Origin::answering(|_| b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let gateway = Gateway::before(&origin).start().await;
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(503);
    let counted =
        "gateway_requests_total{client=\"weather-agent\",route=\"/mcp\",method=\"POST\",outcome=\"relayed_5xx\"}";
    eventually("it is counted", async || (gateway.metric(counted).await == Some(1.0)).then_some(())).await;
}

#[tokio::test]
async fn handshakes_are_counted_by_what_they_agreed_on() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    drop(gateway.http1().await);
    drop(gateway.http2().await);
    drop(gateway.tls(&["h2"], &[&TLS12]).await.unwrap());
    for (labels, count) in [
        ("version=\"1.3\",group=\"X25519MLKEM768\",result=\"ok\"", 2.0),
        ("version=\"1.2\",group=\"X25519\",result=\"ok\"", 1.0),
        ("version=\"\",group=\"\",result=\"failed\"", 0.0),
    ] {
        let series = format!("gateway_tls_handshakes_total{{{labels}}}");
        eventually(&series, async || (gateway.metric(&series).await == Some(count)).then_some(())).await;
    }
}
