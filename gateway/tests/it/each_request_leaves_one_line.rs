//! Each request leaves one line in the log: request id, client, key id, peer, HTTP method, MCP method,
//! tool, status, outcome, how the body ended, bytes, milliseconds. No key is in it, nor anywhere else at `trace`, which the
//! harness looks through after every test.

use crate::harness::origin::ok;
use crate::harness::setup::CLIENT;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol};
use serde_json::{Value, json};

#[tokio::test]
async fn that_says_who_asked_what_and_how_it_went() {
    let origin = Origin::answering(|_| ok("{\"ok\":true}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let call = Ask::call(7, "get_alerts", json!({"state": "CA"})).key(&gateway.key().secret);
    for (number, protocol) in Protocol::BOTH.into_iter().enumerate() {
        let reply = gateway.client(protocol).await.ask(&call).await.with(200);
        let line = gateway.requests_logged(number + 1).await.remove(number);
        assert_eq!(line["request_id"], reply.fields.one("x-request-id").unwrap());
        assert_eq!((&line["client"], &line["key_id"]), (&json!(CLIENT), &json!(gateway.key().id)));
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert_eq!((&line["method"], &line["rpc"]), (&json!("POST"), &json!("tools/call")));
        assert_eq!((&line["tool"], &line["status"]), (&json!("get_alerts"), &json!(200)));
        assert_eq!(
            (&line["outcome"], &line["end"], &line["bytes"]),
            (&json!("relayed"), &json!("complete"), &json!(11))
        );
        assert!(line["ms"].as_f64().unwrap() > 0.0, "{line}");
        assert!(line["timestamp"].is_string() && line["level"] == "INFO", "{line}");
    }
}

#[tokio::test]
async fn for_refusals_too() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (bounded, disabled) = (Key::new(), Key::disabled());
    let setup = Gateway::before(&origin).client("bounded", "tools = []", &[&bounded]).client("off", "", &[&disabled]);
    let gateway = setup.start().await;
    let call = Ask::call(7, "get_alerts", json!({}));
    let cases = [
        (Ask::get("/mcp"), 401, "key_missing", Value::Null),
        (Ask::get("/mcp").key(&disabled.secret), 401, "key_disabled", Value::Null),
        (Ask::get("/none"), 404, "unknown_path", Value::Null),
        (call.key(&bounded.secret), 403, "denied", json!("bounded")),
        (Ask::get("/").field("Origin", "null"), 403, "origin_denied", Value::Null),
    ];
    let mut client = gateway.http1().await;
    for (number, (ask, status, outcome, who)) in cases.into_iter().enumerate() {
        let reply = client.ask(&ask).await;
        assert_eq!(reply.status, status);
        let line = gateway.requests_logged(number + 1).await.remove(number);
        assert_eq!(line["request_id"], reply.fields.one("x-request-id").unwrap());
        assert_eq!((&line["status"], &line["outcome"], &line["client"]), (&json!(status), &json!(outcome), &who));
    }
}

#[tokio::test]
async fn with_how_a_stream_ended() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut expected = Vec::new();
    for protocol in Protocol::BOTH {
        for end in ["complete", "upstream_cut", "client_left"] {
            let mut client = gateway.client(protocol).await;
            let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
            let mut exchange = origin.next().await;
            exchange.body().await;
            exchange.stream().await;
            exchange.chunk("data: 1\n\n").await;
            incoming.head().await;
            incoming.exactly(9).await;
            match end {
                "complete" => {
                    exchange.send("0\r\n\r\n").await;
                    assert_eq!(incoming.piece().await, Piece::End);
                }
                "upstream_cut" => {
                    exchange.hang_up().await;
                    assert_eq!(incoming.piece().await, Piece::Cut);
                }
                _ => {
                    incoming.leave();
                    exchange.closed().await;
                }
            }
            expected.push(end);
            let lines = gateway.requests_logged(expected.len()).await;
            let ends: Vec<_> = lines.iter().map(|line| line["end"].as_str().unwrap()).collect();
            assert_eq!(ends, expected, "{protocol:?}");
            let last = lines.last().unwrap();
            assert_eq!((&last["bytes"], &last["status"]), (&json!(9), &json!(200)));
        }
    }
}

#[tokio::test]
async fn for_a_client_that_left_before_the_answer() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    for (number, protocol) in Protocol::BOTH.into_iter().enumerate() {
        let mut client = gateway.client(protocol).await;
        let incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.next().await;
        exchange.body().await;
        incoming.leave();
        exchange.closed().await;
        let line = gateway.requests_logged(number + 1).await.remove(number);
        assert_eq!((&line["status"], &line["outcome"]), (&json!(499), &json!("abandoned")));
    }
}

#[tokio::test]
async fn that_no_name_can_break() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let name = "a\n{\"level\":\"ERROR\"}\u{1b}[31m\u{202e}\u{2028}";
    let call = Ask::call(7, name, json!({})).key(&gateway.key().secret);
    gateway.http1().await.ask(&call).await.with(200);
    let line = gateway.requests_logged(1).await.remove(0);
    let tool = line["tool"].as_str().unwrap();
    assert_eq!(tool, "a\\u{a}{\"level\":\"ERROR\"}\\u{1b}[31m\\u{202e}\\u{2028}");
}

#[tokio::test]
async fn and_none_when_it_is_switched_off() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let off = "[log]\nlevel = \"trace,gateway::request=off\"";
    let gateway = Gateway::before(&origin).settings(off).start().await;
    gateway.http1().await.ask(&Ask::get("/")).await.with(200);
    let counted = "gateway_requests_total{client=\"-\",route=\"/\",method=\"GET\",outcome=\"relayed\"}";
    crate::harness::eventually("the request is over", async || gateway.metric(counted).await).await;
    assert_eq!(gateway.log.since(0, |line| line["target"] == "gateway::request").len(), 0);
}
