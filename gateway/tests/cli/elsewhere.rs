//! `--config FILE` is an argument of every command, before it or behind it, in whatever directory one stands: what stands in
//! the file is relative to the file.

use crate::home::{BINARY, Home, Ran, ended, free};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Files in one directory, and somebody who stands in another one.
struct Elsewhere {
    home: Home,
    here: tempfile::TempDir,
}

impl Elsewhere {
    fn new() -> Self {
        let (home, here) = (Home::complete(), tempfile::tempdir().unwrap());
        let settings = format!(
            "[listen]\npublic = \"127.0.0.1:0\"\nadmin = \"{}\"\n[keys]\nfile = \"../{}/keys.toml\"\n\
            [audit]\noutput = \"audit.jsonl\"\n[upstream]\nurl = \"unix:backend.sock\"",
            free(),
            home.path().file_name().unwrap().to_str().unwrap()
        );
        home.write("gateway.toml", &settings);
        Self { home, here }
    }

    /// The settings file, as it can be named from here.
    fn names(&self) -> [PathBuf; 2] {
        let beside = PathBuf::from("..").join(self.home.path().file_name().unwrap());
        [self.home.path(), &beside].map(|directory| directory.join("gateway.toml"))
    }

    fn start(&self, before: bool, file: &PathBuf, arguments: &[&str]) -> Child {
        let mut command = Command::new(BINARY);
        if before {
            command.arg("--config").arg(file).args(arguments);
        } else {
            command.args(arguments).arg("--config").arg(file);
        }
        command.current_dir(self.here.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs a command in each way in which it can be told of the file.
    fn each(&self, arguments: &[&str], stdin: &str, look: impl Fn(Ran)) {
        for (before, file) in [true, false].into_iter().flat_map(|before| self.names().map(|file| (before, file))) {
            let mut child = self.start(before, &file, arguments);
            // a command that does not read its input may have closed it
            let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
            look(ended(child));
        }
        let left: Vec<_> = std::fs::read_dir(self.here.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{arguments:?} left something where it was run: {left:?}");
    }
}

#[test]
fn every_command_finds_what_the_settings_name() {
    let elsewhere = Elsewhere::new();
    let key = elsewhere.home.run(&["keys", "new", "ops"]).good().to_owned();
    elsewhere.each(&["check"], "", |ran| assert!(ran.good().contains(": ok (clients: 2; keys: 4"), "{ran:?}"));
    elsewhere.each(&["keys", "list"], "", |ran| assert!(ran.good().contains("agentone"), "{ran:?}"));
    elsewhere.each(&["keys", "verify"], &key, |ran| assert!(ran.good().ends_with(", active"), "{ran:?}"));
    elsewhere.each(&["explain", "--client", "agent", "--tool", "get_alerts"], "", |ran| {
        assert!(ran.good().starts_with("allow "), "{ran:?}");
    });
    elsewhere.each(&["healthcheck"], "", |ran| ran.refused(1, "no answer from the admin port"));
    for arguments in [&["keys", "new", "agent"][..], &["keys", "rotate", "ops"], &["keys", "revoke", "agent"]] {
        let keys = elsewhere.home.read("keys.toml");
        elsewhere.each(arguments, "", |ran| assert!(ran.good().len() < 80));
        assert_ne!(elsewhere.home.read("keys.toml"), keys, "{arguments:?}");
    }
}

#[test]
fn serve_finds_its_files_as_well() {
    let elsewhere = Elsewhere::new();
    for file in elsewhere.names() {
        let mut gateway = elsewhere.start(false, &file, &["serve"]);
        let mut log = BufReader::new(gateway.stderr.take().unwrap()).lines();
        assert!(log.by_ref().map_while(Result::ok).any(|line| line.contains("ready")));
        kill_process(Pid::from_child(&gateway), Signal::TERM).unwrap();
        log.by_ref().map_while(Result::ok).for_each(drop);
        assert_eq!(ended(gateway).code, 0);
    }
    assert!(elsewhere.home.exists("audit.jsonl"));
    assert_eq!(std::fs::read_dir(elsewhere.here.path()).unwrap().count(), 0);
}
