use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::call::Call;
use super::super::list::{ListKind, filter, filter_any};
use super::write::{json, noise, text, write};

/// The names of entries: few, so that many are the same.
fn entry_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-d]", text()]
}

/// What the client may use.
fn allowed(name: &str) -> bool {
    name.chars().map(u32::from).sum::<u32>() % 2 == 0
}

fn entry() -> impl Strategy<Value = Value> {
    (entry_name(), prop::collection::vec((text(), json()), 0..3)).prop_map(|(name, members)| {
        let mut entry: serde_json::Map<_, _> =
            members.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("name")).collect();
        entry.insert("name".to_owned(), name.into());
        Value::Object(entry)
    })
}

fn reply() -> impl Strategy<Value = Value> {
    let scope =
        prop_oneof![Just(None), Just(Some(json!("public"))), Just(Some(json!("private"))), json().prop_map(Some)];
    (prop::collection::vec(entry(), 0..8), scope, prop::collection::vec((text(), json()), 0..3)).prop_map(
        |(tools, scope, more)| {
            let mut result: serde_json::Map<_, _> = more.into_iter().collect();
            result.insert("tools".to_owned(), tools.into());
            if let Some(scope) = scope {
                result.insert("cacheScope".to_owned(), scope);
            }
            json!({"jsonrpc": "2.0", "result": result, "id": 7})
        },
    )
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn filtering_then_parsing_is_parsing_then_filtering(reply in reply(), noise in noise()) {
        let text = write(&reply, &noise);
        let filtered = filter(text.as_bytes(), ListKind::Tools, allowed).unwrap();
        let mut expected = reply;
        let result = expected["result"].as_object_mut().unwrap();
        result["tools"].as_array_mut().unwrap().retain(|tool| allowed(tool["name"].as_str().unwrap()));
        if let Some(scope) = result.get_mut("cacheScope") {
            *scope = json!("private");
        }
        let found: Value = serde_json::from_slice(&filtered).unwrap();
        prop_assert_eq!(found, expected);
        let any = filter_any(text.as_bytes(), |kind, name| kind == ListKind::Tools && allowed(name)).unwrap();
        prop_assert_eq!(any, filtered);
    }

    #[test]
    fn what_all_may_use_stays_byte_for_byte(reply in reply(), noise in noise()) {
        let mut reply = reply;
        reply["result"].as_object_mut().unwrap().remove("cacheScope");
        let text = write(&reply, &noise);
        prop_assert_eq!(filter(text.as_bytes(), ListKind::Tools, |_| true).unwrap(), text.as_bytes());
    }

    /// Each entry's name, written as the server wrote it, makes a call of which the same policy says the same.
    #[test]
    fn what_is_listed_can_be_called_and_nothing_else(names in prop::collection::vec(entry_name(), 0..8), noise in noise()) {
        let written: Vec<String> = names.iter().map(|name| write(&json!(name), &noise)).collect();
        let tools = |written: &[&String]| {
            let tools: Vec<String> = written.iter().map(|name| format!(r#"{{"name":{name}}}"#)).collect();
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(","))
        };
        let callable = |name: &&String| {
            let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{name}}}}}"#);
            allowed(Call::judge(call.as_bytes()).unwrap().name().unwrap())
        };
        let all: Vec<&String> = written.iter().collect();
        let called: Vec<&String> = written.iter().filter(callable).collect();
        let text = tools(&all);
        let listed = filter(text.as_bytes(), ListKind::Tools, allowed).unwrap();
        prop_assert_eq!(std::str::from_utf8(&listed).unwrap(), tools(&called));
    }

    #[test]
    fn no_bytes_at_all_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(filter(&bytes, ListKind::Tools, |_| true).is_err());
    }
}
