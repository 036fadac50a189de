//! With everything logged at `trace`, no key is told: not the good one, not a wrong one, not the certificate's. The harness
//! looks after each test through all that the gateway has printed, written into files and shows on the admin port, and with
//! each reply through its head and, if it is a refusal, its body; here it is shown that it would find one.

use crate::harness::certificates::Certificates;
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol, secrets};

#[tokio::test]
async fn at_trace() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[listen]\nplaintext = \"127.0.0.1:0\"").start().await;
    let (good, wrong) = (gateway.key().secret.clone(), Key::new().secret);
    let asks = [
        Ask::ping().key(&good),
        Ask::ping().key(&wrong),
        Ask::ping().key(&good).key(&wrong),
        Ask::ping().at(format!("/mcp?key={good}")),
        Ask::ping().field("Authorization", format!("Bearer {good}")),
        Ask::ping().field("Cookie", format!("key={good}")),
        Ask::get("/").key(&good),
        Ask::get("/none").key(&good),
        Ask::ping().key(&good).field("X_API_KEY", &wrong),
        Ask::ping().key(&good).field("Origin", "null"),
        Ask::ping().key(&good).field("Upgrade", "websocket").field("Connection", "upgrade"),
    ];
    for ask in &asks {
        gateway.http1().await.ask(ask).await;
        gateway.plain(gateway.plaintext.unwrap()).await.ask(&ask.clone().field("Host", "localhost")).await;
        if !ask.fields.has("upgrade") {
            gateway.http2().await.ask(ask).await;
        }
    }
    // what hyper does not take for a head
    for junk in [format!("GET /mcp HTTP/1.1\r\nX-API-Key {good}\r\n\r\n"), format!("{good}\r\n\r\n")] {
        let mut client = gateway.http1().await;
        client.send(junk).await;
        client.everything().await;
    }
    // all but those for public and unknown paths and for a foreign page, whose lines are in the log
    let unaudited = |line: &serde_json::Value| line["message"] == "a request that needed no key";
    gateway.log.wait("requests that needed no key", 0, 3 * 3, unaudited).await;
    gateway.audited((asks.len() - 3) * 3 - 1).await;
    for library in ["h2::", "gateway::"] {
        let from = |line: &serde_json::Value| line["target"].as_str().unwrap().starts_with(library);
        assert!(!gateway.log.since(0, from).is_empty(), "{library} logs at trace, and was looked through");
    }
}

#[test]
fn and_the_harness_would_find_one() {
    let key = Key::new();
    assert_eq!(secrets::leaked(b"nothing\nin here"), None);
    assert_eq!(
        secrets::leaked(format!("one\ntwo {}.\nthree", key.secret).as_bytes()),
        Some(format!("two {}.", key.secret))
    );
    let private = Certificates::get().server_key.lines().nth(1).unwrap();
    assert_eq!(secrets::leaked(private.as_bytes()).as_deref(), Some(private));
    Ask::get("/").field("Authorization", "Bearer 0123456789abcdef");
    assert!(secrets::leaked(b"0123 Bearer 0123456789abcdef").is_some());
}

#[test]
fn whatever_form_it_takes() {
    let key = Key::new();
    let own = key.secret.rsplit('_').next().unwrap();
    let beginning = &own[..16];
    let hex: String = own.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(secrets::leaked(key.id.as_bytes()), None, "its id is public");
    for form in [beginning, &format!("x{beginning}x"), &hex, &hex.to_uppercase(), &format!("[{hex}]")] {
        assert!(secrets::leaked(form.as_bytes()).is_some(), "{form}");
    }
    for before in ["", "a", "bc", "def", "X-API-Key: mcpgw_"] {
        // as `base64` writes it, and as addresses have it
        let text = secrets::base64(format!("{before}{own}").as_bytes());
        let safe: Vec<u8> = text
            .iter()
            .map(|b| match b {
                b'+' => b'-',
                b'/' => b'_',
                b => *b,
            })
            .collect();
        assert!(secrets::leaked(&text).is_some() && secrets::leaked(&safe).is_some(), "behind {before:?}");
    }
}

#[tokio::test]
async fn over_both_protocols_a_refused_request_is_not_quoted() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let wrong = Key::new().secret;
    for protocol in Protocol::BOTH {
        let reply = gateway.client(protocol).await.ask(&Ask::ping().key(&wrong).at(format!("/none/{wrong}"))).await;
        assert!(!reply.text().contains(&wrong) && !format!("{:?}", reply.fields).contains(&wrong));
    }
}
