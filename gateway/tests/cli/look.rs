//! `keys list` and `keys verify`: what there is, and whose a key is.

use crate::home::{Home, KEYS};
use gateway::access::KeyDigest;

#[test]
fn all_keys_are_listed_with_their_state() {
    let home = Home::with_keys();
    home.run(&["keys", "revoke", "agenttwo", "--reason", "line\nbreak \u{1b}[31m"]).good();
    let ran = home.run(&["keys", "list"]);
    let lines: Vec<Vec<&str>> = ran.good().lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["ID", "CLIENT", "STATE", "AGE", "ENDS", "NOTE"]);
    assert_eq!(lines[1][..3], ["agentone", "agent", "active"]);
    assert_eq!(lines[1][4], "in");
    assert_eq!(lines[2], ["agenttwo", "agent", "disabled", "-", "never", "line", "break", "[31m"]);
    assert_eq!(lines[3], ["opsonexx", "ops", "active", "-", "never"]);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains("sha256"));
}

#[test]
fn the_list_is_json_for_programs() {
    let home = Home::with_keys();
    home.run(&["keys", "new", "ops", "--note", "a \"note\""]).good();
    let list: serde_json::Value = serde_json::from_str(home.run(&["keys", "list", "--json"]).good()).unwrap();
    let keys = list.as_array().unwrap();
    assert_eq!(keys.len(), 4);
    assert_eq!((&keys[0]["id"], &keys[0]["client"]), (&"agentone".into(), &"agent".into()));
    assert_eq!((&keys[0]["state"], &keys[0]["expires_at"]), (&"active".into(), &"2099-01-01T00:00:00Z".into()));
    assert_eq!(keys[3]["note"], "a \"note\"");
    assert!(keys[3]["created_at"].as_str().unwrap().ends_with('Z') && keys[3]["expires_at"].is_null());
}

#[test]
fn the_list_says_what_limits_a_client() {
    let home = Home::with_keys();
    let limits = "[[client]]\nid = \"phone\"\nrate = \"60/min\"\nburst = 9\ncost.a = 2\nmax_streams = 4\n\
                  allow_from = [\"::1\", \"10.0.0.0/8\"]\n[client.tool.a]\nrate = \"1/day\"\nburst = 2";
    home.write("keys.toml", &format!("{KEYS}\n{limits}\n"));
    home.run(&["keys", "new", "phone"]).good();
    let list: serde_json::Value = serde_json::from_str(home.run(&["keys", "list", "--json"]).good()).unwrap();
    let expected = serde_json::json!({
        "rate": "60/min",
        "burst": 9,
        "cost": {"a": 2},
        "tool": {"a": {"rate": "1/day", "burst": 2}},
        "max_streams": 4,
        "allow_from": ["::1", "10.0.0.0/8"],
    });
    assert_eq!((&list[0]["limits"], &list[3]["limits"]), (&serde_json::json!({}), &expected));
}

#[test]
fn a_key_says_whose_it_is_and_exits_0_only_if_it_works() {
    let home = Home::with_keys();
    let key = home.run(&["keys", "new", "agent"]).good().to_owned();
    let later = home.run(&["keys", "new", "agent", "--not-before", "10d"]).good().to_owned();
    assert!(home.run_with(&key, &["keys", "verify"]).good().ends_with(", active"));
    let id = key.split('_').nth(1).unwrap();
    home.run(&["keys", "revoke", id]).good();
    for (key, words) in [(&key, ", disabled"), (&later, ", not_yet_valid, works from 2")] {
        let ran = home.run_with(key, &["keys", "verify"]);
        assert!(ran.code == 64 && ran.stdout.contains(words), "{ran:?}");
    }
}

#[test]
fn a_key_that_nobody_has_says_what_it_looks_like() {
    let (home, other) = (Home::with_keys(), Home::with_keys());
    let key = other.run(&["keys", "new", "agent"]).good().to_owned();
    let id = key.split('_').nth(1).unwrap();
    let typo = format!("{}{}", &key[..key.len() - 1], if key.ends_with('a') { 'b' } else { 'a' });
    home.run_with(&key, &["keys", "verify"]).refused(64, &format!("its id is `{id}`"));
    home.run_with(&typo, &["keys", "verify"]).refused(64, "a character is missing or mistyped");
    // whoever wrote its digest into the file by hand learns that it does not work
    home.write(
        "keys.toml",
        &format!("{KEYS}[[client.key]]\nid = \"byhand00\"\ndigest = \"{}\"\n", KeyDigest::of(typo.as_bytes())),
    );
    home.run_with(&typo, &["keys", "verify"]).refused(64, "refused before it is looked for");
    home.run_with("something-else", &["keys", "verify"]).refused(64, "not made by a gateway");
    home.write("keys.toml", &KEYS.replace("opsonexx", id));
    home.run_with(&key, &["keys", "verify"]).refused(64, "but with another secret");
}
