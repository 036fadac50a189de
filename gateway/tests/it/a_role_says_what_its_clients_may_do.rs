//! A role says which tools, resources, prompts and methods its clients may use, by name or by pattern. Who is refused gets
//! 403 with the caller's id and one text, whether the thing is denied or does not exist; the log has the line of the file
//! that decided, which is also what `gateway explain` prints.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};
use serde_json::{Value, json};

/// The file begins with it, so that its lines are known.
const ROLES: &str = r#"[role.reader]
tools = ["get_*"]
prompts = ["p"]
methods = ["logging/setLevel"]
[role.reader.resources]
allow = ["doc://public/*", "doc://one"]
deny = ["doc://public/secret*"]

[role.careful]
tools.deny = ["get_password"]
methods.deny = ["ping"]
"#;

struct Stage {
    origin: Origin,
    gateway: Gateway,
    reader: Key,
    both: Key,
}

async fn stage() -> Stage {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (reader, both) = (Key::new(), Key::new());
    let setup = Gateway::before(&origin).keys(ROLES);
    let setup = setup.client("reader", "roles = [\"reader\"]", &[&reader]);
    let gateway = setup.client("both", "roles = [\"careful\", \"reader\"]", &[&both]).start().await;
    Stage { origin, gateway, reader, both }
}

fn ask(key: &Key, method: &str, params: &Value) -> Ask {
    Ask::message(&json!({"jsonrpc": "2.0", "id": "i-1", "method": method, "params": params})).key(&key.secret)
}

#[tokio::test]
async fn and_the_log_says_by_which_line() {
    let Stage { origin, gateway, reader, both } = stage().await;
    let (uri, listen) = (
        |uri: &str| json!({"uri": uri}),
        |uris: &[&str]| json!({"notifications": {"resourceSubscriptions": uris, "toolsListChanged": true}}),
    );
    let reference = |kind: &str, member: &str, name: &str| json!({"ref": {"type": kind, member: name}});
    let cases = [
        (&reader, "tools/call", json!({"name": "get_password"}), 200, "allow:2"),
        (&both, "tools/call", json!({"name": "get_alerts"}), 200, "allow:2"),
        (&both, "tools/call", json!({"name": "get_password"}), 403, "deny:10"),
        (&both, "tools/call", json!({"name": "Get_Password"}), 403, "deny:10"),
        (&reader, "tools/call", json!({"name": "no_such_tool"}), 403, "deny:no-rule"),
        (&reader, "prompts/get", json!({"name": "p"}), 200, "allow:3"),
        (&reader, "prompts/get", json!({"name": "q"}), 403, "deny:no-rule"),
        (&reader, "completion/complete", reference("ref/prompt", "name", "p"), 200, "allow:3"),
        (&reader, "completion/complete", reference("ref/prompt", "name", "q"), 403, "deny:no-rule"),
        (&reader, "completion/complete", reference("ref/resource", "uri", "doc://public/{x}"), 200, "allow:6"),
        (&reader, "resources/read", uri("doc://public/a"), 200, "allow:6"),
        (&reader, "resources/subscribe", uri("doc://one"), 200, "allow:6"),
        (&reader, "resources/unsubscribe", uri("doc://two"), 403, "deny:no-rule"),
        (&reader, "resources/read", uri("doc://public/secrets"), 403, "deny:7"),
        (&reader, "resources/read", uri("doc://public/../private"), 403, "deny:no-rule"),
        (&reader, "subscriptions/listen", listen(&[]), 200, "allow:everybody"),
        (&reader, "subscriptions/listen", listen(&["doc://one", "doc://public/a"]), 200, "allow:6"),
        (&reader, "subscriptions/listen", listen(&["doc://one", "doc://two"]), 403, "deny:no-rule"),
        (&reader, "logging/setLevel", json!({"level": "debug"}), 200, "allow:4"),
        (&reader, "tasks/list", json!({}), 403, "deny:no-rule"),
        (&reader, "ping", json!({}), 200, "allow:everybody"),
        (&both, "ping", json!({}), 403, "deny:11"),
    ];
    let mut client = gateway.http1().await;
    let mut sentences = std::collections::HashSet::new();
    for (number, (key, method, params, status, decision)) in cases.into_iter().enumerate() {
        let passed = origin.requests().len();
        let reply = client.ask(&ask(key, method, &params)).await.with(status);
        let line = gateway.audited(number + 1).await.remove(number);
        assert_eq!(line["decision"], decision, "{method} {params}");
        assert_eq!(origin.requests().len() - passed, usize::from(status == 200));
        if status == 403 {
            sentences.insert(reply.refuses(403, -32003, json!("i-1")));
        }
    }
    assert_eq!(sentences.len(), 1, "nobody learns why: {sentences:?}");
}

#[tokio::test]
async fn and_explain_says_the_same() {
    let Stage { gateway, both, .. } = stage().await;
    let explain = |arguments: &[&str]| {
        let ran = gateway.try_command(&[&["explain", "--key-id", &both.id], arguments].concat());
        (ran.status.code().unwrap(), String::from_utf8(ran.stdout).unwrap())
    };
    let (code, said) = explain(&["--tool", "get_alerts"]);
    assert_eq!((code, &*said), (0, "allow keys.toml:2: client both: role.reader.tools allow \"get_*\"\n"));
    let (code, said) = explain(&["--tool", "get_password"]);
    assert_eq!((code, &*said), (64, "deny keys.toml:10: client both: role.careful.tools deny \"get_password\"\n"));
}

#[tokio::test]
async fn from_the_moment_that_it_is_in_the_file() {
    let Stage { origin: _origin, gateway, reader, .. } = stage().await;
    let call = ask(&reader, "tools/call", &json!({"name": "get_alerts"}));
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        client.ask(&call).await.with(200);
        let before = gateway.read("keys.toml");
        gateway.rekey(before.replace("tools = [\"get_*\"]", "tools = [\"set_*\"]")).await;
        client.ask(&call).await.refuses(403, -32003, json!("i-1"));
        let from = gateway.log.len();
        gateway.replace("keys.toml", before.replace("roles = [\"reader\"]", "roles = [\"raeder\"]"));
        gateway
            .log
            .wait("the file is refused", from, 1, |line| {
                line["message"]
                    .as_str()
                    .is_some_and(|said| said.contains("did you mean `reader`?") && said.contains("stay in use"))
            })
            .await;
        client.ask(&call).await.refuses(403, -32003, json!("i-1"));
        gateway.rekey(&before).await;
        client.ask(&call).await.with(200);
    }
}
