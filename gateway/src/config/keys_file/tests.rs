use super::*;
use crate::access::policy::{Role, Rule, Scope};
use crate::access::{Access, KeyState, Limits, Policy, Rate, ToolSet};
use crate::mcp::{ListKind, Method};
use std::fmt::Write;
use std::time::Duration;

const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const OTHER: &str = "sha256:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";

fn complaint(text: &str) -> String {
    parse(text, Path::new("keys.toml")).map(|_| ()).unwrap_err().to_string()
}

fn one_key(members: &str) -> String {
    format!("[[client]]\nid = \"a\"\n[[client.key]]\nid = \"abcdefgh\"\n{members}")
}

#[test]
fn every_member_is_read() {
    let text = format!(
        r#"
        [[client]]
        id = "weather-agent"
        tools = ["get_forecast", "get_alerts"]

        [[client.key]]
        id = "a1b2c3d4e5f6"
        digest = "{DIGEST}"
        created_at = 2026-01-01T00:00:00Z
        not_before = 2026-01-01T02:00:00+02:00
        expires_at = 2027-01-01 00:00:00.5Z
        disabled = true
        disabled_at = 2026-06-01T00:00:00Z
        reason = "laptop lost"
        note = "on the build machine"

        [[client.key]]
        id = "abcdefgh"
        digest = "{OTHER}"

        [[client]]
        id = "admin"
        tools = "all"

        [[client]]
        id = "nothing"
        "#
    );
    let written = Written::parse(&text, Path::new("keys.toml")).unwrap();
    let [agent, admin, nothing] = &written.clients[..] else { panic!("{written:?}") };
    assert_eq!(agent.id.as_str(), "weather-agent");
    assert_eq!(agent.policy, Policy::from(&ToolSet::Only(["get_alerts".into(), "get_forecast".into()].into())));
    assert!(agent.policy.lists(ListKind::Tools, "get_alerts") && !agent.policy.lists(ListKind::Tools, "other"));
    assert_eq!((&admin.policy, admin.keys.len()), (&Policy::All, 0));
    assert_eq!(nothing.policy, Policy::default(), "nothing written is nothing allowed");
    let at = |seconds: u64, nanos| Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
    let [key, other] = &agent.keys[..] else { panic!("{agent:?}") };
    assert_eq!((key.not_before, key.expires_at), (at(1_767_225_600, 0), at(1_798_761_600, 500_000_000)));
    assert_eq!(key.digest.to_string(), DIGEST);
    assert_eq!((key.state(SystemTime::now()), other.state(SystemTime::now())), (KeyState::Disabled, KeyState::Active));
    assert_eq!(written.lines, [2, 21, 25]);
    assert_eq!(written.remarks.iter().map(|remark| remark.line).collect::<Vec<_>>(), [6, 17]);
    assert_eq!(written.remarks[0].created_at, key.not_before);
    assert_eq!(written.remarks[0].reason.as_deref(), Some("laptop lost"));
    assert_eq!(written.remarks[0].note.as_deref(), Some("on the build machine"));
    assert_eq!(written.remarks[1].id, other.id);
}

const ROLES: &str = r#"[role.reader]
tools = ["get_*", "search"]
resources = { allow = ["file:///a/*"], deny = ["file:///a/b"] }

[role."on.call"]
methods.deny = ["tools/list"]
[role."on.call".prompts]
allow = [
  "p1",
  "p2",
]

[[client]]
id = "both"
roles = ["on.call", "reader"]

[[client]]
id = "none"
roles = []
"#;

#[test]
fn roles_are_read_with_their_lines() {
    let written = Written::parse(ROLES, Path::new("keys.toml")).unwrap();
    let rules = |role: &Role, scope, allow| -> Vec<(String, u32)> {
        let rules: &[Rule] = if allow { role.allow(scope) } else { role.deny(scope) };
        rules.iter().map(|rule| (rule.pattern.to_string(), rule.line)).collect()
    };
    let [reader, on_call] = &written.roles[..] else { panic!("{written:?}") };
    assert_eq!((reader.name(), on_call.name()), (Some("reader"), Some("on.call")));
    assert_eq!(rules(reader, Scope::Tools, true), [("get_*".to_owned(), 2), ("search".to_owned(), 2)]);
    assert_eq!(rules(reader, Scope::Resources, true), [("file:///a/*".to_owned(), 3)]);
    assert_eq!(rules(reader, Scope::Resources, false), [("file:///a/b".to_owned(), 3)]);
    assert_eq!(rules(on_call, Scope::Methods, false), [("tools/list".to_owned(), 6)]);
    assert_eq!(rules(on_call, Scope::Prompts, true), [("p1".to_owned(), 9), ("p2".to_owned(), 10)]);
    let [both, none] = &written.clients[..] else { panic!("{written:?}") };
    assert!(both.policy.lists(ListKind::Tools, "get_x") && both.policy.lists(ListKind::Prompts, "p2"));
    assert_eq!(none.policy, Policy::default());
}

#[test]
fn a_byte_order_mark_and_windows_lines_are_fine() {
    let text = format!("\u{feff}{}", one_key(&format!("digest = \"{DIGEST}\"\n")).replace('\n', "\r\n"));
    assert_eq!(parse(&text, Path::new("k")).unwrap().len(), 1);
}

#[test]
fn a_file_without_clients_is_refused() {
    for text in ["", "# all gone\n", "client = []"] {
        assert!(complaint(text).starts_with("keys.toml: names no client"), "{text}");
    }
    assert!(Written::parse("", Path::new("k")).unwrap().clients.is_empty(), "but a first one can be added");
}

#[test]
fn a_raw_key_is_refused_with_the_command_that_hashes_it() {
    let raw = "aGVsbG8-S3cr3t";
    let hex = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    for (text, place) in [
        (one_key(&format!("key = \"{raw}\"")), "5:1"),
        (one_key(&format!("secret = \"{raw}\"")), "5:1"),
        (one_key(&format!("value = \"{raw}\"")), "5:1"),
        (one_key(&format!("API_KEY = \"{raw}\"")), "5:1"),
        (one_key(&format!("digest = \"{raw}\"")), "5:10"),
        (one_key(&format!("digest = \"{hex}\"")), "5:10"),
        (one_key(&format!("digest = \"sha256:{raw}\"")), "5:10"),
        (format!("[[client]]\nid = \"a\"\nkey = \"{raw}\""), "3:7"),
        (format!("[[client]]\nid = \"a\"\napi_key = \"{raw}\""), "3:1"),
    ] {
        let complaint = complaint(&text);
        assert!(complaint.starts_with(&format!("keys.toml:{place}: ")), "{text}\n{complaint}");
        assert!(complaint.contains("gateway keys hash"), "{complaint}");
        assert!(!complaint.contains("S3cr3t") && !complaint.contains(hex), "{complaint}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    let good = format!("digest = \"{DIGEST}\"\n");
    for (text, place, words) in [
        ("[[client]]\ntools = \"all\"".to_owned(), "1:1", "[client] has no `id`"),
        ("[client]\nid = \"a\"".to_owned(), "1:1", "[[client]]"),
        ("[[clients]]\nid = \"a\"".to_owned(), "1:3", "did you mean `client`?"),
        ("[[client]]\nid = \"a b\"".to_owned(), "2:6", "a client id is"),
        ("[[client]]\nid = \"a\"\ntools = \"none\"".to_owned(), "3:9", "\"all\", or a list"),
        ("[[client]]\nid = \"a\"\ntools = [\"\"]".to_owned(), "3:10", "tool names"),
        ("[[client]]\nid = \"a\"\ntols = []".to_owned(), "3:1", "did you mean `tools`?"),
        ("[[client]]\nid = \"a\"\n[client.key]\nid = \"abcdefgh\"".to_owned(), "3:1", "[[client.key]]"),
        ("[[client]]\nid = \"a\"\n[[client.key]]\nid = \"ABCDEFGH\"\ndigest = \"\"".to_owned(), "4:6", "a key id is"),
        (one_key(""), "3:1", "[client.key] has no `digest`"),
        (one_key(&format!("{good}expires = 1")), "6:1", "did you mean `expires_at`?"),
        (one_key(&format!("{good}expires_at = 2027-01-31")), "6:14", "says no offset"),
        (one_key(&format!("{good}expires_at = 2027-01-31T10:00:00")), "6:14", "add Z (UTC)"),
        (one_key(&format!("{good}expires_at = \"2027-01-31T10:00:00Z\"")), "6:14", "without quotes"),
        (one_key(&format!("{good}expires_at = 1969-12-31T23:00:00Z")), "6:14", "1970 to 9999"),
        (one_key(&format!("{good}disabled = \"yes\"")), "6:12", "`true` or `false`"),
        (one_key(&format!("{good}[[client]]\nid = \"a\"")), "7:6", "client `a` is written twice"),
        (
            one_key(&format!("{good}[[client.key]]\nid = \"abcdefgh\"\ndigest = \"{OTHER}\"")),
            "7:6",
            "key id `abcdefgh` is written twice",
        ),
        (one_key(&format!("{good}[[client.key]]\nid = \"hgfedcba\"\n{good}")), "8:10", "have the same digest"),
        (
            one_key(&format!("{good}[[client]]\nid = \"b\"\n[[client.key]]\nid = \"hgfedcba\"\n{good}")),
            "10:10",
            "have the same digest",
        ),
        (one_key("digest = \"sha256:ba78"), "5:22", ""),
    ] {
        assert_complaint(&text, place, words);
    }
}

fn assert_complaint(text: &str, place: &str, words: &str) {
    let complaint = complaint(text);
    assert!(complaint.starts_with(&format!("keys.toml:{place}: ")), "{text}\n{complaint}");
    assert!(complaint.contains(words), "{text}\n{complaint}");
}

#[test]
fn roles_that_cannot_be_meant_are_refused_where_they_stand() {
    for (text, place, words) in [
        ("[[client]]\nid = \"a\"\nroles = [\"raeder\"]\n[role.reader]", "3:10", "did you mean `reader`?"),
        ("[[client]]\nid = \"a\"\nroles = [\"x\"]\n[role.reader]", "3:10", "not in this file; write it"),
        ("[role.r]\n[[client]]\nid = \"a\"\nroles = [\"r\", \"r\"]", "4:15", "this role twice"),
        ("[role.r]\n[[client]]\nid = \"a\"\nroles = \"r\"", "4:9", "a list in brackets"),
        ("[role.r]\n[[client]]\nid = \"a\"\ntools = []\nroles = [\"r\"]", "4:9", "exclude each other"),
        ("[[role]]\nname = \"r\"", "1:1", "written [role.NAME]"),
        ("role.r = 1", "1:10", "written [role.NAME]"),
        ("[role.\"a b\"]", "1:7", "is not a name of 1 to 64"),
        ("[role.r]\ntool = []", "2:1", "unknown member `tool` in [role]; did you mean `tools`?"),
        ("[role.r.tools]\nallowed = []", "2:1", "unknown member `allowed` in [role.tools]; did you mean `allow`?"),
        ("[role.r]\nallow = []", "2:1", "it belongs in [role.tools]"),
        ("[role.r]\ntools = \"all\"", "2:9", "`allow` and `deny`"),
        ("[role.r]\ntools = [\"a b\"]", "2:10", "a list of tool names"),
        ("[role.r]\nresources = [\"a\", \"a\"]", "2:19", "this entry twice"),
        ("[role.r]\nprompts = [\"\"]", "2:12", "a list of prompt names"),
        (
            "[role.r]\nmethods = [\"tools/call\"]",
            "2:12",
            "`tools/call` is allowed by what it names; write that in `tools`",
        ),
        ("[role.r.methods]\nallow = [\"resources/read\"]", "2:10", "write that in `resources`"),
    ] {
        assert_complaint(text, place, words);
    }
}

#[test]
fn limits_are_read() {
    let text = r#"
        [[client]]
        id = "a"
        rate = "60/min"
        burst = 10
        cost.get_forecast = 5
        cost."a.b" = 0
        method_cost."tools/list" = 1
        max_streams = 4
        max_in_flight = 16
        allow_from = ["10.0.0.0/8", "2001:db8::/32"]
        [client.tool.get_forecast]
        rate = "1/s"
        burst = 5
        [client.tool.other]
        rate = "100/day"
        [[client.key]]
        id = "abcdefgh"
        digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        [[client]]
        id = "b"
        "#;
    let clients = parse(text, Path::new("keys.toml")).unwrap();
    let rate = |text| Rate::parse(text).unwrap();
    let expected = Limits {
        quota: Some(rate("60/min").burst(10)),
        tools: [("get_forecast".into(), rate("1/s").burst(5)), ("other".into(), rate("100/day").burst(100))].into(),
        costs: [("a.b".into(), 0), ("get_forecast".into(), 5)].into(),
        method_costs: vec![(Method::ToolsList, 1)],
        max_streams: std::num::NonZeroU32::new(4),
        max_in_flight: std::num::NonZeroU32::new(16),
    };
    assert_eq!((&clients[0].limits, clients[0].keys.len()), (&expected, 1));
    let networks = clients[0].allow_from.as_deref().unwrap().iter().map(ToString::to_string);
    assert_eq!(networks.collect::<Vec<_>>(), ["10.0.0.0/8", "2001:db8::/32"]);
    assert_eq!((&clients[1].limits, &clients[1].allow_from), (&Limits::default(), &None));
}

#[test]
fn limits_that_cannot_be_meant_are_refused_where_they_stand() {
    for (members, place, words) in [
        ("rate = 5", "3:8", "text in quotes"),
        ("rate = \"5 per minute\"", "3:8", "such as \"60/min\""),
        ("rate = \"0/s\"", "3:8", "from 1 to 1000000"),
        ("burst = 5", "3:9", "there is no `rate`"),
        ("rate = \"5/s\"\nburst = 0", "4:9", "must be 1 or more"),
        ("rate = \"5/s\"\nburst = 4294967296", "4:9", "fit 32 bits"),
        ("cost.a = 1", "3:10", "there is none"),
        ("cost = 1", "3:8", "written cost.TOOL = NUMBER"),
        ("rate = \"5/s\"\ncost.a = 6", "4:10", "no more than 5 can ever be used at once"),
        ("rate = \"5/s\"\ncost.a = -1", "4:10", "0 or more"),
        ("rate = \"5/s\"\ncost.\"a b\" = 1", "4:6", "visible ASCII"),
        ("rate = \"9/s\"\ncost.a = 6\n[client.tool.a]\nrate = \"5/s\"", "4:10", "no more than 5"),
        ("method_cost.\"tools/list\" = 1", "3:28", "there is none"),
        ("rate = \"5/s\"\nmethod_cost.\"tools/lst\" = 1", "4:13", "no method of MCP"),
        ("rate = \"5/s\"\nmethod_cost.\"tools/call\" = 1", "4:13", "cost.TOOL"),
        ("tool = \"a\"", "3:8", "written [client.tool.NAME]"),
        ("tool.a = 1", "3:10", "each written [client.tool.NAME]"),
        ("[client.tool.a]\nburst = 1", "4:9", "there is no `rate`"),
        ("[client.tool.a]", "3:1", "[client.tool] has no `rate`"),
        ("[client.tool.a]\nrat = \"1/s\"", "4:1", "did you mean `rate`?"),
        ("max_streams = 0", "3:15", "must be 1 or more"),
        ("max_in_flight = \"1\"", "3:17", "a whole number"),
        ("allow_from = []", "3:14", "leave it out"),
        ("allow_from = \"::1\"", "3:14", "a list in brackets"),
        ("allow_from = [\"::1\", \"10.0.0.1/8\"]", "3:22", "written `10.0.0.0/8`"),
        ("allow_from = [\"localhost\"]", "3:15", "a network is"),
    ] {
        let complaint = complaint(&format!("[[client]]\nid = \"a\"\n{members}\n"));
        assert!(complaint.starts_with(&format!("keys.toml:{place}: ")), "{members}\n{complaint}");
        assert!(complaint.contains(words), "{members}\n{complaint}");
    }
}

#[test]
fn ten_thousand_keys_are_read_and_what_is_read_can_be_built() {
    let mut text = String::new();
    for client in 0..100 {
        writeln!(text, "[[client]]\nid = \"client-{client}\"\ntools = \"all\"").unwrap();
        for key in 0..100 {
            let id = format!("key{client:03}{key:03}");
            let digest = crate::access::KeyDigest::of(id.as_bytes());
            writeln!(text, "[[client.key]]\nid = \"{id}\"\ndigest = \"{digest}\"\nexpires_at = 2030-01-01T00:00:00Z")
                .unwrap();
        }
    }
    let access = Access::build(parse(&text, Path::new("keys.toml")).unwrap()).unwrap();
    assert_eq!((access.clients().len(), access.keys().count()), (100, 10_000));
}

#[test]
fn a_file_that_everybody_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    std::fs::write(&file, "").unwrap();
    for (mode, words) in [(0o600, None), (0o640, None), (0o644, Some("may read it")), (0o666, Some("may change it"))] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let warnings = warnings(&file);
        assert_eq!(warnings.len(), usize::from(words.is_some()), "{mode:o}");
        let said = |w: &ConfigError| w.sentence().contains(words.unwrap()) && w.sentence().contains("chmod 0640");
        assert!(warnings.iter().all(said), "{warnings:?}");
    }
}

#[test]
fn the_shipped_file_shows_every_member_and_can_be_built() {
    let shipped = include_str!("../../../../config/keys.toml");
    let written = Written::parse(shipped, Path::new("keys.toml")).unwrap();
    let access = Access::build(written.clients).unwrap();
    assert_eq!((access.clients().len(), access.keys().count()), (3, 3));
    for (_, members) in rows::MEMBERS.iter().filter(|(table, _)| !table.is_empty()) {
        for member in members.iter().filter(|member| **member != "key") {
            let written = [format!("\n{member} = "), format!("\n{member}."), format!("[client.{member}.")];
            assert!(written.iter().any(|written| shipped.contains(written)), "{member}");
        }
    }
}
