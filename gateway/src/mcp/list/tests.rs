use super::*;
use crate::mcp::Method;

fn list(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)
}

/// Filters the tools of a result, of which only those that begin with `ok` are allowed.
fn tools(result: &str) -> Result<String, Flaw> {
    let reply = list(result);
    let filtered = filter(reply.as_bytes(), ListKind::Tools, |name| name.starts_with("ok"))?;
    Ok(String::from_utf8(filtered.into_owned()).unwrap())
}

#[test]
fn refused_entries_go_with_one_comma_each() {
    for (before, after) in [
        ("[]", "[]"),
        ("[ ]", "[ ]"),
        ("[NO]", "[]"),
        ("[ NO , NO ]", "[  ]"),
        ("[OK]", "[OK]"),
        ("[NO,OK]", "[OK]"),
        ("[ NO,\n NO,\n OK ]", "[ OK ]"),
        ("[OK,NO]", "[OK]"),
        ("[OK , NO , NO ]", "[OK ]"),
        ("[NO, OK, NO, OK, NO]", "[OK, OK]"),
        ("[OK,\n OK,\n NO,\n OK]", "[OK,\n OK,\n OK]"),
    ] {
        let written = |entries: &str| {
            let entries = entries.replace("OK", r#"{"x":[1],"name":"ok"}"#).replace("NO", r#"{"name":"no"}"#);
            format!(r#"{{"a":1.0,"tools":{entries},"ttlMs":5}}"#)
        };
        assert_eq!(tools(&written(before)).unwrap(), list(&written(after)), "{before}");
    }
}

#[test]
fn the_cache_scope_becomes_private_and_nothing_is_added() {
    for scope in [r#""public""#, "null", r#""""#, r#"{"a":1}"#, r#""privat\u0065""#] {
        let reply = tools(&format!(r#"{{"cacheScope" : {scope} ,"tools":[{{"name":"no"}}]}}"#)).unwrap();
        assert_eq!(reply, list(r#"{"cacheScope" : "private" ,"tools":[]}"#));
    }
    let same = list(r#"{"tools":[{"name":"ok"}],"cacheScope":"private"}"#);
    assert!(matches!(filter(same.as_bytes(), ListKind::Tools, |_| true), Ok(Cow::Borrowed(_))));
}

#[test]
fn each_list_has_its_array_and_its_key() {
    for (kind, array, key) in [
        (ListKind::Tools, "tools", "name"),
        (ListKind::Prompts, "prompts", "name"),
        (ListKind::Resources, "resources", "uri"),
        (ListKind::ResourceTemplates, "resourceTemplates", "uriTemplate"),
    ] {
        assert_eq!(ListKind::asked_by(kind.method()), Some(kind));
        let result = format!(r#"{{"{array}":[{{"{key}":"\u0061"}},{{"title":"t","{key}":"b"}}]}}"#);
        let reply = list(&result);
        let mut seen = Vec::new();
        let filtered = filter(reply.as_bytes(), kind, |name| {
            seen.push(name.to_owned());
            name == "b"
        });
        assert_eq!(filtered.unwrap(), list(&format!(r#"{{"{array}":[{{"title":"t","{key}":"b"}}]}}"#)).as_bytes());
        assert_eq!(seen, ["a", "b"]);
        let any = filter_any(reply.as_bytes(), |found, name| found == kind && name == "a").unwrap();
        assert_eq!(any, list(&format!(r#"{{"{array}":[{{"{key}":"\u0061"}}]}}"#)).as_bytes());
    }
    assert_eq!(ListKind::asked_by(Method::ToolsCall), None);
}

#[test]
fn what_is_no_list_passes_unchanged() {
    for message in [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no tools"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}"#,
        r#"{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"tools":[{"name":"no"}]}}"#,
    ] {
        assert_eq!(filter(message.as_bytes(), ListKind::Tools, |_| false).unwrap(), message.as_bytes());
        assert_eq!(filter_any(message.as_bytes(), |_, _| false).unwrap(), message.as_bytes());
    }
    let call = list(r#"{"content":[],"cacheScope":"public"}"#);
    assert_eq!(filter_any(call.as_bytes(), |_, _| false).unwrap(), call.as_bytes());
    let pretty = list("\n{\n \"tools\": []\n}\n");
    assert_eq!(filter(format!("\n {pretty}\n").as_bytes(), ListKind::Tools, |_| false).unwrap()[..2], *b"\n ");
}

#[test]
fn what_cannot_be_filtered_without_doubt_is_a_flaw() {
    assert_eq!(tools("{}"), Err(Flaw::NotAList { wanted: Member::Tools }));
    assert_eq!(tools("[]"), Err(Flaw::NotAList { wanted: Member::Tools }));
    assert!(matches!(tools(r#"{"tools":{}}"#), Err(Flaw::Wrong { member: Member::Tools, .. })));
    assert!(matches!(tools(r#"{"tools":[1]}"#), Err(Flaw::Wrong { member: Member::Tools, .. })));
    assert!(matches!(tools(r#"{"tools":[{"name":1}]}"#), Err(Flaw::Wrong { member: Member::Name, .. })));
    assert_eq!(tools(r#"{"tools":[{"title":"ok"}]}"#), Err(Flaw::Missing { member: Member::Name }));
    assert!(matches!(tools(r#"{"tools":[],"tools":[{"name":"no"}]}"#), Err(Flaw::Duplicate { .. })));
    assert!(matches!(tools(r#"{"tools":[{"name":"ok","name":"no"}]}"#), Err(Flaw::Duplicate { .. })));
    assert!(matches!(tools(r#"{"tools":[],"prompts":[]}"#), Err(Flaw::Both { .. })));
    assert!(matches!(tools(r#"{"prompts":[]}"#), Err(Flaw::Both { .. })));
    for variant in [r#"{"tools":[],"Tools":[]}"#, r#"{"tools":[{"name":"ok","Name":"no"}]}"#] {
        assert!(matches!(tools(variant), Err(Flaw::CaseVariant { .. })), "{variant}");
    }
    assert!(matches!(tools(r#"{"tools":[],"CacheScope":"public"}"#), Err(Flaw::CaseVariant { .. })));
    for body in ["", "[]", "data", r#"{"result":{"tools":[]}"#, r#"{"result":{"tools":[]}}x"#, r#"{"jsonrpc":"2.0"}"#] {
        assert!(filter(body.as_bytes(), ListKind::Tools, |_| true).is_err(), "{body}");
    }
    for both in [r#"{"result":{"tools":[]},"error":{}}"#, r#"{"method":"x","result":{"tools":[]}}"#] {
        assert!(matches!(filter(both.as_bytes(), ListKind::Tools, |_| true), Err(Flaw::Both { .. })));
    }
}
