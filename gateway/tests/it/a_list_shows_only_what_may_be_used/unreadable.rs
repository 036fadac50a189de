//! What cannot be read as a list is not passed on.

use super::{Stage, list, stage, tools};
use crate::harness::origin::Request;
use crate::harness::{Ask, Origin, Protocol};
use serde_json::Value;

#[tokio::test]
async fn and_what_cannot_be_read_as_a_list_is_not_passed_on() {
    let [all, _] = tools();
    let long = all.replace("\"ttlMs\"", &format!("\"padding\":\"{}\",\"ttlMs\"", "x".repeat(64 << 10)));
    let gzip = "content-encoding: gzip\r\n";
    let cases = [
        ("application/json", "", all.replace("\"tools\"", "\"Tools\"")),
        ("application/json", "", all.replace("\"ttlMs\":5", "\"tools\":[]")),
        ("application/json", "", all[..all.len() - 1].to_owned()),
        ("application/json", "", format!("[{all}]")),
        ("application/json", "", "{}".to_owned()),
        ("application/json", "", format!("\u{feff}{all}")),
        ("text/html", "", "<p>theirs</p>".to_owned()),
        ("application/json", gzip, all.clone()),
        ("text/event-stream", gzip, format!("data: {all}\n\n")),
        ("application/json", "content-type: text/event-stream\r\n", all.clone()),
        ("application/json", "", long.clone()),
    ];
    for (kind, field, body) in cases {
        let answer = move |_: &Request| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{field}transfer-encoding: chunked\r\n");
            format!("{head}\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
        };
        let Stage { origin: _origin, gateway, mine } = stage(Origin::answering(answer).await).await;
        for protocol in Protocol::BOTH {
            let seen = gateway.client(protocol).await.ask(&list("tools/list").key(&mine.secret)).await;
            seen.refuses(502, -32010, Value::Null);
            assert!(!seen.text().contains("theirs"));
        }
        let refused = gateway.audited(2).await;
        let word = |line: &Value| ["list_unreadable", "list_too_large"].contains(&line["outcome"].as_str().unwrap());
        assert!(refused.iter().all(word), "{refused:?}");
        gateway.client(Protocol::Http1).await.ask(&list("tools/list").key(&gateway.key().secret)).await.with(200);
    }
}

#[tokio::test]
async fn nor_what_is_a_stream_or_is_not() {
    let [all, _] = tools();
    for (first, second) in [("text/event-stream", "application/json"), ("text/event-stream", "text/plain")] {
        let event = format!("data: {all}\n\n");
        let answer = move |_: &Request| {
            let (head, length) = ("HTTP/1.1 200 OK\r\ncontent-type: ", event.len());
            let types = format!("{first}\r\ncontent-type: {second}");
            format!("{head}{types}\r\ncontent-length: {length}\r\n\r\n{event}").into_bytes()
        };
        let Stage { origin: _origin, gateway, mine } = stage(Origin::answering(answer).await).await;
        for protocol in Protocol::BOTH {
            let seen = gateway.client(protocol).await.ask(&Ask::get("/mcp").key(&mine.secret)).await;
            seen.refuses(502, -32010, Value::Null);
        }
    }
}

#[tokio::test]
async fn and_a_stream_that_brings_it_is_broken_off() {
    let [all, _] = tools();
    let long = format!("data: {}\n\n", "x".repeat(64 << 10));
    let Stage { origin, gateway, mine } = stage(Origin::start().await).await;
    let get = || Ask::get("/mcp").field("accept", "text/event-stream");
    let doubled = all.replace("\"ttlMs\":5", "\"tools\":[]");
    for (ask, event) in [
        (list("tools/list"), format!("data: {}\n\n", all.replace("\"tools\"", "\"Tools\""))),
        (list("tools/list"), "data: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n".to_owned()),
        (list("tools/list"), long.clone()),
        (get(), format!("data: {doubled}\n\n")),
        (get(), format!("data: [{all}]\n\n")),
        (get(), "data: theirs\n\n".to_owned()),
        (get(), long),
    ] {
        for protocol in Protocol::BOTH {
            let mut client = gateway.client(protocol).await;
            let mut incoming = client.open(&ask.clone().key(&mine.secret)).await;
            let mut exchange = origin.whole().await;
            exchange.stream().await;
            exchange.chunk(": hello\n\n").await;
            assert_eq!(incoming.head().await.0, 200);
            assert_eq!(incoming.exactly(9).await, b": hello\n\n");
            let _ = exchange.offer(format!("{:x}\r\n{event}\r\n", event.len())).await;
            assert_eq!(incoming.rest().await, (Vec::new(), false));
        }
    }
}
