//! `keys new` and `keys hash`: a key is printed once, alone, and only its digest is kept.

use crate::home::{Home, KEYS};
use gateway::access::secret::{Form, Secret};
use gateway::access::{KeyDigest, KeyState, Policy, ToolSet};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

#[test]
fn a_new_key_is_alone_on_standard_output_and_its_digest_in_the_file() {
    let home = Home::with_keys();
    let ran = home.run(&["keys", "new", "agent", "--expires", "90d", "--note", "for the phone"]);
    let key = ran.good();
    let Form::Ours { id } = Secret::read(key.as_bytes()) else { panic!("{key}") };
    assert_eq!(ran.stdout, format!("{key}\n"));
    assert!(!ran.stderr.contains(key) && ran.stderr.contains(id), "{}", ran.stderr);
    let text = home.read("keys.toml");
    assert!(!text.contains(key) && text.contains(&KeyDigest::of(key.as_bytes()).to_string()));
    assert!(text.contains("note = \"for the phone\"") && text.contains("# the first"));
    let access = home.access();
    let (client, found) = access.keys().find(|(_, key)| key.id().as_str() == id).unwrap();
    let left = found.row().expires_at.unwrap().duration_since(SystemTime::now()).unwrap();
    assert_eq!(client.id().as_str(), "agent");
    assert!((89..=90).contains(&(left.as_secs() / 86_400)), "{left:?}");
    assert_eq!(home.run_with(key, &["keys", "verify"]).code, 0);
}

#[test]
fn an_unknown_client_is_made_only_if_that_is_said() {
    let home = Home::with_keys();
    home.run(&["keys", "new", "agnet"]).refused(64, "did you mean `agent`?");
    home.run(&["keys", "new", "phone"]).refused(64, "add --tools all");
    assert_eq!(home.read("keys.toml"), KEYS);
    home.run(&["keys", "new", "phone", "--tools", "get_alerts, get_forecast"]).good();
    let access = home.access();
    let phone = access.clients().iter().find(|client| client.id().as_str() == "phone").unwrap();
    let tools = ToolSet::Only(["get_alerts".into(), "get_forecast".into()].into());
    assert_eq!(*phone.policy(), Policy::from(&tools));
    home.run(&["keys", "new", "phone", "--tools", "get_forecast,get_alerts"]).good();
    home.run(&["keys", "new", "phone", "--tools", "all"]).refused(64, "exists with other tools");
}

#[test]
fn a_file_that_does_not_exist_is_made_for_its_group_to_read() {
    let home = Home::empty();
    home.run(&["keys", "new", "agent"]).refused(64, "there is no client `agent`");
    assert!(!home.exists("keys.toml") && !home.exists("keys.toml.lock"));
    home.run(&["keys", "new", "agent", "--tools", "all"]).good();
    let mode = std::fs::metadata(home.file("keys.toml")).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode, home.access().keys().count()), (0o640, 1));
}

#[test]
fn the_keys_file_can_be_named() {
    let home = Home::empty();
    home.write("gateway.toml", "this is broken");
    home.run(&["keys", "new", "agent", "--tools", "all", "--keys", "other.toml"]).good();
    assert!(home.run(&["keys", "list", "--keys", "other.toml"]).good().contains("agent"));
}

#[test]
fn dates_that_make_no_sense_are_refused() {
    let home = Home::with_keys();
    for (arguments, words) in [
        (&["--expires", "tomorrow"][..], "--expires must be a length of time from now such as 90d"),
        (&["--expires", "2001-01-01"], "--expires lies in the past"),
        (&["--expires", "0s"], "--expires lies in the past"),
        (&["--expires", "10d", "--not-before", "11d"], "before --not-before"),
        (&["--not-before", "2027-01-01T00:00:00"], "--not-before must be"),
        (&["--tools", ""], "--tools is `all`, or tool names"),
    ] {
        home.run(&[&["keys", "new", "agent"], arguments].concat()).refused(64, words);
    }
    home.run(&["keys", "new", "a b"]).refused(64, "a client id is");
    assert_eq!(home.read("keys.toml"), KEYS);
}

#[test]
fn a_tool_that_the_settings_do_not_know_is_a_warning() {
    let home = Home::with_keys();
    home.write("gateway.toml", "[upstream]\ntools = [\"get_alerts\"]");
    let ran = home.run(&["keys", "new", "phone", "--tools", "get_alerts,get_alert"]);
    ran.good();
    assert!(ran.stderr.contains("warning: tool `get_alert` is not among upstream.tools"), "{}", ran.stderr);
}

#[test]
fn an_imported_key_works_and_is_not_repeated() {
    let home = Home::with_keys();
    let key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let ran = home.run_with(&format!("{key}\n"), &["keys", "hash", "ops", "--not-before", "2020-01-01"]);
    let id = ran.good().to_owned();
    assert!(!ran.stderr.contains(key) && !home.read("keys.toml").contains(key));
    let verified = home.run_with(key, &["keys", "verify"]);
    assert!(verified.good().starts_with(&format!("client ops, key {id}, active")), "{verified:?}");
    home.run_with(key, &["keys", "hash", "agent"]).refused(64, &format!("`{id}` of client `ops`"));
}

#[test]
fn a_key_of_another_gateway_keeps_its_id() {
    let (one, other) = (Home::with_keys(), Home::with_keys());
    let key = one.run(&["keys", "new", "agent"]).good().to_owned();
    let Form::Ours { id } = Secret::read(key.as_bytes()) else { panic!("{key}") };
    assert_eq!(other.run_with(&key, &["keys", "hash", "ops"]).good(), id);
}

#[test]
fn without_a_client_the_digest_is_printed_and_nothing_stored() {
    let home = Home::with_keys();
    let key = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let digest = KeyDigest::of(key.as_bytes()).to_string();
    assert_eq!(home.run_with(key, &["keys", "hash"]).good(), digest);
    assert_eq!(home.read("keys.toml"), KEYS);
    home.run_with(key, &["keys", "hash", "--expires", "90d"]).refused(64, "without CLIENT nothing is stored");
}

#[test]
fn a_weak_or_published_key_is_not_imported() {
    let home = Home::with_keys();
    for (key, words) in [
        ("hunter2", "bits of entropy, fewer than 128"),
        ("your-secure-api-key-change-this", "published tutorial"),
        ("SuperSecureSecretUsedAsApiKey1\n", "published tutorial"),
        ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "about 122 bits"),
        ("", "no key on standard input"),
        ("two words", "one line of visible ASCII"),
        ("mcpgw_abcdefgh_0123456789", "its checksum is wrong"),
        // strong, and of nobody's form: imported, it would never work
        (
            "mcpgw_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "if it was made elsewhere, it cannot be used",
        ),
        (&"x".repeat(100_000), "longer than 512"),
    ] {
        let ran = home.run_with(key, &["keys", "hash", "agent"]);
        ran.refused(64, words);
        assert!(key.len() < 5 || !ran.stderr.contains(key.trim()), "{ran:?}");
    }
    assert_eq!(home.read("keys.toml"), KEYS);
}

#[test]
fn a_key_that_nobody_can_read_is_reported() {
    let home = Home::with_keys();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = crate::home::ended(home.command(&["keys", "new", "agent"]).stdout(full).spawn().unwrap());
    assert_eq!(ran.code, 1);
    let id = ran.stderr.split("gateway keys revoke ").nth(1).unwrap().trim().to_owned();
    home.run(&["keys", "revoke", &id]).good();
    let access = home.access();
    let (_, key) = access.keys().find(|(_, key)| key.id().as_str() == id).unwrap();
    assert_eq!(key.row().state(SystemTime::now() + Duration::from_secs(1)), KeyState::Disabled);
}

#[test]
fn a_broken_file_is_said_with_its_place_and_left_alone() {
    let home = Home::with_keys();
    let broken = KEYS.replace("tools = \"all\"", "tolls = \"all\"");
    home.write("keys.toml", &broken);
    let place = "keys.toml:19:1: unknown member `tolls` in [client]; did you mean `tools`?";
    for arguments in
        [&["keys", "new", "agent"][..], &["keys", "rotate", "agent"], &["keys", "revoke", "agent"], &["keys", "list"]]
    {
        home.run(arguments).refused(64, place);
    }
    assert_eq!(home.read("keys.toml"), broken);
}

#[test]
fn commands_at_once_lose_nothing() {
    let home = Home::with_keys();
    std::thread::scope(|scope| {
        for client in ["agent", "ops"] {
            let home = &home;
            scope.spawn(move || (0..10).for_each(|_| assert_eq!(home.run(&["keys", "new", client]).code, 0)));
        }
    });
    let access = home.access();
    let count = |id| access.keys().filter(|(client, _)| client.id().as_str() == id).count();
    assert_eq!((count("agent"), count("ops")), (2 + 10, 1 + 10));
}
