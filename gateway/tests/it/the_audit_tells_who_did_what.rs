//! Each request that had to show a key leaves an audit line on standard output, refused ones too, and a stream leaves one at
//! its start and one at its end: request id, trace, client, key id, peer, TLS, HTTP method, MCP method, tool, names of the
//! arguments, status, outcome, how the body ended, bytes, milliseconds. Each change of keys, certificate and settings leaves
//! one too. No log level silences them, nothing in a request can break them, and no key is in them, nor in the log at
//! `trace`; the harness looks through both after every test.

use crate::harness::certificates::Certificates;
use crate::harness::origin::ok;
use crate::harness::setup::CLIENT;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol, audit, eventually};
use gateway::config::Fingerprint;
use gateway::record::audit::Field;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test]
async fn that_says_who_asked_what_and_how_it_went() {
    let origin = Origin::answering(|_| ok("{\"ok\":true}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let call = Ask::call(7, "get_alerts", json!({"state": "CA", "token": "S3cr3t"})).key(&gateway.key().secret);
    for (number, protocol) in Protocol::BOTH.into_iter().enumerate() {
        let reply = gateway.client(protocol).await.ask(&call).await.with(200);
        let line = gateway.audited(number + 1).await.remove(number);
        let id = reply.fields.one("x-request-id").unwrap();
        assert_eq!(
            (&line["event"], &line["request_id"], &line["trace_id"]),
            (&json!("request"), &json!(id), &json!(id))
        );
        assert_eq!((&line["client"], &line["key_id"]), (&json!(CLIENT), &json!(gateway.key().id)));
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
        assert_eq!(
            (&line["method"], &line["route"], &line["rpc"]),
            (&json!("POST"), &json!("/mcp"), &json!("tools/call"))
        );
        assert_eq!((&line["tool"], &line["status"], &line["tls"]), (&json!("get_alerts"), &json!(200), &json!("1.3")));
        assert_eq!((&line["arguments"], &line["argument_values"]), (&json!(["state", "token"]), &Value::Null));
        assert_eq!(
            (&line["outcome"], &line["end"], &line["bytes"]),
            (&json!("relayed"), &json!("complete"), &json!(11))
        );
        assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
    }
    assert!(!gateway.audit.text().contains("S3cr3t"));
}

#[tokio::test]
async fn for_refusals_too_but_not_where_no_key_is_needed() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (bounded, disabled) = (Key::new(), Key::disabled());
    let setup = Gateway::before(&origin).client("bounded", "tools = []", &[&bounded]).client("off", "", &[&disabled]);
    let gateway = setup.start().await;
    let call = Ask::call(7, "get_alerts", json!({}));
    let cases = [
        (Ask::get("/"), 200, "", Value::Null),
        (Ask::get("/none"), 404, "", Value::Null),
        (Ask::get("/mcp").field("Origin", "null"), 403, "", Value::Null),
        (Ask::get("/mcp").field("Host", "evil.example"), 421, "", Value::Null),
        (Ask::get("/mcp"), 401, "key_missing", Value::Null),
        (Ask::get("/mcp").key(&disabled.secret), 401, "key_disabled", Value::Null),
        (call.key(&bounded.secret), 403, "denied", json!("bounded")),
    ];
    let mut client = gateway.http1().await;
    let mut audited = 0;
    for (ask, status, outcome, who) in cases {
        let reply = client.ask(&ask).await;
        assert_eq!(reply.status, status);
        if outcome.is_empty() {
            continue;
        }
        audited += 1;
        let line = gateway.audited(audited).await.remove(audited - 1);
        assert_eq!(line["request_id"], reply.fields.one("x-request-id").unwrap());
        assert_eq!((&line["status"], &line["outcome"], &line["client"]), (&json!(status), &json!(outcome), &who));
    }
}

#[tokio::test]
async fn when_a_stream_begins_and_how_it_ends() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut expected = Vec::new();
    for protocol in Protocol::BOTH {
        for end in ["complete", "upstream_cut", "client_left"] {
            let mut client = gateway.client(protocol).await;
            let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
            let mut exchange = origin.streams(incoming.head()).await;
            exchange.chunk("data: 1\n\n").await;
            incoming.exactly(9).await;
            let begun = |line: &Value| line["event"] == "stream_start";
            let started = gateway.audit.wait("a start", 0, expected.len() + 1, begun).await.pop().unwrap();
            assert_eq!((&started["status"], &started["rpc"]), (&json!(200), &json!("ping")));
            assert!(started.get("end").is_none() && started.get("duration_ms").is_none(), "{started}");
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
            let lines = gateway.audited(expected.len()).await;
            let ends: Vec<_> = lines.iter().map(|line| line["end"].as_str().unwrap()).collect();
            assert_eq!(ends, expected, "{protocol:?}");
            let last = lines.last().unwrap();
            assert_eq!((&last["event"], &last["request_id"]), (&json!("stream_end"), &started["request_id"]));
            assert_eq!((&last["bytes"], &last["events"], &last["status"]), (&json!(9), &json!(1), &json!(200)));
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
        let mut exchange = origin.whole().await;
        incoming.leave();
        exchange.closed().await;
        let line = gateway.audited(number + 1).await.remove(number);
        assert_eq!((&line["status"], &line["outcome"]), (&json!(499), &json!("abandoned")));
    }
}

#[tokio::test]
async fn that_nothing_in_a_request_can_break() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[audit]\naudit_arguments = true").start().await;
    let name = "a\n{\"event\":\"keys_changed\"}\r\u{1b}[31m\u{202e}\u{2028}\u{85}\u{7f}\\\"";
    let arguments = json!({name: name, "plain": [1, {"b": name}]});
    let mut client = gateway.http2().await;
    let call = Ask::call(7, name, arguments.clone()).key(&gateway.key().secret);
    client.ask(&call).await.with(200);
    let line = gateway.audited(1).await.remove(0);
    assert_eq!((&line["tool"], &line["argument_values"]), (&json!(name), &arguments));
    assert_eq!(line["arguments"].as_array().unwrap().len(), 2);
    // the harness has the raw lines: none has a control character, and there are no more than were written
    let text = gateway.audit.text();
    assert!(!text.contains(['\u{202e}', '\u{2028}', '\u{1b}', '\u{7f}']), "{text}");
    assert_eq!(gateway.audit.since(0, |line| line["event"] == "keys_changed").len(), 0);
    // what is large is left out, or cut
    let long = "x".repeat(10_000);
    client.ask(&Ask::call(7, &long, json!({&long: long})).key(&gateway.key().secret)).await.with(200);
    let line = gateway.audited(2).await.remove(1);
    assert_eq!((line["tool"].as_str().unwrap().len(), &line["argument_values"]), (259, &Value::Null));
    let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("a{n}"), json!(n))).collect();
    client.ask(&Ask::call(7, "a", many.into()).key(&gateway.key().secret)).await.with(200);
    assert_eq!(gateway.audited(3).await.remove(2)["arguments"].as_array().unwrap().len(), 32);
}

#[tokio::test]
async fn whatever_the_log_is_told() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let quiet = "[log]\nlevel = \"off,gateway::serve=info\"";
    let gateway = Gateway::before(&origin).settings(quiet).start().await;
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    gateway.audited(1).await;
}

#[tokio::test]
async fn unless_it_is_off() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[audit]\noutput = \"off\"").start().await;
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    let counted = "gateway_requests_total{client=\"weather-agent\",route=\"/mcp\",method=\"POST\",outcome=\"relayed\"}";
    eventually("the request is over", async || gateway.metric(counted).await).await;
    assert_eq!(gateway.audit.text(), "");
}

#[tokio::test]
async fn a_trace_goes_on_through_it() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let ask = || Ask::ping().key(&gateway.key().secret);
    let (id, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let mut audited = 0;
    for protocol in Protocol::BOTH {
        for (fields, known) in [
            (vec![("traceparent", format!("00-{id}-{parent}-01")), ("tracestate", "a=1".into())], Some("01")),
            (vec![("traceparent", format!("00-{id}-{parent}-00"))], Some("00")),
            (vec![("traceparent", format!("cc-{id}-{parent}-05-x"))], Some("01")),
            (vec![], None),
            (vec![("tracestate", "a=1".into())], None),
            (
                vec![("traceparent", format!("00-{}-{parent}-01", id.to_uppercase())), ("tracestate", "a=1".into())],
                None,
            ),
            (
                vec![("traceparent", format!("00-{id}-{parent}-01")), ("traceparent", format!("00-{id}-{parent}-01"))],
                None,
            ),
        ] {
            let ask = fields.iter().fold(ask(), |ask, (name, value)| ask.field(name, value));
            let reply = gateway.client(protocol).await.ask(&ask).await.with(200);
            audited += 1;
            let line = gateway.audited(audited).await.remove(audited - 1);
            let own = reply.fields.one("x-request-id").unwrap().to_owned();
            let trace = known.map_or(&*own, |_| id);
            assert_eq!(line["trace_id"], trace, "{fields:?}");
            let seen = origin.last();
            let expected = format!("00-{trace}-{}-{}", &own[16..], known.unwrap_or("00"));
            assert_eq!(seen.fields().one("traceparent"), Some(&*expected), "{fields:?}");
            let state = fields.iter().find(|(name, _)| *name == "tracestate").filter(|_| known.is_some());
            assert_eq!(seen.fields().one("tracestate"), state.map(|(_, value)| &**value), "{fields:?}");
        }
    }
}

/// Everything that a line can say, in the life of two processes.
#[tokio::test]
async fn every_field_and_every_change() {
    let origin = Origin::start().await;
    let settings =
        "[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n[audit]\noutput = \"./audit.jsonl\"\naudit_arguments = true";
    let mut gateway = Gateway::before(&origin).settings(settings).start().await;
    gateway.kill();
    let file = gateway.dir().join("audit.jsonl");
    let before = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{before}{{\"time\":\"2026-11-")).unwrap();
    gateway.restart().await;
    calls(&gateway, &origin).await;
    let key = Key::new();
    let read = changes(&gateway, &origin, &key).await;
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);

    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().map(audit::line).collect();
    assert!(text.ends_with('\n') && !text.contains("S3cr3t") && gateway.audit.text().is_empty());
    let seen: HashSet<_> = lines.iter().flat_map(|line| line.as_object().unwrap().keys().cloned()).collect();
    let missing: Vec<_> = Field::ALL.iter().map(|field| field.name()).filter(|name| !seen.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "fields that are documented and never written");
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap_or_else(|| panic!("no {event}"));
    let _ = ["started", "request", "stream_start", "certificate_refused", "certificate_changed"].map(of);
    let changed = of("keys_changed");
    assert_eq!((&changed["clients_added"], &changed["keys_added"]), (&json!(["late"]), &json!([key.id])));
    assert_eq!((&changed["clients_removed"], changed["sha256"].as_str()), (&json!([]), Some(&*read)));
    let settings = Fingerprint::of(gateway.read("gateway.toml").as_bytes()).to_string();
    assert_eq!(of("started")["sha256"].as_str(), Some(&*settings));
    assert_eq!((&of("key_ended")["key_id"], &of("key_ended")["reason"]), (&json!(key.id), &json!("removed")));
    assert_eq!((&of("stream_end")["end"], &of("stream_end")["reason"]), (&json!("lease_ended"), &json!("removed")));
    assert!(of("keys_refused")["error"].as_str().unwrap().contains("keys.toml:"));
    assert_eq!((&of("torn")["torn_bytes"], &of("stopping")["signal"]), (&json!(17), &json!("SIGTERM")));
    assert_eq!(lines.last(), Some(of("stopped")));
}

/// A call of a tool and one that is about something else.
async fn calls(gateway: &Gateway, origin: &Origin) {
    let mut client = gateway.http1().await;
    for (method, params) in
        [("tools/call", json!({"name": "a", "arguments": {"b": 1}})), ("prompts/get", json!({"name": "p"}))]
    {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let ask = Ask::message(&message).key(&gateway.key().secret).field("x-forwarded-for", "192.0.2.7");
        client.open(&ask).await;
        let exchange = origin.answers(ok("{}")).await;
        client.reply().await.with(200);
        exchange.done();
    }
}

/// A client comes, opens a stream and goes; files that cannot be used; another certificate. Gives the fingerprint of the first
/// file.
async fn changes(gateway: &Gateway, origin: &Origin, key: &Key) -> String {
    let good = gateway.read("keys.toml");
    let with_late = format!("{good}\n[[client]]\nid = \"late\"\ntools = \"all\"\n{}", key.row());
    gateway.rekey(&with_late).await;
    let mut stream = gateway.http1().await;
    stream.open(&Ask::get("/mcp").key(&key.secret)).await;
    let mut exchange = origin.next().await;
    exchange.stream().await;
    exchange.chunk("data: 1\n\n").await;
    stream.head().await;
    gateway.rekey(&good).await;
    exchange.closed().await;
    let from = gateway.log.len();
    gateway.replace("keys.toml", format!("{good}\nS3cr3t"));
    gateway.log.wait("a warning", from, 1, |line| line["level"] == "WARN").await;
    let from = gateway.log.len();
    let next = Certificates::other(&["localhost"], |_| ());
    gateway.replace("server.pem", &next.server);
    gateway.log.wait("a warning", from, 1, |line| line["level"] == "WARN").await;
    gateway.replace("server.key", &next.server_key);
    gateway.said("reloaded the certificate", from).await;
    Fingerprint::of(with_late.as_bytes()).to_string()
}
