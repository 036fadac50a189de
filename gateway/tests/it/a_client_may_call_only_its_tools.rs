//! A client with a list of tools may call those and no other; one with none may call none. Its messages are read strictly,
//! since what two parsers could read in two ways cannot be judged, and what is forwarded is the very bytes that were judged.
//! Refusals carry the caller's id.

use crate::harness::origin::{Request, ok};
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};
use serde_json::{Value, json};

struct Stage {
    origin: Origin,
    gateway: Gateway,
    /// Of a client that may call `get_alerts`.
    alerts: Key,
    /// Of a client for which the file says nothing about tools.
    nothing: Key,
}

const LISTS: [(&str, &str); 4] = [
    ("tools/list", "tools"),
    ("resources/list", "resources"),
    ("resources/templates/list", "resourceTemplates"),
    ("prompts/list", "prompts"),
];

/// A list for whoever asks for one.
fn answer(request: &Request) -> Vec<u8> {
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match LISTS.iter().find(|(method, _)| message["method"] == *method) {
        Some((_, array)) => ok(&json!({"jsonrpc": "2.0", "id": message["id"], "result": {*array: []}}).to_string()),
        None => ok("{}"),
    }
}

async fn stage() -> Stage {
    let origin = Origin::answering(answer).await;
    let (alerts, nothing) = (Key::new(), Key::new());
    let setup = Gateway::before(&origin).client("alerts", "tools = [\"get_alerts\"]", &[&alerts]);
    let gateway = setup.client("nothing", "", &[&nothing]).start().await;
    Stage { origin, gateway, alerts, nothing }
}

#[tokio::test]
async fn and_is_refused_the_others_with_its_own_id() {
    let Stage { origin, gateway, alerts, nothing } = stage().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for id in [json!(7), json!("a\"b\\c/\u{e9}"), json!(-1), json!(9_007_199_254_740_993_u64)] {
            let allowed = Ask::call(id.clone(), "get_alerts", json!({"state": "CA"})).key(&alerts.secret);
            client.ask(&allowed).await.with(200);
            assert_eq!(origin.last().body, allowed.body.unwrap());
            let passed = origin.requests().len();
            for tool in ["get_forecast", "GET_ALERTS", "get_alerts ", "no_such_tool", ""] {
                let denied = Ask::call(id.clone(), tool, json!({})).key(&alerts.secret);
                let sentence = client.ask(&denied).await.refuses(403, -32003, id.clone());
                assert_eq!(sentence, "This client may not make this call, or there is no such tool.");
            }
            let denied = Ask::call(id.clone(), "get_alerts", json!({})).key(&nothing.secret);
            client.ask(&denied).await.refuses(403, -32003, id.clone());
            assert_eq!(origin.requests().len(), passed);
        }
    }
}

#[tokio::test]
async fn while_what_every_client_needs_passes_and_nothing_else() {
    let Stage { origin, gateway, alerts, nothing } = stage().await;
    let mut client = gateway.http1().await;
    let ask = |key: &Key, method: &str| {
        let params = json!({"name": "x", "uri": "x"});
        Ask::message(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).key(&key.secret)
    };
    for key in [&alerts, &nothing] {
        for method in ["initialize", "ping", "server/discover"].into_iter().chain(LISTS.map(|(method, _)| method)) {
            client.ask(&ask(key, method)).await.with(200);
        }
        let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        client.ask(&Ask::message(&notification).key(&key.secret)).await.with(200);
        client.ask(&Ask::message(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})).key(&key.secret)).await.with(200);
        for method in ["GET", "DELETE"] {
            client.ask(&Ask::new(method, "/mcp").key(&key.secret)).await.with(200);
        }
    }
    assert_eq!(origin.requests().len(), 22);
    for key in [&alerts, &nothing] {
        for method in ["prompts/get", "resources/read", "resources/subscribe", "logging/setLevel", "vendor/own"] {
            client.ask(&ask(key, method)).await.refuses(403, -32003, json!(1));
        }
    }
    assert_eq!(origin.requests().len(), 22);
}

#[tokio::test]
async fn and_what_cannot_be_judged_is_refused() {
    let Stage { origin, gateway, alerts, .. } = stage().await;
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_alerts"}}"#;
    let deep =
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"a","params":{{"x":{}{}}}}}"#, "[".repeat(70), "]".repeat(70));
    for body in [
        &format!("[{call}]"),
        &format!("[{call},{call}]"),
        &format!("{call}{call}"),
        &format!(" {call}"),
        &format!("\u{feff}{call}"),
        &call[..call.len() - 1],
        "",
        "null",
        "7",
        "not json",
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_alerts","name":"get_forecast"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_alerts","n\u0061me":"get_forecast"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":{"name":"get_forecast"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","Method":"ping","params":{"name":"get_forecast"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_alerts"},"params":{"name":"get_forecast"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"Name":"get_forecast","name":"get_alerts"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":["get_alerts"]}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":["get_alerts"]}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"get_alerts"}}"#,
        r#"{"jsonrpc":"1.0","id":7,"method":"tools/call","params":{"name":"get_alerts"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_alerts\ud800"}}"#,
        &deep,
    ] {
        for protocol in Protocol::BOTH {
            let ask = Ask::post(body.to_owned()).key(&alerts.secret);
            let reply = gateway.client(protocol).await.ask(&ask).await;
            if body.is_empty() {
                // a request without a message asks for nothing; the backend says what it thinks of it
                assert!(matches!(reply.status, 200 | 400), "{reply:?}");
                continue;
            }
            assert_eq!(reply.status, 400, "{body}");
            let id = reply.json()["id"].clone();
            assert!(id.is_null() || id == 7, "{id}");
            reply.refuses(400, -32600, id);
        }
    }
    let calls = origin.requests().into_iter().filter(|request| !request.body.is_empty()).count();
    assert_eq!(calls, 0);
}

#[tokio::test]
async fn and_headers_that_contradict_the_body_are_refused() {
    let Stage { origin, gateway, alerts, .. } = stage().await;
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let params = json!({"name": "get_alerts", "arguments": {}, "_meta": meta});
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
    let ask = |version: &str, method: &str, name: &str| {
        let fields = [("mcp-protocol-version", version), ("mcp-method", method), ("mcp-name", name)];
        let ask = Ask::message(&message).key(&alerts.secret);
        fields.iter().filter(|(_, value)| !value.is_empty()).fold(ask, |ask, (field, value)| ask.field(field, value))
    };
    let mut client = gateway.http1().await;
    client.ask(&ask("2026-07-28", "tools/call", "get_alerts")).await.with(200);
    for (version, method, name) in [
        ("2026-07-28", "tools/list", "get_alerts"),
        ("2026-07-28", "tools/call", "get_forecast"),
        ("2026-07-28", "tools/call", ""),
        ("2026-07-28", "", "get_alerts"),
        ("2026-09-01", "tools/call", "get_alerts"),
        ("2025-11-25", "tools/call", "get_alerts"),
        ("", "tools/call", "get_alerts"),
    ] {
        client.ask(&ask(version, method, name)).await.refuses(400, -32020, json!(7));
    }
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn and_only_json_without_a_coding_can_be_judged() {
    let Stage { origin, gateway, alerts, .. } = stage().await;
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_alerts"}}"#;
    let ask = |fields: &[(&str, &str)]| {
        let ask = Ask::new("POST", "/mcp").key(&alerts.secret).body(body);
        fields.iter().fold(ask, |ask, (name, value)| ask.field(name, value))
    };
    let mut client = gateway.http1().await;
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;a=b; Charset=\"UTF-8\"",
        "Application/JSON",
    ] {
        client.ask(&ask(&[("content-type", kind)])).await.with(200);
    }
    for fields in [
        &[][..],
        &[("content-type", "text/plain")],
        &[("content-type", "application/json-rpc")],
        &[("content-type", "application/json"), ("content-type", "text/plain")],
        &[("content-type", "application/json"), ("content-encoding", "gzip")],
        &[("content-type", "application/json; charset=utf-7")],
        &[("content-type", "application/json;a=b;charset = \"utf-16\"")],
        &[("content-type", "application/json;charset=utf-8;charset=utf-7")],
    ] {
        client.ask(&ask(fields)).await.refuses(415, -32006, Value::Null);
    }
    for method in ["GET", "DELETE", "PUT"] {
        let fields = [
            ("content-encoding", "deflate"),
            ("content-type", "application/json; charset=utf-7"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        for (name, value) in fields {
            let ask = Ask::new(method, "/mcp").key(&alerts.secret).field(name, value).body(body);
            gateway.http1().await.ask(&ask).await.refuses(415, -32006, Value::Null);
        }
    }
    assert_eq!(origin.requests().len(), 4);
}

#[tokio::test]
async fn and_a_body_of_any_framing_is_judged_whole() {
    let Stage { origin, gateway, alerts, .. } = stage().await;
    let call = |tool: &str, padding: usize| {
        let arguments = json!({"padding": "x".repeat(padding)});
        Ask::call(7, tool, arguments).key(&alerts.secret)
    };
    for padding in [0, 100_000, 3 << 20] {
        for protocol in Protocol::BOTH {
            let mut client = gateway.client(protocol).await;
            let allowed = call("get_alerts", padding);
            client.ask(&allowed).await.with(200);
            assert!(origin.last().body == allowed.body.unwrap(), "{protocol:?}: it came changed");
            client.ask(&call("get_forecast", padding)).await.refuses(403, -32003, json!(7));
        }
        // the name stands in the last chunk
        let mut client = gateway.http1().await;
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"arguments":{{"padding":"{}"}},"name":"get_forecast"}}}}"#,
            "x".repeat(padding)
        );
        let head = Ask::new("POST", "/mcp").key(&alerts.secret).field("content-type", "application/json");
        client.send_head(&head.field("transfer-encoding", "chunked")).await;
        for part in body.as_bytes().chunks(50_000) {
            client.send(format!("{:x}\r\n", part.len())).await;
            client.send(part).await;
            client.send("\r\n").await;
        }
        client.send("0\r\n\r\n").await;
        client.reply().await.refuses(403, -32003, json!(7));
    }
}

#[tokio::test]
async fn and_a_body_of_untold_length_arrives_as_it_was_judged() {
    let Stage { origin, gateway, alerts, .. } = stage().await;
    for padding in [0, 100_000] {
        for protocol in Protocol::BOTH {
            let padding = json!({"padding": "x".repeat(padding)});
            let ask = Ask::call(7, "get_alerts", padding).untold().key(&alerts.secret);
            gateway.client(protocol).await.ask(&ask).await.with(200);
            assert!(origin.last().body == ask.body.unwrap(), "{protocol:?}: it came changed");
        }
    }
}

#[tokio::test]
async fn while_a_client_of_all_tools_is_not_judged() {
    let Stage { origin, gateway, .. } = stage().await;
    let mut client = gateway.http1().await;
    for body in ["[]", "not json", " {}", "{\"id\":1,\"id\":2}"] {
        let ask = Ask::new("POST", "/mcp").key(&gateway.key().secret).field("content-type", "text/plain").body(body);
        client.ask(&ask).await.with(200);
        assert_eq!(origin.last().body, body.as_bytes(), "what is odd is the backend's to refuse");
    }
}
