//! A message of a client: what is judged is JSON, and observing it says the same.
#![no_main]

use gateway::mcp::{Call, Method, Mirrored};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|body: &[u8]| {
    let observed = Call::observe(body);
    let judged = Call::judge(body);
    if let Ok(judged) = &judged {
        match serde_json::from_slice::<Value>(body) {
            Ok(message) => {
                assert_eq!(message["method"].as_str().unwrap_or_default(), judged.method_text());
                let resources = message["params"]["notifications"]["resourceSubscriptions"].as_array();
                let resources =
                    resources.filter(|_| judged.method() == Method::SubscriptionsListen).into_iter().flatten();
                assert!(judged.subscriptions().eq(resources.map(|uri| uri.as_str().expect("a string"))));
                if let Some(id) = judged.id() {
                    assert_eq!(serde_json::from_str::<Value>(id).expect("an id is JSON"), message["id"]);
                }
            }
            // A number that no f64 holds is still a number.
            Err(flaw) => assert!(flaw.to_string().contains("out of range"), "{flaw}"),
        }
        if let Some(observed) = &observed {
            assert_eq!(all(observed), all(judged));
        }
        let headers = Mirrored {
            version: Some(b"2026-07-28"),
            method: Some(judged.method_text().as_bytes()),
            name: judged.name().map(str::as_bytes),
        };
        let _ = headers.agree(judged);
    }
    if let Some(observed) = observed {
        // What is repeated in a refusal is JSON, whatever the body is.
        if let Some(id) = observed.id() {
            let id = serde_json::from_str::<Value>(id).map_err(|flaw| flaw.to_string());
            assert!(id.is_ok() || id.is_err_and(|flaw| flaw.contains("out of range")));
        }
        let _ = all(&observed);
    }
});

/// Everything that a call says.
fn all(call: &Call<'_>) -> impl PartialEq + std::fmt::Debug {
    (
        (call.kind(), call.id().map(str::to_owned), call.method(), call.method_text().to_owned()),
        call.subject().map(|(subject, name)| (subject, name.to_owned())),
        call.protocol_version().map(|version| version.into_owned()),
        call.argument_names().map(|name| name.into_owned()).collect::<Vec<_>>(),
    )
}
