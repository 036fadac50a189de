use super::*;

const CALL: &str = r#"{"jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"get_forecast","arguments":{"latitude":37.8,"longitude":-122.27,"no\u0074e":null}}}"#;

fn both(body: &str) -> [Call<'_>; 2] {
    [Call::judge(body.as_bytes()).unwrap(), Call::observe(body.as_bytes()).unwrap()]
}

fn flaw(body: &str) -> Flaw {
    Call::judge(body.as_bytes()).expect_err(body)
}

#[test]
fn a_tool_call_says_everything() {
    for call in both(CALL) {
        assert_eq!(call.kind(), Kind::Request);
        assert_eq!(call.id(), Some("\"a-1\""));
        assert_eq!(call.method(), Method::ToolsCall);
        assert_eq!(call.method_text(), "tools/call");
        assert_eq!(call.subject(), Some((Subject::Tool, "get_forecast")));
        assert_eq!(call.protocol_version().as_deref(), Some("2026-07-28"));
        assert_eq!(call.argument_names().collect::<Vec<_>>(), ["latitude", "longitude", "note"]);
    }
}

#[test]
fn members_come_in_any_order_with_any_white_space() {
    let body = "{ \"params\" : {\t\"arguments\":{} , \"name\":\"a\" }\r\n, \"method\":\"tools\\/call\",\"id\":-1.5e3 , \"jsonrpc\":\"2.0\"} \n";
    for call in both(body) {
        assert_eq!((call.kind(), call.id()), (Kind::Request, Some("-1.5e3")));
        assert_eq!((call.method(), call.name()), (Method::ToolsCall, Some("a")));
        assert_eq!(call.argument_names().count(), 0);
    }
}

#[test]
fn each_method_has_its_own_subject() {
    for (method, params, subject) in [
        ("prompts/get", r#"{"uri":"no","name":"p"}"#, Some((Subject::Prompt, "p"))),
        ("resources/read", r#"{"name":"no","uri":"file:///\u00e9"}"#, Some((Subject::Resource, "file:///é"))),
        ("resources/subscribe", r#"{"uri":"u"}"#, Some((Subject::Resource, "u"))),
        ("resources/unsubscribe", r#"{"uri":"u"}"#, Some((Subject::Resource, "u"))),
        ("tasks/cancel", r#"{"taskId":"t"}"#, Some((Subject::Task, "t"))),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, Some((Subject::Prompt, "p"))),
        ("completion/complete", r#"{"ref":{"uri":"u","type":"ref/resource"}}"#, Some((Subject::Resource, "u"))),
        ("tools/list", r#"{"name":"no"}"#, None),
        ("vendor/own", r#"{"name":5}"#, None),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
        for call in both(&body) {
            assert_eq!(call.subject(), subject, "{body}");
        }
    }
}

#[test]
fn a_subscription_names_its_resources() {
    let listen = |method: &str, notifications: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"notifications":{notifications}}}}}"#)
    };
    for (notifications, resources) in [
        (r#"{"toolsListChanged":true,"resourceSubscriptions":["a", "\u0062" ,"c d"]}"#, &["a", "b", "c d"][..]),
        (r#"{"resourceSubscriptions":[ "a" ]}"#, &["a"]),
        (r#"{"resourceSubscriptions":[]}"#, &[]),
        ("{}", &[]),
    ] {
        let body = listen("subscriptions/listen", notifications);
        let found: Vec<_> = Call::judge(body.as_bytes()).unwrap().subscriptions().collect();
        assert_eq!(found, resources, "{notifications}");
    }
    for wrong in [
        "[]",
        r#"{"resourceSubscriptions":"a"}"#,
        r#"{"resourceSubscriptions":["a",1]}"#,
        r#"{"resourceSubscriptions":[["a"]]}"#,
        r#"{"ResourceSubscriptions":["a"]}"#,
    ] {
        assert!(Call::judge(listen("subscriptions/listen", wrong).as_bytes()).is_err(), "{wrong}");
        let other = listen("vendor/own", wrong);
        assert_eq!(Call::judge(other.as_bytes()).unwrap().subscriptions().count(), 0, "{wrong}");
    }
}

#[test]
fn the_three_kinds_are_told_apart() {
    for (body, kind, id) in [
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Kind::Notification, None),
        (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#, Kind::Notification, None),
        (r#"{"jsonrpc":"2.0","method":"ping","id":7}"#, Kind::Request, Some("7")),
        (r#"{"jsonrpc":"2.0","id":7,"result":{"method":"x"}}"#, Kind::Response, Some("7")),
        (r#"{"jsonrpc":"2.0","error":{"code":-1,"message":""},"id":null}"#, Kind::Response, Some("null")),
    ] {
        for call in both(body) {
            assert_eq!((call.kind(), call.id()), (kind, id), "{body}");
            assert_eq!(call.method() == Method::Response, kind == Kind::Response);
        }
    }
}

#[test]
fn a_long_id_is_not_repeated() {
    for (length, echoed) in [(254, true), (255, false)] {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":"{}"}}"#, "x".repeat(length));
        for call in both(&body) {
            assert_eq!(call.kind(), Kind::Request);
            assert_eq!(call.id().is_some(), echoed);
        }
    }
}

#[test]
fn an_observed_id_is_repeated_only_if_it_is_valid_json() {
    for id in ["\"\u{1}\"", r#""\x""#, "01", "nul", "true", "{}", "[1]", "1e", r#""\ud800""#] {
        let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
        assert_eq!(Call::observe(body.as_bytes()).unwrap().id(), None, "{id}");
    }
}

#[test]
fn an_observer_stops_early_and_gives_up_quietly() {
    let stopped = Call::observe(br#"{"method":"tools/call","params":{"name":"a","arguments":{"cut"#).unwrap();
    assert_eq!((stopped.name(), stopped.id(), stopped.kind()), (Some("a"), None, Kind::Notification));
    assert_eq!(stopped.argument_names().count(), 0);
    assert_eq!(Call::observe(br#"{"method":"ping" garbage"#).unwrap().method(), Method::Ping);
    for odd in ["", "[]", " {}", "{", "{}", "null", "{\"method\":5}", "{\"method\"", "{\"a\":1 \"b\":2}", "{,}"] {
        assert!(Call::observe(odd.as_bytes()).is_none(), "{odd}");
    }
    assert!(Call::observe(b"{\"method\":\"\xff\"}").is_none());
}

/// One message of each kind that clients of all revisions send, in the order in which their SDKs write the members.
#[test]
fn what_clients_send_is_accepted() {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"roots":{"listChanged":true}},"progressToken":1}"#;
    for (method, params) in [
        (
            "initialize",
            r#""protocolVersion":"2025-11-25","capabilities":{"sampling":{}},"clientInfo":{"name":"c","version":"1"}"#,
        ),
        ("ping", ""),
        ("server/discover", meta),
        ("tools/list", r#""cursor":"x""#),
        ("tools/call", r#""name":"a","arguments":{"name":"b","Method":1},"task":{"ttl":60000}"#),
        ("resources/list", ""),
        ("resources/templates/list", ""),
        ("resources/read", r#""uri":"file:///a""#),
        ("resources/subscribe", r#""uri":"file:///a""#),
        ("prompts/list", ""),
        ("prompts/get", r#""name":"p","arguments":{"language":"en"}"#),
        (
            "completion/complete",
            r#""ref":{"type":"ref/prompt","name":"p","title":"P"},"argument":{"name":"a","value":"b"},"context":{"arguments":{}}"#,
        ),
        ("logging/setLevel", r#""level":"info""#),
        ("subscriptions/listen", r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["file:///a"]}"#),
        ("tasks/get", r#""taskId":"t""#),
        ("notifications/initialized", ""),
        ("notifications/cancelled", r#""requestId":1,"reason":"r""#),
        ("notifications/progress", r#""progressToken":1,"progress":0.5,"total":1,"message":"m""#),
        ("notifications/roots/list_changed", ""),
    ] {
        let params = if params == meta || params.is_empty() { params.to_owned() } else { format!("{meta},{params}") };
        let id = if method.starts_with("notifications/") { "" } else { r#","id":1"# };
        for body in [
            format!(r#"{{"jsonrpc":"2.0"{id},"method":"{method}","params":{{{params}}}}}"#),
            format!(r#"{{"method":"{method}","params":{{{params}}},"jsonrpc":"2.0"{id}}}"#),
        ] {
            for call in both(&body) {
                assert_eq!(call.method().as_str(), method, "{body}");
                assert_eq!(call.method_text(), method);
                assert_eq!(call.kind() == Kind::Notification, id.is_empty());
            }
        }
    }
}

#[test]
fn what_is_no_single_message_is_refused() {
    assert_eq!(flaw(""), Flaw::NotAnObject);
    assert_eq!(flaw("[{}]"), Flaw::NotAnObject);
    assert_eq!(flaw(" {}"), Flaw::NotAnObject);
    assert_eq!(flaw("\u{feff}{}"), Flaw::NotAnObject);
    assert_eq!(flaw("{}"), Flaw::Missing { member: Member::JsonRpc });
    assert_eq!(flaw(r#"{"jsonrpc":"2.0"}"#), Flaw::Missing { member: Member::Method });
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","result":1}"#), Flaw::Missing { member: Member::Id });
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"ping"}{}"#), Flaw::Trailing { at: 33 });
    let both = |one, other| Flaw::Both { one, other };
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","id":1,"method":"a","result":1}"#), both(Member::Method, Member::Result));
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","id":1,"method":"a","error":1}"#), both(Member::Method, Member::Error));
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","id":1,"error":{},"result":1}"#), both(Member::Result, Member::Error));
}

#[test]
fn protocol_members_have_their_type() {
    let wrong = |body: &str| {
        let Flaw::Wrong { member, at, .. } = flaw(body) else { panic!("{body}") };
        (member, at)
    };
    assert_eq!(wrong(r#"{"jsonrpc":"1.0","method":"a"}"#), (Member::JsonRpc, 11));
    assert_eq!(wrong(r#"{"jsonrpc":2.0,"method":"a"}"#), (Member::JsonRpc, 11));
    assert_eq!(wrong(r#"{"jsonrpc":"2.0","method":null}"#), (Member::Method, 26));
    for id in ["null", "{}", "[1]", "true", "false"] {
        assert_eq!(wrong(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#)), (Member::Id, 22));
    }
    assert_eq!(wrong(r#"{"jsonrpc":"2.0","id":null,"result":1}"#), (Member::Id, 22));
    for params in ["[]", "null", "\"\""] {
        assert_eq!(wrong(&format!(r#"{{"jsonrpc":"2.0","method":"a","params":{params}}}"#)), (Member::Params, 39));
    }
    assert_eq!(wrong(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":5}}"#), (Member::Name, 56));
    assert_eq!(
        wrong(r#"{"jsonrpc":"2.0","method":"completion/complete","params":{"ref":{"type":"x"}}}"#),
        (Member::Ref, 64)
    );
}

#[test]
fn a_call_without_its_subject_is_refused() {
    let missing = |member| Flaw::Missing { member };
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"tools/call"}"#), missing(Member::Name));
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"resources/read","params":{"name":"a"}}"#), missing(Member::Uri));
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"tasks/get","params":{}}"#), missing(Member::TaskId));
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"completion/complete","params":{"ref":"x"}}"#), missing(Member::Type));
    let two = r#"{"jsonrpc":"2.0","method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","uri":"b"}}}"#;
    assert_eq!(flaw(two), Flaw::Both { one: Member::Name, other: Member::Uri });
}

#[test]
fn no_member_stands_twice_at_any_depth() {
    for body in [
        r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","m\u0065thod":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":{"name":"a","nam\u0065":"b"}}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":{"x":[{"deep":{"":1,"":2}}]}}"#,
        r#"{"jsonrpc":"2.0","method":"a","params":{"é":1,"\u00e9":2}}"#,
    ] {
        assert!(matches!(flaw(body), Flaw::Duplicate { .. }), "{body}");
    }
    assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"a","params":{"name\u0000":1}}"#), Flaw::NulInName { at: 40 });
}

#[test]
fn no_member_is_spelled_in_other_case() {
    for (body, of) in [
        (r#"{"jsonrpc":"2.0","method":"a","Method":"b"}"#, Member::Method),
        (r#"{"JSONRPC":"2.0","method":"a"}"#, Member::JsonRpc),
        (r#"{"jsonrpc":"2.0","method":"a","param\u017f":{}}"#, Member::Params),
        (r#"{"jsonrpc":"2.0","method":"a","params":{"name":"a","Name":"b"}}"#, Member::Name),
        (r#"{"jsonrpc":"2.0","method":"a","params":{"URI":"b"}}"#, Member::Uri),
        (r#"{"jsonrpc":"2.0","method":"a","params":{"taskID":"b"}}"#, Member::TaskId),
        (r#"{"jsonrpc":"2.0","method":"a","params":{"ref":{"Uri":"b"}}}"#, Member::Uri),
    ] {
        assert!(matches!(flaw(body), Flaw::CaseVariant { of: found, .. } if found == of), "{body}");
    }
    // Deeper down, names are the tool's own.
    both(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"name":1,"Name":2,"ID":3}}}"#);
}
