//! `check`: everything that `serve` would read, every fault with its place, before it is deployed.

use crate::home::{Home, KEYS, ended};
use serde_json::Value;

fn json(home: &Home, arguments: &[&str]) -> (i32, Value) {
    let ran = home.run(&[&["check", "--json"], arguments].concat());
    (ran.code, serde_json::from_str(&ran.stdout).unwrap())
}

#[test]
fn good_files_are_exit_0() {
    let home = Home::complete();
    let ran = home.run(&["check"]);
    assert!(ran.good().starts_with("gateway.toml: ok (clients: 2; keys: 3, active 3; certificate until 2"), "{ran:?}");
    assert_eq!((&*ran.stderr, ran.as_root), ("", rustix::process::geteuid().is_root()));
    assert!(ran.stdout.contains("\nsandbox: ") && ran.stdout.contains(" at most "), "{ran:?}");
    let (code, found) = json(&home, &[]);
    assert_eq!((code, &found["ok"], &found["clients"], &found["keys"]["all"]), (0, &true.into(), &2.into(), &3.into()));
    assert_eq!(found["certificate"]["names"], serde_json::json!(["localhost", "127.0.0.1", "::1"]));
}

#[test]
fn every_fault_is_exit_64_with_its_place() {
    let home = Home::complete();
    for (file, text, sentence) in [
        (
            "gateway.toml",
            "[tls]\ncertficate = \"a\"",
            "gateway.toml:2:1: unknown member `certficate` in [tls]; did you mean `certificate`?",
        ),
        ("gateway.toml", "[listen]\npublic = 8443", "gateway.toml:2:10: `listen.public` is an integer"),
        (
            "gateway.toml",
            "[audit]\noutput = \"none/audit.jsonl\"",
            "gateway.toml: `audit.output`: there is no directory none; make it",
        ),
        (
            "gateway.toml",
            "[audit]\noutput = \".\"",
            "gateway.toml: `audit.output`: . is a directory; name a file in it",
        ),
        (
            "keys.toml",
            "[[client]]\nid = \"a\"\nkey = \"secret\"",
            "keys.toml:3:7: a key itself never stands in this file",
        ),
        ("keys.toml", "[[client]]\nid = \"a\"\n\0", "keys.toml:3:1: a NUL byte"),
        ("server.key", "nothing", "server.key: holds no private key"),
        ("server.pem", "nothing", "server.pem: holds no certificate"),
    ] {
        let good = home.read(file);
        home.write(file, text);
        let ran = home.run(&["check"]);
        ran.refused(64, sentence);
        let (code, found) = json(&home, &[]);
        let (whole, error) = (sentence.split_once(": ").unwrap(), &found["errors"][0]);
        assert_eq!((code, &found["ok"]), (64, &false.into()));
        assert!(error["message"].as_str().unwrap().starts_with(whole.1), "{error}");
        let mut place = whole.0.split(':').skip(1).map(|n| n.parse::<u64>().unwrap());
        assert_eq!((error["line"].as_u64(), error["column"].as_u64()), (place.next(), place.next()), "{error}");
        home.write(file, &good);
    }
}

#[test]
fn one_fault_does_not_hide_another() {
    let home = Home::complete();
    home.write("keys.toml", "[[client]]\nid = 5");
    home.write("server.key", "");
    let ran = home.run(&["check"]);
    ran.refused(64, "keys.toml:2:6: ");
    ran.refused(64, "server.key: holds no private key");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (home, other) = (Home::complete(), Home::complete());
    std::fs::copy(other.file("server.key"), home.file("server.key")).unwrap();
    home.run(&["check"]).refused(64, "server.key: does not belong to the first certificate in server.pem");
}

#[test]
fn a_certificate_that_is_over_is_refused_and_one_that_ends_soon_a_warning() {
    let home = Home::complete();
    home.run(&["certs", "new", "--out", ".", "--days", "10"]).good();
    let ran = home.run(&["check"]);
    ran.good();
    assert!(ran.stderr.contains("warning: server.pem: the certificate ends in 9d"), "{}", ran.stderr);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    home.write("server.pem", &params.self_signed(&key).unwrap().pem());
    home.write("server.key", &key.serialize_pem());
    home.run(&["check"]).refused(64, "it runs from 1975-01-01T00:00:00Z to 2021-01-01T00:00:00Z");
    home.run(&["serve"]).refused(64, "2021-01-01");
}

/// A pipe that nobody writes to, and a device that never ends.
#[test]
fn what_is_no_file_is_refused_at_once() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let home = Home::complete();
    home.write("gateway.toml", "[tls]\nclient_auth = \"optional\"\nclient_ca = \"ca.pem\"");
    home.run(&["check"]).good();
    for file in ["keys.toml", "server.pem", "server.key", "ca.pem"] {
        let good = home.read(file);
        let sentence = format!("{file}: cannot be read: it is a pipe, a socket or a device; name a file");
        for endless in [false, true] {
            std::fs::remove_file(home.file(file)).unwrap();
            if endless {
                std::os::unix::fs::symlink("/dev/zero", home.file(file)).unwrap();
            } else {
                mknodat(CWD, home.file(file), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            }
            for command in ["check", "serve"] {
                home.run(&[command]).refused(64, &sentence);
            }
        }
        std::fs::remove_file(home.file(file)).unwrap();
        home.write(file, &good);
    }
    home.run(&["check"]).good();
}

/// Such a file is written by somebody, who could else have each look at it take seconds.
#[test]
fn digests_that_were_made_up_are_refused() {
    let home = Home::complete();
    let mut keys = "[[client]]\nid = \"many\"\ntools = \"all\"\n".to_owned();
    for number in 0..10_000 {
        keys += &format!("[[client.key]]\nid = \"k{number:09}\"\ndigest = \"sha256:{:016x}{number:048x}\"\n", 7);
    }
    home.write("keys.toml", &keys);
    let sentence =
        "keys.toml:57:10: the digest of key `k000000017` begins like those of more keys than chance ever makes";
    home.run(&["check"]).refused(64, sentence);
}

#[test]
fn what_is_unwise_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::complete();
    home.write(
        "gateway.toml",
        "[listen]\npublic_hosts = [\"mcp.example.com\", \"localhost\"]\n[upstream]\ntools = [\"get_alert\"]\n[limits]\nmax_held = \"1MiB\"",
    );
    let keys = format!("{KEYS}\n[[client]]\nid = \"idle\"\n").replace("2099-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
    home.write("keys.toml", &keys);
    home.run(&["keys", "new", "agent", "--expires", "5d"]).good();
    for file in ["keys.toml", "server.key"] {
        std::fs::set_permissions(home.file(file), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let ran = home.run(&["check"]);
    ran.good();
    for words in [
        "keys.toml: every user of this machine may read it; chmod 0640",
        "keys.toml: client `agent` may call `get_alerts`, which is not among upstream.tools; did you mean `get_alert`?",
        "of client `agent` ends in 4d; `gateway keys rotate agent` makes the next",
        "keys.toml: client `idle` may call no tool",
        "keys.toml: client `idle` has no key that works",
        "server.pem: the certificate is not for `mcp.example.com`, which listen.public_hosts names",
        "server.key: every user of this machine may read the private key; chmod 0600",
        "gateway.toml: limits.max_body is larger than limits.max_held, so clients that may not do everything are refused bodies",
    ] {
        assert!(
            ran.stderr.lines().any(|line| line.starts_with("warning: ") && line.contains(words)),
            "{words}\n{}",
            ran.stderr
        );
    }
    assert_eq!(ran.stderr.lines().count(), 8, "{}", ran.stderr);
    let warnings = json(&home, &[]).1["warnings"].as_array().unwrap().len();
    assert_eq!(warnings, 8 + usize::from(rustix::process::geteuid().is_root()));
}

#[test]
fn a_limit_for_a_tool_that_cannot_be_called_is_a_warning() {
    let home = Home::complete();
    let limits = "rate = \"5/s\"\ncost.get_alert = 2\ncost.get_alerts = 3\n";
    home.write("keys.toml", &KEYS.replacen("[[client.key]]", &format!("{limits}[[client.key]]"), 1));
    let ran = home.run(&["check"]);
    ran.good();
    let warning = "warning: keys.toml: client `agent` has a limit or a cost for `get_alert`, which it cannot call";
    assert_eq!(ran.stderr.lines().collect::<Vec<_>>(), [warning]);
}

#[test]
fn proxies_that_cannot_be_told_from_clients_are_a_warning() {
    let home = Home::complete();
    let settings = "[listen]\nplaintext = \"127.0.0.1:8080\"\n";
    home.write("gateway.toml", &format!("{settings}trusted_proxies = [\"10.0.0.0/8\", \"::/0\"]"));
    let ran = home.run(&["check"]);
    ran.good();
    let lines: Vec<_> = ran.stderr.lines().collect();
    let [everybody, plaintext] = &lines[..] else { panic!("{lines:?}") };
    assert!(everybody.starts_with("warning: gateway.toml: listen.trusted_proxies has `::/0`, "), "{everybody}");
    assert!(
        plaintext.starts_with("warning: gateway.toml: `127.0.0.1` is not among listen.trusted_proxies"),
        "{plaintext}"
    );
    home.write("gateway.toml", &format!("{settings}trusted_proxies = [\"127.0.0.1\"]"));
    assert_eq!(home.run(&["check"]).stderr, "");
}

#[test]
fn against_an_older_file_it_says_who_loses_and_gains() {
    let home = Home::complete();
    home.write("old.toml", KEYS);
    assert!(home.run(&["check", "--against", "old.toml"]).good().starts_with("nobody loses or gains access\n"));
    home.run(&["keys", "revoke", "agentone"]).good();
    let new = home.run(&["keys", "new", "phone", "--tools", "all"]).good().to_owned();
    let id = new.split('_').nth(1).unwrap();
    let ran = home.run(&["check", "--against", "old.toml"]);
    let lines: Vec<&str> = ran.good().lines().collect();
    let key = format!("+ client phone, key {id}: the key is new");
    assert_eq!(
        lines[..3],
        ["+ client phone: the client is new", "- client agent, key agentone: the key is disabled", &key]
    );
    let (_, found) = json(&home, &["--against", "old.toml"]);
    assert_eq!(
        found["changes"][1],
        serde_json::json!({"effect": "loses", "client": "agent", "key": "agentone", "why": "the key is disabled"})
    );
    home.write("old.toml", "[[client]]\nid = 5");
    home.run(&["check", "--against", "old.toml"]).refused(64, "old.toml:2:6: ");
    home.run(&["check", "--against", "none.toml"]).refused(64, "none.toml: there is no such file");
}

#[test]
fn an_upstream_authority_is_read() {
    let home = Home::complete();
    home.write("gateway.toml", "[upstream]\nurl = \"https://mcp.example.com\"\nallow_remote = true\nca = \"up.pem\"");
    home.run(&["check"]).refused(64, "up.pem: cannot be read");
    home.write("up.pem", "nothing");
    home.run(&["check"]).refused(64, "up.pem: holds no certificate");
    std::fs::copy(home.file("ca.pem"), home.file("up.pem")).unwrap();
    home.run(&["check"]).good();
}

#[test]
fn roles_are_checked_against_clients_and_tools() {
    let home = Home::complete();
    home.write("gateway.toml", "[upstream]\ntools = [\"get_alerts\", \"get_forecast\"]");
    let roles = "[role.used]\ntools = [\"get_*\", \"get_alert\", \"set_*\"]\n[role.idle]\ntools.deny = [\"x\"]\n";
    let keys = KEYS.replace("tools = [\"get_alerts\"]", "roles = [\"used\"]");
    home.write("keys.toml", &format!("{roles}{keys}"));
    let ran = home.run(&["check"]);
    ran.good();
    let expected = [
        "warning: keys.toml: role `used` may call `get_alert`, which is not among upstream.tools; did you mean `get_alerts`?",
        "warning: keys.toml: role `used` may call `set_*`, and none of upstream.tools is like that",
        "warning: keys.toml: role `idle` is of no client; give it to one, or remove it",
        "warning: keys.toml: role `idle` denies `x`, which is not among upstream.tools",
    ];
    assert_eq!(ran.stderr.lines().collect::<Vec<_>>(), expected);
    home.write("keys.toml", &format!("{roles}{}", KEYS.replace("tools = [\"get_alerts\"]", "roles = [\"usde\"]")));
    home.run(&["check"])
        .refused(64, "keys.toml:9:10: `client.roles` names a role that is not in this file; did you mean `used`?");
}

#[test]
fn the_session_secret_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::complete();
    home.write("gateway.toml", "[keys]\nsession_secret_file = \"session\"");
    for command in ["check", "serve"] {
        let _ = std::fs::remove_file(home.file("session"));
        home.run(&[command]).refused(64, "session: there is no such file");
        home.write("session", "too-short-S3cr3t");
        let ran = home.run(&[command]);
        ran.refused(64, "session: a session secret has 32 to 4096 bytes");
        assert!(!ran.stderr.contains("S3cr3t"), "{ran:?}");
    }
    home.write("session", &"x".repeat(32));
    let ran = home.run(&["check"]);
    ran.good();
    assert_eq!(ran.stderr, "");
    std::fs::set_permissions(home.file("session"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(home.run(&["check"]).stderr.contains("session: every user of this machine may read the session secret"));
}

#[test]
fn a_platform_without_authorities_is_said() {
    let home = Home::complete();
    home.write("gateway.toml", "[upstream]\nurl = \"https://mcp.example.com\"\nallow_remote = true");
    home.write("none.pem", "");
    for command in ["check", "serve"] {
        let ran = ended(home.command(&[command]).env_clear().env("SSL_CERT_FILE", "none.pem").spawn().unwrap());
        ran.refused(64, "no certificates of authorities to check an https:// upstream against");
    }
    let ran = ended(home.command(&["check"]).env_clear().env("SSL_CERT_FILE", "ca.pem").spawn().unwrap());
    ran.good();
}

#[test]
fn clients_authorities_are_read() {
    let home = Home::complete();
    home.write("gateway.toml", "[tls]\nclient_auth = \"required\"\nclient_ca = \"clients.pem\"");
    home.run(&["check"]).refused(64, "clients.pem: cannot be read");
    home.write("clients.pem", "nothing");
    home.run(&["check"]).refused(64, "clients.pem: holds no certificate");
    std::fs::copy(home.file("server.pem"), home.file("clients.pem")).unwrap();
    home.run(&["check"]).refused(64, "clients.pem: its certificate number 1 is no authority");
    home.run(&["serve"]).refused(64, "clients.pem: its certificate number 1 is no authority");
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let old = params.self_signed(&key).unwrap().pem();
    home.write("clients.pem", &format!("{}{old}", home.read("ca.pem")));
    let ran = home.run(&["check"]);
    ran.good();
    assert!(ran.stderr.contains("warning: clients.pem: an authority's certificate ends"), "{}", ran.stderr);
}
