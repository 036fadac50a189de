//! `explain`: may this client do that, and which line says so.

use crate::home::Home;
use serde_json::Value;

const ROLES: &str = r#"[role.reader]
tools = ["get_*"]
resources = { allow = ["doc://*"], deny = ["doc://secret/*"] }
methods.deny = ["prompts/*"]

"#;

fn home() -> Home {
    let home = Home::with_keys();
    let keys = home.read("keys.toml").replace("tools = [\"get_alerts\"]", "roles = [\"reader\"]");
    home.write("keys.toml", &format!("{ROLES}{keys}\n[[client]]\nid = \"listed\"\ntools = [\"a\"]\n"));
    home
}

#[test]
fn the_line_is_the_rules_own() {
    let home = home();
    for (arguments, code, said) in [
        (&["--tool", "get_alerts"][..], 0, "allow keys.toml:2: client agent: role.reader.tools allow \"get_*\""),
        (&["--tool", "set"], 64, "deny keys.toml:8: client agent: no rule allows it"),
        (&["--resource", "doc://a"], 0, "allow keys.toml:3: client agent: role.reader.resources allow \"doc://*\""),
        (
            &["--resource", "doc://secret/a", "--method", "resources/subscribe"],
            64,
            "deny keys.toml:3: client agent: role.reader.resources deny \"doc://secret/*\"",
        ),
        (&["--prompt", "p"], 64, "deny keys.toml:4: client agent: role.reader.methods deny \"prompts/*\""),
        (&["--method", "ping"], 0, "allow keys.toml:8: client agent: every client may do this"),
        (&["--method", "logging/setLevel"], 64, "deny keys.toml:8: client agent: no rule allows it"),
    ] {
        for who in [["--key-id", "agentone"], ["--client", "agent"]] {
            let ran = home.run(&[&["explain"], &who[..], arguments].concat());
            assert_eq!((ran.code, ran.stdout.trim_end(), &*ran.stderr), (code, said, ""), "{arguments:?}");
        }
    }
    let said = home.run(&["explain", "--client", "ops", "--tool", "x"]);
    assert_eq!(said.good(), "allow keys.toml:22: client ops: tools = \"all\"");
    let said = home.run(&["explain", "--client", "listed", "--tool", "a"]);
    assert_eq!(said.good(), "allow keys.toml:32: client listed: its tools allow \"a\"");
}

#[test]
fn programs_get_json() {
    let ran = home().run(&["explain", "--client", "agent", "--tool", "set", "--json"]);
    assert_eq!(ran.code, 64);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    let expected = serde_json::json!({
        "decision": "deny", "client": "agent", "method": "tools/call", "name": "set",
        "file": "keys.toml", "line": 8, "why": "no rule allows it",
    });
    assert_eq!(said, expected);
}

#[test]
fn a_key_that_does_not_work_gets_nothing() {
    let home = home();
    home.run(&["keys", "revoke", "agenttwo"]).good();
    let ran = home.run(&["explain", "--key-id", "agenttwo", "--tool", "get_alerts"]);
    assert_eq!((ran.code, ran.stdout.trim_end()), (64, "deny keys.toml:18: client agent: the key is disabled"));
    home.run(&["explain", "--key-id", "agentone", "--tool", "get_alerts"]).good();
    home.run(&["explain", "--client", "agent", "--tool", "get_alerts"]).good();
}

#[test]
fn what_is_asked_must_be_there() {
    let home = home();
    for (arguments, words) in [
        (&["--client", "nobody", "--tool", "a"][..], "there is no client `nobody` in keys.toml"),
        (&["--key-id", "nokeyatall", "--tool", "a"], "there is no key `nokeyatall` in keys.toml"),
        (&["--client", "agent", "--method", "tools/call"], "add --tool"),
        (&["--client", "agent", "--method", "tools/call", "--prompt", "p"], "add --tool"),
        (&["--client", "agent", "--method", "completion/complete"], "add --prompt or --resource"),
        (&["--client", "agent"], "--method"),
        (&["--tool", "a"], "--client"),
        (&["--client", "agent", "--tool", "a", "--prompt", "b"], "cannot be used with"),
    ] {
        home.run(&[&["explain"], arguments].concat()).refused(64, words);
    }
}
