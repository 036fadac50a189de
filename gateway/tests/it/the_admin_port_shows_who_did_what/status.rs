//! `/status.json` says who was there, and when.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, eventually};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn the_status_tells_who_was_there_last() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (unused, disabled) = (Key::new().with("expires_at = 2100-01-01T00:00:00Z"), Key::disabled());
    let gateway = Gateway::before(&origin).client("idle", "", &[&unused, &disabled]).start().await;
    let before = SystemTime::now() - Duration::from_secs(1);
    let call = Ask::call(1, "a", json!({}));
    gateway.http1().await.ask(&call.clone().key(&gateway.key().secret)).await.with(200);
    gateway.http1().await.ask(&call.key(&disabled.secret)).await.with(401);
    let status = async || {
        let reply = gateway.admin("/status.json").await.with(200);
        assert_eq!(reply.fields.one("content-type"), Some("application/json"));
        Some(reply.json()).filter(|status| status["clients"][0]["requests"] == 1)
    };
    let status = eventually("the request is counted", status).await;
    let moment = |value: &Value| humantime::parse_rfc3339(value.as_str().unwrap()).unwrap();
    let (used, idle) = (&status["clients"][0], &status["clients"][1]);
    assert_eq!((&used["id"], &used["errors"], &used["refused"]), (&json!("weather-agent"), &json!(0), &json!(0)));
    assert!(moment(&used["last_used_at"]) >= before && used["streams_open"] == 0, "{used}");
    assert_eq!((&idle["id"], &idle["last_used_at"], &idle["requests"]), (&json!("idle"), &Value::Null, &json!(0)));
    let keys = status["keys"].as_array().unwrap();
    let key = |id: &str| keys.iter().find(|key| key["id"] == id).unwrap();
    assert_eq!(key(&gateway.key().id)["last_used_at"], used["last_used_at"]);
    assert_eq!((&key(&unused.id)["state"], &key(&unused.id)["last_used_at"]), (&json!("active"), &Value::Null));
    assert_eq!(key(&unused.id)["expires_at"], "2100-01-01T00:00:00Z");
    assert!(key(&unused.id)["left_seconds"].as_u64().unwrap() > 1_000_000_000);
    assert_eq!((&key(&disabled.id)["state"], &key(&disabled.id)["client"]), (&json!("disabled"), &json!("idle")));
    assert_eq!((&status["state"], &status["certificate"]["name"]), (&json!("serving"), &json!("localhost")));
    assert!(
        status["reloads"].as_array().unwrap().iter().all(|file| file["ok"] == true && file["loaded_at"].is_string())
    );
    let series =
        format!("gateway_key_last_used_timestamp_seconds{{client=\"weather-agent\",key_id=\"{}\"}}", gateway.key().id);
    let seen = gateway.metric(&series).await.unwrap();
    assert_eq!(seen as u64, moment(&used["last_used_at"]).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    // what was counted and when a key was used outlive a reload
    gateway.rekey(format!("{}\n# changed\n", gateway.read("keys.toml"))).await;
    let after = gateway.admin("/status.json").await.json();
    assert_eq!(after["clients"], status["clients"]);
    assert_eq!(after["keys"][0]["last_used_at"], status["keys"][0]["last_used_at"]);
}
