//! A client with a rate may make as many calls as its burst at once, and from then on as many as its rate gives; a tool may
//! have a rate and a cost of its own. What is over it is 429, with the caller's id and the time after which to try again;
//! every reply says what is left. Handshake, lists and notifications are free, and what is refused costs nothing. Rotation,
//! reloads and time that jumps refill nothing.
//!
//! Rates here give one call in many minutes, so that no test is long enough for one; but for the one that waits for it.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol, Reply, eventually};
use serde_json::{Value, json};

const LIMITS: &str = r#"
    tools = "all"
    rate = "50/day"
    burst = 10
    cost.dear = 5
    cost.free = 0
    method_cost."resources/list" = 2
    [client.tool.slow]
    rate = "10/day"
    burst = 2
"#;

/// 50 in a day are one in 1728 s; ten of them come again in 17280 s.
const POLICY: &str = r#""client";q=10;w=17280"#;

async fn stage() -> (Origin, Gateway, Key) {
    let origin = Origin::answering(|_| ok("{}")).await;
    let key = Key::new();
    let gateway = Gateway::before(&origin).client("metered", LIMITS, &[&key]).start().await;
    (origin, gateway, key)
}

fn message(method: &str, params: Value) -> Ask {
    Ask::message(&json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
}

/// How many units the client has left, as the reply says.
#[track_caller]
fn left(reply: &Reply) -> u32 {
    let state = reply.fields.one("ratelimit").unwrap_or_else(|| panic!("{reply:?}"));
    assert!(reply.fields.one("ratelimit-policy").unwrap().starts_with(POLICY), "{reply:?}");
    let rest = state.strip_prefix("\"client\";r=").unwrap();
    rest.split(';').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn and_no_faster() {
    for protocol in Protocol::BOTH {
        let (origin, gateway, key) = stage().await;
        let mut client = gateway.client(protocol).await;
        for number in (0..10).rev() {
            let reply = client.ask(&Ask::call(number, "any", json!({})).key(&key.secret)).await.with(200);
            assert_eq!(left(&reply), number);
        }
        for id in [json!(7), json!("a\"b")] {
            let refused = client.ask(&Ask::call(id.clone(), "any", json!({})).key(&key.secret)).await;
            let (sentence, wait) = refused.limits(id);
            assert_eq!(sentence, "This client has used up its rate. Try again after the time in Retry-After.");
            assert!((1..=1728).contains(&wait), "{wait}");
            assert_eq!(refused.fields.one("ratelimit-policy"), Some(POLICY));
            assert_eq!(refused.fields.one("ratelimit"), Some(&*format!("\"client\";r=0;t={wait}")));
        }
        assert_eq!(origin.requests().len(), 10);
        let series = "gateway_rate_limited_total{client=\"metered\",limit=\"rate\"}";
        assert_eq!(gateway.metric(series).await, Some(2.0));
        let line = gateway.audited(12).await.remove(11);
        assert_eq!((&line["outcome"], &line["status"]), (&"rate_limited".into(), &429.into()));
    }
}

#[tokio::test]
async fn while_some_messages_cost_nothing_and_some_more() {
    let (_origin, gateway, key) = stage().await;
    let mut client = gateway.http1().await;
    let notification = Ask::message(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let answer = Ask::message(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    let nameless = json!({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "any"}});
    for (ask, expected) in [
        (message("initialize", json!({})), 10),
        (message("ping", json!({})), 10),
        (message("tools/list", json!({})), 10),
        (notification, 10),
        (answer, 10),
        (Ask::get("/mcp"), 10),
        (Ask::new("DELETE", "/mcp"), 10),
        (message("resources/list", json!({})), 8),
        (message("resources/read", json!({"uri": "a"})), 7),
        (message("vendor/own", json!({})), 6),
        (Ask::call(1, "dear", json!({})), 1),
        (Ask::call(1, "free", json!({})), 1),
        (Ask::message(&nameless), 0),
        (message("ping", json!({})), 0),
        (Ask::call(1, "free", json!({})), 0),
    ] {
        let reply = client.ask(&ask.key(&key.secret)).await.with(200);
        assert_eq!(left(&reply), expected);
    }
    client.ask(&message("resources/read", json!({"uri": "a"})).key(&key.secret)).await.limits(1);
}

#[tokio::test]
async fn and_a_tool_at_its_own() {
    let (origin, gateway, key) = stage().await;
    let mut client = gateway.http2().await;
    let slow = || Ask::call(7, "slow", json!({})).key(&key.secret);
    for (all, own) in [(9, 1), (8, 0)] {
        let reply = client.ask(&slow()).await.with(200);
        let policy = format!("{POLICY}, \"tool:slow\";q=2;w=17280");
        assert_eq!(reply.fields.one("ratelimit-policy"), Some(&*policy));
        let state = reply.fields.one("ratelimit").unwrap();
        assert!(state.starts_with(&format!("\"client\";r={all};t=")), "{state}");
        assert!(state.contains(&format!(", \"tool:slow\";r={own};t=")), "{state}");
    }
    let refused = client.ask(&slow()).await;
    let (sentence, wait) = refused.limits(7);
    assert!(sentence.contains("for this tool") && wait > 1728, "{sentence} {wait}");
    assert!(refused.fields.one("ratelimit").unwrap().starts_with("\"client\";r=8;"), "the refused call cost nothing");
    client.ask(&Ask::call(7, "dear", json!({})).key(&key.secret)).await.with(200);
    client.ask(&Ask::call(7, "dear", json!({})).key(&key.secret)).await.limits(7);
    let reply = client.ask(&Ask::call(7, "any", json!({})).key(&key.secret)).await.with(200);
    assert_eq!(left(&reply), 2, "a call that is too dear costs nothing");
    assert_eq!(origin.requests().len(), 4);
    let series = "gateway_rate_limited_total{client=\"metered\",limit=\"tool_rate\"}";
    assert_eq!(gateway.metric(series).await, Some(1.0));
}

#[tokio::test]
async fn and_what_is_refused_costs_nothing() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let key = Key::new();
    let limits = "tools = [\"any\"]\nrate = \"50/day\"\nburst = 10";
    let setup = Gateway::before(&origin).client("metered", limits, &[&key]);
    let gateway = setup.settings("[listen]\nallowed_origins = [\"https://app.example.com\"]").start().await;
    let mut client = gateway.http1().await;
    let call = |tool| Ask::call(7, tool, json!({})).key(&key.secret);
    for (ask, status) in [
        (call("other"), 403),
        (call("any").field("origin", "https://evil.example.com"), 403),
        (call("any").field("content-type", "text/plain"), 415),
        (Ask::post("[]").key(&key.secret), 400),
    ] {
        let reply = client.ask(&ask).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
    for _ in 0..20 {
        let preflight = Ask::new("OPTIONS", "/mcp").field("origin", "https://app.example.com");
        let preflight = preflight.field("access-control-request-method", "POST").key(&key.secret);
        let reply = client.ask(&preflight).await.with(204);
        assert_eq!(reply.fields.one("ratelimit"), None);
    }
    let page = call("any").field("origin", "https://app.example.com");
    let reply = client.ask(&page).await.with(200);
    assert_eq!(left(&reply), 9);
    assert!(reply.fields.one("access-control-expose-headers").unwrap().contains("ratelimit, ratelimit-policy"));
}

/// What two parsers could read in two ways could be charged in two ways.
#[tokio::test]
async fn and_its_messages_are_read_strictly() {
    let (origin, gateway, key) = stage().await;
    let mut client = gateway.http1().await;
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"any"}}"#;
    for body in [
        format!("[{call},{call}]"),
        format!(" {call}"),
        r#"{"jsonrpc":"2.0","id":7,"method":"ping","method":"tools/call","params":{"name":"dear"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"free","name":"dear"}}"#.to_owned(),
    ] {
        let reply = client.ask(&Ask::post(body).key(&key.secret)).await;
        assert_eq!(reply.status, 400, "{reply:?}");
        assert_eq!(left(&reply), 10);
    }
    // however it is framed, and however long it is, it is read
    for padding in [10, 100_000] {
        let padded = Ask::call(7, "dear", json!({"padding": "x".repeat(padding)})).untold().key(&key.secret);
        client.ask(&padded).await.with(200);
    }
    client.ask(&Ask::call(7, "any", json!({})).key(&key.secret)).await.limits(7);
    assert_eq!(origin.requests().len(), 2);
}

#[tokio::test]
async fn and_neither_rotation_nor_reload_refills() {
    let (_origin, gateway, key) = stage().await;
    let mut client = gateway.http1().await;
    let call = |secret: &str| Ask::call(7, "any", json!({})).key(secret);
    for _ in 0..9 {
        client.ask(&call(&key.secret)).await.with(200);
    }
    client.ask(&Ask::call(7, "slow", json!({})).key(&key.secret)).await.with(200);
    client.ask(&call(&key.secret)).await.limits(7);
    let rotated = gateway.command(&["keys", "rotate", "metered"]);
    crate::harness::secrets::remember(&rotated);
    let keys = gateway.read("keys.toml");
    gateway.rekey(keys.replace("burst = 10", "burst = 11") + "# changed\n").await;
    let refused = client.ask(&call(&rotated)).await;
    let state = refused.with(200).fields.one("ratelimit").unwrap_or_default().to_owned();
    assert!(state.starts_with("\"client\";r=0;"), "a larger burst is one call more, and no other: {state}");
    client.ask(&call(&rotated)).await.limits(7);
    client.ask(&call(&key.secret)).await.limits(7);
    gateway.rekey(keys.replace("burst = 2", "burst = 1")).await;
    client.ask(&Ask::call(7, "slow", json!({})).key(&rotated)).await.limits(7);
}

#[tokio::test]
async fn while_others_are_not_concerned() {
    let (_origin, gateway, key) = stage().await;
    let mut client = gateway.http2().await;
    for _ in 0..10 {
        client.ask(&Ask::call(7, "any", json!({})).key(&key.secret)).await.with(200);
    }
    client.ask(&Ask::call(7, "any", json!({})).key(&key.secret)).await.limits(7);
    for _ in 0..20 {
        let reply = client.ask(&Ask::call(7, "any", json!({})).key(&gateway.key().secret)).await.with(200);
        assert!(!reply.fields.has("ratelimit") && !reply.fields.has("ratelimit-policy"));
    }
    let text = gateway.admin("/metrics").await.text();
    assert!(!text.contains("gateway_rate_limited_total{client=\"weather-agent\""), "it has no limits");
}

#[tokio::test]
async fn and_may_go_on_after_a_while() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let key = Key::new();
    let limits = "tools = \"all\"\nrate = \"1/s\"\nburst = 2";
    let gateway = Gateway::before(&origin).client("metered", limits, &[&key]).start().await;
    let mut client = gateway.http1().await;
    let ask = Ask::call(7, "any", json!({})).key(&key.secret);
    for _ in 0..2 {
        eventually("the burst is used up", async || (client.ask(&ask).await.status == 429).then_some(())).await;
        eventually("the rate gives another", async || (client.ask(&ask).await.status == 200).then_some(())).await;
    }
}

#[tokio::test]
async fn and_the_status_tells_how_much_is_left() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let key = Key::new();
    let limits = "tools = \"all\"\nrate = \"50/day\"\nburst = 10\nmax_streams = 3\nmax_in_flight = 4";
    let gateway = Gateway::before(&origin).client("metered", limits, &[&key]).start().await;
    gateway.http1().await.ask(&Ask::call(7, "any", json!({})).key(&key.secret)).await.with(200);
    let status = gateway.admin("/status.json").await.json();
    let [all, metered] = &status["clients"].as_array().unwrap()[..] else { panic!("{status}") };
    assert!(all["limits"].is_null());
    let expected = json!({
        "rate": "50/day", "burst": 10, "left": 9,
        "max_streams": 3, "streams_held": 0, "max_in_flight": 4, "in_flight_held": 0,
    });
    assert_eq!(metered["limits"], expected);
}

/// Connections of both workers pay from one bucket.
#[tokio::test]
async fn however_many_connections_it_uses() {
    let (origin, gateway, key) = stage().await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let mut client = gateway.http1().await;
        let ask = Ask::call(7, "any", json!({})).key(&key.secret);
        asked.spawn(async move { client.ask(&ask).await.status });
    }
    let mut statuses = asked.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![200; 10], vec![429; 20]].concat());
    assert_eq!(origin.requests().len(), 10);
}
