use super::*;
use crate::access::Decision;
use proptest::prelude::*;

fn rules(patterns: &[&str], line: u32) -> Vec<Rule> {
    let rule = |(n, pattern): (usize, &&str)| Rule { pattern: (*pattern).into(), line: line + n as u32 };
    patterns.iter().enumerate().map(rule).collect()
}

fn role(name: &str, row: RoleRow) -> Arc<Role> {
    Arc::new(Role::new(RoleRow { name: Some(name.into()), ..row }))
}

/// Rules of one scope; allowed ones stand in line 10 and below, denied ones in line 20 and below.
fn of(scope: Scope, allow: &[&str], deny: &[&str]) -> Policy {
    let rules = RuleRows { allow: rules(allow, 10), deny: rules(deny, 20) };
    let mut row = RoleRow::default();
    match scope {
        Scope::Tools => row.tools = rules,
        Scope::Resources => row.resources = rules,
        Scope::Prompts => row.prompts = rules,
        Scope::Methods => row.methods = rules,
    }
    Policy::of_roles(vec![role("r", row)])
}

fn judged(policy: &Policy, message: &str) -> Decision {
    let call = Call::judge(message.as_bytes()).unwrap_or_else(|flaw| panic!("{flaw} {message}"));
    policy.judge(Some(&call)).decision()
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

fn decided(policy: &Policy, method: &str, params: &str) -> String {
    judged(policy, &request(method, params)).to_string()
}

#[test]
fn nothing_written_is_nothing_but_talk() {
    let nothing = Policy::default();
    for method in [
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/of-a-kind-of-its-own",
    ] {
        assert_eq!(decided(&nothing, method, "{}"), "allow:everybody", "{method}");
    }
    let listen = r#"{"notifications":{"toolsListChanged":true}}"#;
    assert_eq!(decided(&nothing, "subscriptions/listen", listen), "allow:everybody");
    assert_eq!(judged(&nothing, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).to_string(), "allow:everybody");
    assert_eq!(nothing.judge(None), Verdict::Everybody);
    for (method, params) in [
        ("tools/call", r#"{"name":"a"}"#),
        ("resources/read", r#"{"uri":"a"}"#),
        ("resources/subscribe", r#"{"uri":"a"}"#),
        ("resources/unsubscribe", r#"{"uri":"a"}"#),
        ("resources/directory/read", r#"{"uri":"a"}"#),
        ("prompts/get", r#"{"name":"a"}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"a"}}"#),
        ("completion/complete", r#"{"ref":{"type":"ref/resource","uri":"a"}}"#),
        ("subscriptions/listen", r#"{"notifications":{"resourceSubscriptions":["a"]}}"#),
        ("logging/setLevel", r#"{"level":"debug"}"#),
        ("tasks/list", "{}"),
        ("tasks/get", r#"{"taskId":"a"}"#),
        ("skills/list", "{}"),
        ("skills/get", r#"{"uri":"a"}"#),
        ("of/its-own", "{}"),
        ("Ping", "{}"),
        ("", "{}"),
    ] {
        assert_eq!(decided(&nothing, method, params), "deny:no-rule", "{method}");
    }
}

#[test]
fn a_call_without_an_id_is_a_call() {
    let tools = of(Scope::Tools, &["a"], &[]);
    let call = |name| format!(r#"{{"jsonrpc":"2.0","method":"tools/call","params":{{"name":"{name}"}}}}"#);
    assert_eq!(judged(&tools, &call("a")).to_string(), "allow:10");
    assert_eq!(judged(&tools, &call("b")).to_string(), "deny:no-rule");
}

#[test]
fn each_scope_opens_its_own_methods() {
    let by_name = |name: &str| {
        [
            (Scope::Tools, "tools/call", format!(r#"{{"name":"{name}"}}"#)),
            (Scope::Prompts, "prompts/get", format!(r#"{{"name":"{name}"}}"#)),
            (Scope::Prompts, "completion/complete", format!(r#"{{"ref":{{"type":"ref/prompt","name":"{name}"}}}}"#)),
            (Scope::Resources, "completion/complete", format!(r#"{{"ref":{{"type":"ref/resource","uri":"{name}"}}}}"#)),
            (Scope::Resources, "resources/read", format!(r#"{{"uri":"{name}"}}"#)),
            (Scope::Resources, "resources/subscribe", format!(r#"{{"uri":"{name}"}}"#)),
            (Scope::Resources, "resources/unsubscribe", format!(r#"{{"uri":"{name}"}}"#)),
        ]
    };
    for scope in Scope::ALL {
        let policy = of(scope, &["x", "*"], &["NO"]);
        for (home, method, params) in by_name("yes") {
            let expected = if home == scope { "allow:11" } else { "deny:no-rule" };
            assert_eq!(decided(&policy, method, &params), expected, "{scope:?} {method}");
        }
        for (home, method, params) in by_name("no").into_iter().filter(|(home, ..)| *home == scope) {
            assert_eq!(decided(&policy, method, &params), "deny:20", "{home:?} {method}");
        }
        let rest = if scope == Scope::Methods { "allow:11" } else { "deny:no-rule" };
        assert_eq!(decided(&policy, "logging/setLevel", "{}"), rest);
    }
}

#[test]
fn what_lists_things_needs_its_method_and_their_rule() {
    let row = |methods: &[&str], resources: &[&str]| {
        let allow = |patterns, line| RuleRows { allow: rules(patterns, line), deny: Vec::new() };
        let row = RoleRow { methods: allow(methods, 10), resources: allow(resources, 30), ..RoleRow::default() };
        Policy::of_roles(vec![role("r", row)])
    };
    for (policy, expected) in [
        (row(&["resources/directory/read"], &[]), "deny:no-rule"),
        (row(&[], &["a"]), "deny:no-rule"),
        (row(&["resources/*"], &["a"]), "allow:30"),
    ] {
        assert_eq!(decided(&policy, "resources/directory/read", r#"{"uri":"a"}"#), expected);
    }
}

#[test]
fn every_resource_of_a_subscription_needs_its_rule() {
    let policy = of(Scope::Resources, &["a/*"], &["a/secret"]);
    let listen = |uris: &str| {
        let params = format!(r#"{{"notifications":{{"toolsListChanged":true,"resourceSubscriptions":[{uris}]}}}}"#);
        decided(&policy, "subscriptions/listen", &params)
    };
    assert_eq!(listen(""), "allow:everybody");
    assert_eq!(listen(r#""a/1","a/2""#), "allow:10");
    assert_eq!(listen(r#""a/1","b""#), "deny:no-rule");
    assert_eq!(listen(r#""b","a/1""#), "deny:no-rule");
    assert_eq!(listen(r#""a/1","a/secret""#), "deny:20");
}

#[test]
fn methods_deny_what_everybody_may_and_what_has_a_name() {
    let row = RoleRow {
        tools: RuleRows { allow: rules(&["*"], 10), deny: Vec::new() },
        methods: RuleRows { allow: Vec::new(), deny: rules(&["tools/*", "PING"], 20) },
        ..RoleRow::default()
    };
    let policy = Policy::of_roles(vec![role("r", row)]);
    assert_eq!(decided(&policy, "tools/list", "{}"), "deny:20");
    assert_eq!(decided(&policy, "tools/call", r#"{"name":"a"}"#), "deny:20");
    assert_eq!(decided(&policy, "ping", "{}"), "deny:21");
    assert_eq!(decided(&policy, "initialize", "{}"), "allow:everybody");
    assert!(!policy.lists(ListKind::Tools, "a"));
}

#[test]
fn another_spelling_of_a_method_is_never_allowed() {
    let methods = RuleRows { allow: rules(&["*"], 10), deny: Vec::new() };
    let policy = Policy::of_roles(vec![role("r", RoleRow { methods, ..RoleRow::default() })]);
    for method in ["Tools/Call", "TOOLS/LIST", "Ping", "logging/setlevel", "resources/Read"] {
        assert_eq!(decided(&policy, method, r#"{"name":"a"}"#), "deny:no-rule", "{method}");
    }
    assert_eq!(decided(&policy, "vendor/call", "{}"), "allow:10");
}

#[test]
fn what_one_role_denies_no_other_gives_back() {
    let tools = |name, allow: &[&str], deny: &[&str], line| {
        let tools = RuleRows { allow: rules(allow, line), deny: rules(deny, line + 5) };
        role(name, RoleRow { tools, ..RoleRow::default() })
    };
    let (all, but) = (tools("all", &["*"], &[], 10), tools("but", &[], &["drop_*"], 20));
    for roles in [vec![all.clone(), but.clone()], vec![but, all]] {
        let policy = Policy::of_roles(roles);
        assert_eq!(decided(&policy, "tools/call", r#"{"name":"get"}"#), "allow:10");
        assert_eq!(decided(&policy, "tools/call", r#"{"name":"drop_table"}"#), "deny:25");
        let act = Act { method: Method::ToolsCall, text: "tools/call", subject: Some((Subject::Tool, "drop_table")) };
        let Verdict::Denied(hit) = policy.decide(act) else { panic!() };
        assert_eq!((hit.role, hit.scope, &*hit.rule.pattern), (Some("but"), Scope::Tools, "drop_*"));
    }
}

#[test]
fn a_star_stands_for_no_uri_with_two_readings() {
    let policy = of(Scope::Resources, &["file:///public/*", "file:///odd/../written"], &["file:///public/secret*"]);
    for (uri, expected) in [
        ("file:///public/a", "allow:10"),
        ("file:///public/../etc/passwd", "deny:no-rule"),
        ("file:///public/%2e%2e/etc/passwd", "deny:no-rule"),
        ("file:///public/%73ecret", "deny:no-rule"),
        ("file:///public/secrets/a", "deny:20"),
        ("file:///PUBLIC/SECRETS/a", "deny:20"),
        ("file:///odd/../written", "allow:11"),
    ] {
        assert_eq!(decided(&policy, "resources/read", &format!(r#"{{"uri":"{uri}"}}"#)), expected, "{uri}");
    }
}

#[test]
fn all_is_everything_unread() {
    assert_eq!(decided(&Policy::All, "of/its-own", "{}"), "allow:all");
    assert!(!Policy::All.reads() && Policy::default().reads());
    assert!(judged(&Policy::All, &request("ping", "{}")).permit().is_ok());
    assert!(judged(&Policy::default(), &request("x", "{}")).permit().is_err());
}

#[test]
fn two_policies_are_one_if_they_say_the_same() {
    let at = |line, patterns: &[&str]| Policy::of_tools(rules(patterns, line));
    assert_eq!(at(1, &["a", "b"]), at(7, &["b", "a"]));
    assert_ne!(at(1, &["a"]), at(1, &["b"]));
    assert_ne!(Policy::All, Policy::default());
    assert_eq!(Policy::from(&ToolSet::Only(["a".into()].into())), of(Scope::Tools, &["a"], &[]));
}

fn patterns() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[abAB*/.]{1,4}", 0..4)
}

prop_compose! {
    fn any_rules()(allow in patterns(), deny in patterns()) -> RuleRows {
        let rules = |patterns: Vec<String>| patterns.into_iter().map(|p| Rule { pattern: p.into(), line: 1 }).collect();
        RuleRows { allow: rules(allow), deny: rules(deny) }
    }
}

prop_compose! {
    fn any_role()(tools in any_rules(), resources in any_rules(), prompts in any_rules(), deny in prop::option::of(
        prop::sample::select(vec!["tools/*", "*/get", "resources/read", "*", "tools/list"])
    )) -> Arc<Role> {
        let deny = deny.into_iter().map(|p| Rule { pattern: p.into(), line: 1 }).collect();
        let methods = RuleRows { allow: Vec::new(), deny };
        Arc::new(Role::new(RoleRow { name: None, tools, resources, prompts, methods }))
    }
}

proptest! {
    /// Through the reader of messages on one side and the filter of replies on the other.
    #[test]
    fn what_is_listed_can_be_called_and_nothing_else(
        roles in prop::collection::vec(any_role(), 0..3),
        names in prop::collection::btree_set("[abAB/.%]{0,4}", 1..6),
    ) {
        let policy = Policy::of_roles(roles);
        for (kind, array, key, method, member) in [
            (ListKind::Tools, "tools", "name", "tools/call", "name"),
            (ListKind::Prompts, "prompts", "name", "prompts/get", "name"),
            (ListKind::Resources, "resources", "uri", "resources/read", "uri"),
            (ListKind::ResourceTemplates, "resourceTemplates", "uriTemplate", "resources/read", "uri"),
        ] {
            let entries: Vec<_> = names.iter().map(|name| serde_json::json!({key: name})).collect();
            let reply = serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": {array: entries}}).to_string();
            let left = crate::mcp::list::filter(reply.as_bytes(), kind, |name| policy.lists(kind, name)).unwrap();
            let left: serde_json::Value = serde_json::from_slice(&left).unwrap();
            let listed: Vec<_> = left["result"][array].as_array().unwrap().iter().map(|e| e[key].as_str().unwrap()).collect();
            let callable = |name: &&String| {
                let params = serde_json::json!({member: name}).to_string();
                judged(&policy, &request(method, &params)).permit().is_ok()
            };
            let callable: Vec<_> = names.iter().filter(callable).collect();
            prop_assert_eq!(listed, callable);
        }
    }

    #[test]
    fn a_deny_never_allows(role in any_role(), deny in any_role(), name in "[abAB/.]{0,4}") {
        let before = Policy::of_roles(vec![role.clone()]);
        let denies = Arc::new(Role::new(RoleRow {
            tools: RuleRows { allow: Vec::new(), deny: deny.deny(Scope::Tools).to_vec() },
            ..RoleRow::default()
        }));
        let after = Policy::of_roles(vec![role, denies]);
        prop_assert!(before.lists(ListKind::Tools, &name) || !after.lists(ListKind::Tools, &name));
    }
}
