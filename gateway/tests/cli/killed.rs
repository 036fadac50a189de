//! A command that is killed anywhere leaves the old file or the new one, never a part of either.

use crate::home::Home;
use std::fmt::Write;
use std::time::Instant;

#[test]
fn a_killed_edit_leaves_the_old_file_or_the_new_one() {
    let home = Home::empty();
    let mut text = String::from("[[client]]\nid = \"agent\"\ntools = \"all\"\n");
    for n in 0..500 {
        let digest = gateway::access::KeyDigest::of(&[n as u8, (n >> 8) as u8]);
        writeln!(text, "\n[[client.key]]\nid = \"key{n:05}\"\ndigest = \"{digest}\"").unwrap();
    }
    home.write("keys.toml", &text);
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
