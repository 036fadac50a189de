//! `keys revoke`: one key, or all of a client, with when and why.

use crate::home::{Home, KEYS};
use gateway::access::KeyState;
use std::time::SystemTime;

fn states(home: &Home) -> Vec<(String, KeyState)> {
    let access = home.access();
    access.keys().map(|(_, key)| (key.id().to_string(), key.row().state(SystemTime::now()))).collect()
}

fn disabled(home: &Home) -> Vec<String> {
    states(home).into_iter().filter(|(_, state)| *state == KeyState::Disabled).map(|(id, _)| id).collect()
}

#[test]
fn one_key_is_switched_off_by_its_id() {
    let home = Home::with_keys();
    let ran = home.run(&["keys", "revoke", "agentone", "--reason", "leaked in a log"]);
    assert_eq!(ran.good(), "");
    assert_eq!(disabled(&home), ["agentone"]);
    let text = home.read("keys.toml");
    assert!(
        text.contains("disabled = true\ndisabled_at = 2") && text.contains("reason = \"leaked in a log\""),
        "{text}"
    );
}

#[test]
fn all_keys_of_a_client_are_switched_off_by_its_name() {
    let home = Home::with_keys();
    home.run(&["keys", "revoke", "agent", "--reason", "contract ended"]).good();
    assert_eq!(disabled(&home), ["agentone", "agenttwo"]);
}

#[test]
fn a_second_revocation_changes_nothing() {
    let home = Home::with_keys();
    home.run(&["keys", "revoke", "agentone", "--reason", "the first"]).good();
    let text = home.read("keys.toml");
    let ran = home.run(&["keys", "revoke", "agentone", "--reason", "the second"]);
    ran.good();
    assert!(ran.stderr.contains("revoked before"), "{}", ran.stderr);
    assert_eq!(home.read("keys.toml"), text);
}

#[test]
fn a_name_that_is_both_must_say_which() {
    let home = Home::with_keys();
    home.write("keys.toml", &KEYS.replace("id = \"ops\"", "id = \"agentone\""));
    home.run(&["keys", "revoke", "agentone"]).refused(64, "write key:agentone or client:agentone");
    home.run(&["keys", "revoke", "client:agentone"]).good();
    assert_eq!(disabled(&home), ["opsonexx"]);
    home.run(&["keys", "revoke", "key:agentone"]).good();
    assert_eq!(disabled(&home), ["agentone", "opsonexx"]);
}

#[test]
fn what_is_not_there_cannot_be_revoked() {
    let home = Home::with_keys();
    home.run(&["keys", "revoke", "nobody"]).refused(64, "has no key and no client `nobody`");
    home.run(&["keys", "revoke", "key:agent"]).refused(64, "no key and no client `key:agent`");
    assert_eq!(home.read("keys.toml"), KEYS);
}
