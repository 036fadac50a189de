//! Arguments: help and version are no failures; anything wrong is exit 64, and a secret is never repeated.

use crate::home::{BINARY, Home, ended};
use std::process::{Command, Stdio};

const COMMANDS: [&[&str]; 14] = [
    &[],
    &["serve"],
    &["check"],
    &["certs"],
    &["certs", "new"],
    &["explain"],
    &["healthcheck"],
    &["keys"],
    &["keys", "new"],
    &["keys", "hash"],
    &["keys", "rotate"],
    &["keys", "revoke"],
    &["keys", "list"],
    &["keys", "verify"],
];

#[test]
fn every_help_is_exit_0_and_shows_examples() {
    let home = Home::empty();
    for command in COMMANDS {
        let ran = home.run(&[command, &["--help"]].concat());
        assert!(ran.good().contains("Examples:\n  "), "{command:?}");
    }
    assert!(home.run(&["--version"]).good().starts_with("gateway "));
}

#[test]
fn wrong_arguments_are_exit_64() {
    let home = Home::empty();
    for arguments in [
        &[][..],
        &["sevre"],
        &["serve", "extra"],
        &["keys"],
        &["keys", "new"],
        &["keys", "hash", "--tools", "all"],
        &["certs", "new"],
        &["check", "--colour"],
    ] {
        home.run(arguments).refused(64, "Usage: gateway");
    }
    home.run(&["certs", "new", "--out", ".", "--days", "0"]).refused(64, "0 is not in 1..=3650");
}

#[test]
fn a_key_among_the_arguments_is_refused_and_not_repeated() {
    let home = Home::with_keys();
    let key = "mcpgw_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyz0123456789abcde";
    for arguments in [&["keys", "verify", key][..], &["keys", "hash", key], &["keys", "new", "agent", "--note", key]] {
        let ran = home.run(arguments);
        ran.refused(64, "hand keys over on standard input");
        assert!(!ran.stderr.contains("0123456789abcdef"), "{ran:?}");
    }
}

#[test]
fn the_default_settings_are_config_gateway_toml() {
    let home = Home::empty();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        command.args(arguments).current_dir(home.path()).stdin(Stdio::null());
        ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    run(&["check"]).refused(64, "config/gateway.toml: there is no such file");
    std::fs::create_dir(home.file("config")).unwrap();
    home.write("config/gateway.toml", "workers = 0");
    run(&["check"]).refused(64, "config/gateway.toml:1:11: ");
    run(&["keys", "list"]).refused(64, "config/gateway.toml:1:11: ");
    run(&["healthcheck"]).refused(64, "config/gateway.toml:1:11: ");
    run(&["serve"]).refused(64, "config/gateway.toml:1:11: ");
}

#[test]
fn serve_tells_your_fault_from_ours() {
    let home = Home::empty();
    home.run(&["serve"])
        .refused(64, "server.pem: cannot be read: No such file or directory (os error 2); `gateway certs new");
    home.run(&["certs", "new", "--out", "."]).good();
    home.run(&["serve"]).refused(64, "keys.toml: there is no such file; `gateway keys new");
    home.write("keys.toml", "");
    home.run(&["serve"]).refused(64, "keys.toml: names no client");
}
