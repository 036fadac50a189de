//! A command that is killed anywhere leaves the old file or the new one, never a part of either.

use crate::home::{BINARY, Home, ended};
use rustix::process::Signal;
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A file that takes more than one write.
fn home() -> Home {
    let home = Home::empty();
    let mut text = String::from("[[client]]\nid = \"agent\"\ntools = \"all\"\n");
    for n in 0..500 {
        let digest = gateway::access::KeyDigest::of(&[n as u8, (n >> 8) as u8]);
        writeln!(text, "\n[[client.key]]\nid = \"key{n:05}\"\ndigest = \"{digest}\"").unwrap();
    }
    home.write("keys.toml", &text);
    home
}

/// `keys new` where no file may have more than 8 KiB, which is a fifth of what has to be written. Beyond that the kernel
/// ends the process in the middle of its write, or, where it `goes_on`, the write fails as on a full disk.
fn limited(home: &Home, goes_on: bool) -> Child {
    let trap = if goes_on { "trap '' XFSZ; " } else { "" };
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("{trap}ulimit -f 16; exec \"$@\""), "sh", BINARY]);
    command.args(["--config", "gateway.toml", "keys", "new", "agent"]).current_dir(home.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn an_edit_that_is_killed_in_the_middle_of_its_write_leaves_the_old_file() {
    let home = home();
    let text = home.read("keys.toml");
    let output = limited(&home, false).wait_with_output().unwrap();
    assert_eq!((output.status.signal(), &*output.stdout), (Some(Signal::XFSZ.as_raw()), &b""[..]), "{output:?}");
    let half = std::fs::metadata(home.file(".keys.toml.tmp")).expect("what it had written").len();
    assert!(half > 0 && half < text.len() as u64, "{half}");
    assert_eq!(home.read("keys.toml"), text);
    // neither that nor the lock is in the way of the next
    home.run(&["keys", "new", "agent"]).good();
    assert_eq!(home.access().keys().count(), 501);
    assert!(!home.exists(".keys.toml.tmp") && !home.exists("keys.toml.lock"));
}

#[test]
fn an_edit_for_which_the_disk_has_no_room_leaves_the_old_file_and_no_other() {
    let home = home();
    let text = home.read("keys.toml");
    let ran = ended(limited(&home, true));
    ran.refused(1, ".keys.toml.tmp: File too large");
    assert_eq!(home.read("keys.toml"), text);
    assert!(!home.exists(".keys.toml.tmp") && !home.exists("keys.toml.lock"));
}

#[test]
fn a_killed_edit_leaves_the_old_file_or_the_new_one() {
    let home = home();
    let begin = Instant::now();
    home.run(&["keys", "new", "agent"]).good();
    let whole = begin.elapsed();
    let mut before = home.access().keys().count();
    for step in 0..24 {
        let mut child = home.command(&["keys", "new", "agent"]).spawn().unwrap();
        std::thread::sleep(whole * step / 24); // where it is killed, not whether something has happened by then
        let _ = child.kill();
        child.wait().unwrap();
        let after = home.access().keys().count();
        assert!(after == before || after == before + 1, "{before} keys, then {after}");
        before = after;
    }
    home.run(&["keys", "new", "agent"]).good();
    assert_eq!(home.access().keys().count(), before + 1);
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "neither lock nor temporary file stays: {left:?}");
}
