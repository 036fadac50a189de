//! Anything but exactly one good key in `X-API-Key` is answered with 401, one of two bodies, and a challenge that starts
//! no login flow. The backend sees nothing of it. From outside, one bad key looks like any other.

use crate::harness::fields::{Fields, Head};
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol, Reply};

const MISSING: &str = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Missing API key. Provide 'X-API-Key' header."},"detail":"Missing API key. Provide 'X-API-Key' header."}"#;
const INVALID: &str =
    r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Invalid API key"},"detail":"Invalid API key"}"#;

/// Keys of one client, good for nothing but one.
struct Keys {
    expired: Key,
    not_yet_valid: Key,
    disabled: Key,
}

async fn start(origin: &Origin) -> (Gateway, Keys) {
    let keys = Keys { expired: Key::expired(), not_yet_valid: Key::not_yet_valid(), disabled: Key::disabled() };
    let rows = [&keys.expired, &keys.not_yet_valid, &keys.disabled];
    (Gateway::before(origin).client("aged", "tools = \"all\"", &rows).start().await, keys)
}

/// Asks on a connection of its own, over both protocols; gives the replies.
async fn refusals(gateway: &Gateway, ask: &Ask) -> Vec<Reply> {
    let mut replies = Vec::new();
    for protocol in Protocol::BOTH {
        replies.push(gateway.client(protocol).await.ask(ask).await);
    }
    replies
}

/// The good key passes, and is the first thing that the backend ever saw.
async fn only_the_good_key_passes(gateway: &Gateway, origin: &Origin) {
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    assert_eq!(origin.requests().len(), 1, "{:?}", origin.requests());
}

#[tokio::test]
async fn a_key_that_is_not_in_the_header_is_missing() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (gateway, _) = start(&origin).await;
    let key = &*gateway.key().secret;
    for ask in [
        Ask::ping(),
        Ask::get("/mcp"),
        Ask::new("DELETE", "/mcp"),
        Ask::new("OPTIONS", "/mcp"),
        Ask::ping().at(format!("/mcp?api_key={key}")),
        Ask::ping().at(format!("/mcp?X-API-Key={key}")),
        Ask::ping().at("/mcp/"),
        Ask::ping().field("Cookie", format!("x-api-key={key}")),
        Ask::ping().field("Authorization", format!("Bearer {key}")),
        Ask::ping().field("Authorization", format!("ApiKey {key}")),
        Ask::ping().field("Proxy-Authorization", format!("Bearer {key}")),
        Ask::ping().field("API-Key", key),
        Ask::ping().field("X-API-Keys", key),
        // nor does it help to be somebody who asks how we are, or to say that something else is asked for
        Ask::get("/mcp").field("User-Agent", "kube-probe/1.34"),
        Ask::get("/mcp").field("User-Agent", "GoogleHC/1.0"),
        Ask::get("/mcp").field("User-Agent", "ELB-HealthChecker/2.0"),
        Ask::ping().field("X-Forwarded-Uri", "/health"),
        Ask::ping().field("X-Original-URL", "/health"),
        Ask::ping().field("X-Rewrite-URL", "/health"),
        Ask::ping().field("X-HTTP-Method-Override", "OPTIONS"),
    ] {
        for reply in refusals(&gateway, &ask).await {
            reply.refuses(401, -32001, serde_json::Value::Null);
            assert_eq!(reply.text(), MISSING, "{ask:?}");
        }
    }
    only_the_good_key_passes(&gateway, &origin).await;
}

#[tokio::test]
async fn any_other_key_is_invalid() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (gateway, keys) = start(&origin).await;
    let (good, wrong) = (gateway.key().secret.clone(), Key::new().secret);
    let cut = &good[..good.len() - 1];
    for ask in [
        Ask::ping().key(&wrong),
        Ask::ping().key("wrong"),
        Ask::ping().key(&keys.expired.secret),
        Ask::ping().key(&keys.not_yet_valid.secret),
        Ask::ping().key(&keys.disabled.secret),
        Ask::ping().key(""),
        Ask::ping().key(&good).key(&good),
        Ask::ping().key(&good).key(&wrong),
        Ask::ping().key(&wrong).key(&good),
        Ask::ping().key("").key(&good),
        Ask::ping().key(format!("{good}, {good}")),
        Ask::ping().key(format!("{good} {good}")),
        Ask::ping().key(format!("\"{good}\"")),
        Ask::ping().key(format!("ApiKey {good}")),
        Ask::ping().key(cut),
        Ask::ping().key(format!("{good}x")),
        Ask::ping().key(good.to_uppercase()),
        Ask::ping().key(format!("{good}\u{e9}")),
        Ask::ping().key([good.as_bytes(), b"\xff"].concat()),
        Ask::ping().key(wrong.repeat(4096 / wrong.len())),
    ] {
        for reply in refusals(&gateway, &ask).await {
            reply.refuses(401, -32001, serde_json::Value::Null);
            assert_eq!(reply.text(), INVALID, "{ask:?}");
        }
    }
    only_the_good_key_passes(&gateway, &origin).await;
}

#[tokio::test]
async fn a_key_of_64_kib_is_refused_and_harms_nobody() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (gateway, _) = start(&origin).await;
    let wrong = Key::new().secret;
    let ask = Ask::get("/mcp").key(wrong.repeat(64 * 1024 / wrong.len()));
    for reply in [gateway.http1().await.ask_too_much(&ask).await, gateway.http2().await.ask(&ask).await] {
        assert!(matches!(reply.status, 401 | 431), "{reply:?}");
    }
    only_the_good_key_passes(&gateway, &origin).await;
}

#[tokio::test]
async fn refusals_of_unknown_mistyped_expired_and_disabled_keys_are_the_same_bytes() {
    let origin = Origin::start().await;
    let (gateway, keys) = start(&origin).await;
    let wrong = Key::new().secret;
    let cut = &wrong[..wrong.len() - 1];
    let foreign = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let not_even_like_ours = "mcpgw_9f86d081884c7d659a2feaa0c55ad015";
    let shown = [
        &wrong,
        foreign,
        cut,
        not_even_like_ours,
        &keys.expired.secret,
        &keys.not_yet_valid.secret,
        &keys.disabled.secret,
    ];
    let mut seen = Vec::new();
    for secret in shown {
        let ask = Ask::get("/mcp").key(secret);
        let mut client = gateway.http1().await;
        client.open(&ask).await;
        let head = client.raw_head().await.unwrap();
        let body = client.piece().await;
        let h2 = gateway.http2().await.ask(&ask).await;
        seen.push((without_what_differs(&head), body, masked(&h2.fields), h2.body));
    }
    assert!(seen.iter().all(|reply| *reply == seen[0]), "{seen:#?}");
    // inside each has its word
    let words = ["unknown", "unknown", "mistyped", "mistyped", "expired", "not_yet_valid", "disabled"];
    let mut expected: Vec<_> = words.iter().flat_map(|word| [format!("key_{word}"), format!("key_{word}")]).collect();
    let audited = gateway.audited(expected.len()).await;
    let mut outcomes: Vec<_> = audited.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    expected.sort();
    outcomes.sort_unstable();
    assert_eq!(outcomes, expected);
    for (word, count) in [("unknown", 4.0), ("mistyped", 4.0), ("expired", 2.0)] {
        let series = format!("gateway_auth_decisions_total{{result=\"rejected\",reason=\"{word}\"}}");
        assert_eq!(gateway.metric(&series).await, Some(count), "{series}");
    }
}

/// The bytes of a head, but for date and request id.
fn without_what_differs(head: &Head) -> String {
    let text = String::from_utf8(head.raw.clone()).unwrap();
    let masked = |line: &str| match line.split_once(": ") {
        Some((name @ ("date" | "x-request-id"), _)) => name.to_owned(),
        _ => line.to_owned(),
    };
    text.split("\r\n").map(masked).collect::<Vec<_>>().join("\r\n")
}

fn masked(fields: &Fields) -> Vec<String> {
    let differs = |line: &String| !line.starts_with("date: ") && !line.starts_with("x-request-id: ");
    fields.sorted().into_iter().filter(differs).collect()
}

/// A key with our prefix and without our checksum is refused before it is hashed, so that its row is never found.
#[tokio::test]
async fn a_mistyped_key_is_refused_even_if_its_digest_was_written_by_hand() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let by_hand = Key::of("mcpgw_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let imported = Key::of("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    let rows = [&by_hand, &imported];
    let gateway = Gateway::before(&origin).client("old", "tools = \"all\"", &rows).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let reply = client.ask(&Ask::ping().key(&by_hand.secret)).await;
        reply.refuses(401, -32001, serde_json::Value::Null);
        assert_eq!(reply.text(), INVALID);
        client.ask(&Ask::ping().key(&imported.secret)).await.with(200);
    }
    assert_eq!(origin.requests().len(), 2);
    let mistyped = gateway.metric("gateway_auth_decisions_total{result=\"rejected\",reason=\"mistyped\"}").await;
    assert_eq!(mistyped, Some(2.0));
}

#[tokio::test]
async fn a_request_hidden_in_the_body_of_a_refused_one_is_never_seen() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (gateway, _) = start(&origin).await;
    let hidden = String::from_utf8(Ask::get("/mcp?hidden").key(&gateway.key().secret).head("localhost")).unwrap();
    let mut client = gateway.http1().await;
    client.open(&Ask::post(hidden)).await;
    assert_eq!(client.reply().await.text(), MISSING);
    // Either the body is swallowed and the connection goes on, or it ends. The hidden request is never answered.
    if client.offer(Ask::get("/none").head("localhost")).await.is_ok()
        && let Some(head) = client.raw_head().await
    {
        assert_eq!(head.status(), 404);
    }
    only_the_good_key_passes(&gateway, &origin).await;
}

/// A reply that ends before its request does would be followed by RST_STREAM, and some clients (curl 7.88) then report
/// that instead of the reply.
#[tokio::test]
async fn over_h2_only_after_the_body_has_come() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http2().await;
    let ask = Ask::ping().key("wrong");
    let mut tries = 0..10;
    let mut stream = loop {
        tries.next().expect("it is answered before its body has come");
        let mut stream = client.open_head(&ask).await;
        // answered after whatever the gateway has to say about the first
        client.ask(&Ask::get("/none")).await.with(404);
        // which waits a second for the body; where the machine is so busy, once more
        if stream.finish_in_time(ask.body.clone().expect("a ping has a body")).await {
            break stream;
        }
    };
    let (status, _) = stream.head().await;
    assert_eq!(status, 401);
    assert!(matches!(stream.piece().await, Piece::Data(_)));
    assert!(matches!(stream.piece().await, Piece::End));
    assert_eq!(origin.requests().len(), 0);
}
