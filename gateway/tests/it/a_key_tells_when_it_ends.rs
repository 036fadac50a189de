//! Replies to a key whose end is near say when it is, in `X-API-Key-Expires`: relayed ones and refusals alike, once the key
//! was accepted. `keys.expiry_notice` says what is near; zero is never.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};
use serde_json::json;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

fn end(days: u32) -> String {
    humantime::format_rfc3339_seconds(SystemTime::now() + DAY * days).to_string()
}

#[tokio::test]
async fn while_that_is_near() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (near, far) = (end(13), end(15));
    let [soon, later] = [&near, &far].map(|end| Key::new().with(&format!("expires_at = {end}")));
    let expired = Key::expired();
    for notice in ["14d", "20d", "0s"] {
        let setup = Gateway::before(&origin).client("phone", "tools = []", &[&soon, &later, &expired]);
        let gateway = setup.settings(&format!("[keys]\nexpiry_notice = \"{notice}\"")).start().await;
        for protocol in Protocol::BOTH {
            let mut client = gateway.client(protocol).await;
            for (key, end, told) in [(&soon, &near, notice != "0s"), (&later, &far, notice == "20d")] {
                let expected = told.then_some(end.as_str());
                let reply = client.ask(&Ask::ping().key(&key.secret)).await.with(200);
                assert_eq!(reply.fields.one("x-api-key-expires"), expected, "{notice}");
                let call = Ask::call(7, "get_alerts", json!({})).key(&key.secret);
                let refusal = client.ask(&call).await.with(403);
                assert_eq!(refusal.fields.one("x-api-key-expires"), expected, "{notice}");
            }
            for ask in [Ask::ping().key(&gateway.key().secret), Ask::ping().key(&expired.secret), Ask::get("/")] {
                let reply = client.ask(&ask).await;
                assert_eq!(reply.fields.one("x-api-key-expires"), None, "it has no end, is no key, or none was shown");
            }
        }
    }
}

#[tokio::test]
async fn and_as_soon_as_it_gets_one() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    assert_eq!(client.ask(&ask).await.with(200).fields.one("x-api-key-expires"), None);
    let end = end(7);
    let keys = gateway.read("keys.toml");
    gateway.rekey(format!("{}expires_at = {end}\n", keys.trim_end().to_owned() + "\n")).await;
    assert_eq!(client.ask(&ask).await.with(200).fields.one("x-api-key-expires"), Some(end.as_str()));
}
