//! Whoever reads the log may stop doing so: requests are answered as before. Lines that find no room are lost, which is counted
//! and, once lines are taken again, said. When the process ends, nothing is lost that can still be written.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

#[tokio::test]
async fn and_it_says_how_many_lines_are_lost() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let mut client = gateway.http2().await; // whose library says much
    assert_eq!(gateway.metric("gateway_log_lines_lost_total").await, Some(0.0));
    let held_back = gateway.log.hold_back();
    let mut lost = 0.0;
    for round in 0.. {
        assert!(round < 1000, "there is room for the lines of a hundred thousand requests");
        for _ in 0..100 {
            client.ask(&ask).await.with(200);
        }
        lost = gateway.metric("gateway_log_lines_lost_total").await.unwrap();
        if lost > 0.0 {
            break;
        }
    }
    drop(held_back);
    let line = gateway.said("lines of this log are lost: they were not taken in time", 0).await;
    assert!(line["lines"].as_f64().unwrap() >= lost, "{line}");
    let from = gateway.log.len();
    gateway.http1().await.ask(&Ask::get("/none")).await.with(404);
    gateway.said("a request that needed no key", from).await;
}

#[tokio::test]
async fn and_nothing_is_lost_at_the_end() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let mut gateway = Gateway::before(&origin).start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let held_back = gateway.log.hold_back();
    let mut client = gateway.http2().await; // whose library says much
    for _ in 0..50 {
        client.ask(&ask).await.with(200); // more lines than fit the pipe
    }
    drop(client);
    gateway.signal(Signal::TERM);
    drop(held_back);
    assert_eq!(gateway.exited().await, 0);
    let last = gateway.log.text().lines().last().unwrap().to_owned();
    assert!(last.contains("\"drained\""), "{last}");
}

#[test]
fn and_a_terminal_shows_lines_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("gateway.toml");
    std::fs::write(&settings, "[log]\nlevel = \"trace\"").unwrap();
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let path = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let end = File::options().read(true).write(true).open(path).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("--config").arg(&settings).arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(end);
    assert_eq!(command.status().unwrap().code(), Some(64), "there is no certificate");
    drop(command); // it holds the last end that is not ours
    let mut shown = Vec::new();
    let _ = File::from(terminal).read_to_end(&mut shown); // EIO, at the end
    let shown = String::from_utf8(shown).unwrap();
    assert!(shown.starts_with(directory.path().to_str().unwrap()) && shown.lines().count() == 1, "{shown}");
}
