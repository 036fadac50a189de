//! `keys rotate`: a new key at once, the older ones until the overlap ends, and none longer than before.

use crate::home::{Home, KEYS};
use gateway::access::{KeyRow, KeyState};
use std::time::{Duration, SystemTime};

fn row(home: &Home, id: &str) -> KeyRow {
    home.access().keys().find(|(_, key)| key.id().as_str() == id).unwrap().1.row().clone()
}

fn days_left(row: &KeyRow) -> u64 {
    let left = row.expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
    (left + Duration::from_secs(60)).as_secs() / 86_400
}

#[test]
fn older_keys_end_with_the_overlap_and_other_clients_are_left_alone() {
    let home = Home::with_keys();
    let ran = home.run(&["keys", "rotate", "agent", "--overlap", "3d"]);
    let key = ran.good().to_owned();
    assert_eq!((days_left(&row(&home, "agentone")), days_left(&row(&home, "agenttwo"))), (3, 3));
    assert_eq!(row(&home, "opsonexx").expires_at, None);
    assert!(home.read("keys.toml").contains("# far away"), "a comment behind a changed value stays");
    assert!(home.run_with(&key, &["keys", "verify"]).good().starts_with("client agent, key "));
    assert!(ran.stderr.contains("key agentone ends ") && ran.stderr.contains("key agenttwo ends "), "{}", ran.stderr);
}

#[test]
fn a_key_never_ends_later_than_it_did() {
    let home = Home::with_keys();
    home.run(&["keys", "rotate", "agent", "--overlap", "2100-01-01"]).good();
    let text = home.read("keys.toml");
    assert!(text.contains("expires_at = 2099-01-01T00:00:00Z # far away"), "{text}");
    assert!(text.contains("expires_at = 2100-01-01T00:00:00Z"), "one that never ended does now");
}

#[test]
fn the_overlap_is_seven_days_and_may_be_none() {
    let home = Home::with_keys();
    home.run(&["keys", "rotate", "agent"]).good();
    assert_eq!(days_left(&row(&home, "agenttwo")), 7);
    home.run(&["keys", "rotate", "ops", "--overlap", "0s"]).good();
    assert_eq!(row(&home, "opsonexx").state(SystemTime::now()), KeyState::Expired);
}

#[test]
fn what_cannot_be_rotated_is_refused() {
    let home = Home::with_keys();
    home.run(&["keys", "rotate", "agnet"]).refused(64, "did you mean `agent`?");
    home.run(&["keys", "rotate", "agent", "--overlap", "2001-01-01"]).refused(64, "--overlap lies in the past");
    home.run(&["keys", "rotate", "agent", "--overlap", "soon"]).refused(64, "--overlap must be");
    assert_eq!(home.read("keys.toml"), KEYS);
}
