use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::call::{Call, Kind};
use super::write::{json, noise, text, write};

/// Messages, most of them right.
fn message() -> impl Strategy<Value = Value> {
    let member = |name: &str, value: BoxedStrategy<Value>| (Just(name.to_owned()), value).boxed();
    let other =
        (prop_oneof![3 => text(), 1 => Just("Method".to_owned()), 1 => Just("error".to_owned())], json()).boxed();
    let id = prop_oneof![3 => any::<i32>().prop_map(Value::from), 3 => text().prop_map(Value::from), 1 => json()];
    let body = prop_oneof![
        12 => prop::collection::vec(
            prop_oneof![6 => member("id", id.clone().boxed()), 6 => member("params", params().boxed()), 1 => other.clone()],
            0..4,
        )
        .prop_flat_map(|members| (Just(members), method()))
        .prop_map(|(mut members, method)| {
            members.push(("method".to_owned(), method));
            members
        }),
        1 => (member("id", id.boxed()), member("result", json().boxed())).prop_map(|(id, result)| vec![id, result]),
        1 => prop::collection::vec(other, 0..3),
    ];
    (body, 0..20_u8).prop_map(|(mut members, version)| {
        if version > 0 {
            members.push(("jsonrpc".to_owned(), json!("2.0")));
        }
        members.into_iter().collect()
    })
}

fn method() -> impl Strategy<Value = Value> {
    let known = prop::sample::select(&["tools/call", "resources/read", "completion/complete", "tasks/get", "ping"][..]);
    prop_oneof![12 => known.prop_map(Value::from), 3 => text().prop_map(Value::from), 1 => json()]
}

fn params() -> impl Strategy<Value = Value> {
    let reference = (prop::sample::select(&[("ref/prompt", "name"), ("ref/resource", "uri"), ("x", "y")][..]), text())
        .prop_map(|((kind, member), name)| json!({"type": kind, member: name, "more": 1}));
    let version = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let member = prop_oneof![
        3 => (Just("arguments".to_owned()), json()),
        2 => (Just("_meta".to_owned()), prop_oneof![2 => Just(version), 1 => json()]),
        1 => (prop::sample::select(&["protocolVersion", "notifications", "Uri"][..]).prop_map(str::to_owned), json()),
        1 => (text(), json()),
    ];
    let named =
        (prop::option::weighted(0.9, text()), prop::option::weighted(0.9, prop_oneof![8 => reference, 1 => json()]));
    (named, prop::collection::vec(member, 0..4)).prop_map(|((name, reference), mut members)| {
        for member in ["name", "uri", "taskId"] {
            members.extend(name.clone().map(|name| (member.to_owned(), name.into())));
        }
        members.extend(reference.map(|reference| ("ref".to_owned(), reference)));
        members.into_iter().collect()
    })
}

/// A message as text, of which some bytes may have been changed, put in or taken out.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let change = (
        any::<prop::sample::Index>(),
        0..3_u8,
        prop_oneof![any::<u8>(), prop::sample::select(&b"{}[]\",:\\0.e-u "[..])],
    );
    (message(), noise(), prop_oneof![Just(vec![]), prop::collection::vec(change, 1..3)]).prop_map(
        |(message, noise, changes)| {
            let mut bytes = write(&message, &noise).into_bytes();
            for (at, how, byte) in changes {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.splice(at..=at, bytes.get(at + 1).copied())),
                }
            }
            bytes
        },
    )
}

/// The document as `serde_json` reads it, and whether it has no more than the strictness beyond JSON allows.
fn oracle(bytes: &[u8]) -> Result<(Value, bool), serde_json::Error> {
    let message: Value = serde_json::from_slice(bytes)?;
    // A member that stands twice is only once in the value.
    let (members, clean) = members(&message, 1);
    let strict = bytes.first() == Some(&b'{') && clean && members == colons(bytes);
    Ok((message, strict))
}

/// How many members a value has at all depths, and whether its depth and its names are allowed.
fn members(value: &Value, depth: u32) -> (usize, bool) {
    let (own, names, inner): (_, _, Vec<&Value>) = match value {
        Value::Object(members) => {
            (members.len(), members.keys().all(|name| !name.contains('\0')), members.values().collect())
        }
        Value::Array(values) => (0, true, values.iter().collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return (0, true),
    };
    inner
        .into_iter()
        .map(|value| members(value, depth + 1))
        .fold((own, names && depth <= 64), |sum, inner| (sum.0 + inner.0, sum.1 && inner.1))
}

/// How many colons a valid document has outside of strings.
fn colons(bytes: &[u8]) -> usize {
    let (mut colons, mut inside, mut escaped) = (0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => inside = !inside,
            b':' if !inside => colons += 1,
            _ => {}
        }
    }
    colons
}

/// Whether a strictly read document is a message that can be judged.
fn is_message(message: &Value) -> bool {
    let no_variant = |object: &Value, known: &[&str]| {
        let names = object.as_object().into_iter().flat_map(|members| members.keys());
        names
            .clone()
            .all(|name| !known.iter().any(|known| name != known && name.to_lowercase() == known.to_lowercase()))
    };
    let has = |name| message.get(name).is_some();
    let id = match (&message["id"], has("id")) {
        (Value::Null, true) => has("error") && !has("method"),
        (Value::String(_) | Value::Number(_), _) => true,
        (_, present) => !present && has("method"),
    };
    let params = &message["params"];
    let pointer = |object: &Value, name: &str| object.get(name).is_some_and(Value::is_string);
    let reference = &params["ref"];
    let subject = match message["method"].as_str() {
        Some("tools/call" | "prompts/get") => pointer(params, "name"),
        Some("resources/read") => pointer(params, "uri"),
        Some("tasks/get") => pointer(params, "taskId"),
        Some("completion/complete") => match reference["type"].as_str() {
            Some("ref/prompt") => pointer(reference, "name") && reference.get("uri").is_none(),
            Some("ref/resource") => pointer(reference, "uri") && reference.get("name").is_none(),
            _ => false,
        },
        Some(_) => true,
        None => !has("method"),
    };
    message["jsonrpc"] == "2.0"
        && id
        && subject
        && [has("method"), has("result"), has("error")].into_iter().filter(|has| *has).count() == 1
        && (params.is_object() || !has("params"))
        && no_variant(message, &["jsonrpc", "id", "method", "params", "result", "error"])
        && no_variant(
            params,
            &["name", "uri", "taskId", "arguments", "_meta", "ref", "protocolVersion", "notifications"],
        )
        && no_variant(reference, &["type", "name", "uri"])
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn a_judge_accepts_what_serde_accepts_and_the_strictness_allows(bytes in document()) {
        let judged = Call::judge(&bytes);
        match oracle(&bytes) {
            Ok((message, strict)) => {
                prop_assert_eq!(judged.is_ok(), strict && is_message(&message), "{:?}", judged);
            }
            // A number that no f64 holds is still a number.
            Err(flaw) if flaw.to_string().contains("out of range") => {}
            Err(flaw) => prop_assert!(judged.is_err(), "{}", flaw),
        }
    }

    #[test]
    fn what_is_read_of_a_message_is_what_it_says(message in message(), noise in noise()) {
        let text = write(&message, &noise);
        let Ok(call) = Call::judge(text.as_bytes()) else { return Ok(()) };
        let kind = match (message.get("method"), message.get("id")) {
            (Some(_), Some(_)) => Kind::Request,
            (Some(_), None) => Kind::Notification,
            (None, _) => Kind::Response,
        };
        prop_assert_eq!(call.kind(), kind);
        prop_assert_eq!(call.method_text(), message["method"].as_str().unwrap_or_default());
        if let Some(id) = call.id() {
            prop_assert_eq!(&serde_json::from_str::<Value>(id).unwrap(), &message["id"]);
        }
        let params = &message["params"];
        let names: Vec<String> = call.argument_names().map(|name| name.into_owned()).collect();
        let expected = params["arguments"].as_object().into_iter().flat_map(|members| members.keys());
        prop_assert!(names.iter().eq(expected), "{:?}", names);
        let version = call.protocol_version();
        prop_assert_eq!(version.as_deref(), params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str());
    }

    #[test]
    fn an_observer_agrees_with_the_judge(bytes in document()) {
        let observed = Call::observe(&bytes);
        let all = |call: &Call<'_>| {
            (
                (call.kind(), call.id().map(str::to_owned), call.method(), call.method_text().to_owned()),
                call.subject().map(|(subject, name)| (subject, name.to_owned())),
                call.protocol_version().map(|version| version.into_owned()),
                call.argument_names().map(|name| name.into_owned()).collect::<Vec<_>>(),
            )
        };
        let observed = observed.as_ref().map(all);
        if let (Ok(judged), Some(observed)) = (Call::judge(&bytes), observed) {
            prop_assert_eq!(all(&judged), observed);
        }
    }

    #[test]
    fn an_observer_sees_every_message_without_escaped_members(message in message()) {
        let text = write(&message, &[0]);
        if Call::judge(text.as_bytes()).is_ok() && !text.contains('\\') {
            prop_assert!(Call::observe(text.as_bytes()).is_some());
        }
    }

    #[test]
    fn no_bytes_at_all_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let judged = Call::judge(&bytes);
        prop_assert!(judged.is_err());
        drop(Call::observe(&bytes));
    }
}

/// The limit of depth, exactly, and a document that is much too deep.
#[test]
fn depth_has_a_limit() {
    for (levels, accepted) in [(62, true), (63, false), (200_000, false)] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let body = format!(r#"{{"jsonrpc":"2.0","method":"x","params":{{"v":{value}}}}}"#);
            assert_eq!(Call::judge(body.as_bytes()).is_ok(), accepted, "{levels}");
        }
    }
}
