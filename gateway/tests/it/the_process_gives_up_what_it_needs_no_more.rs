//! Once its sockets are bound, the process can read the directories of its files and where their links lead, write where
//! its audit goes, connect to its upstream, and nothing else: it gains no privileges, starts nothing, and leaves no core. What
//! of that the kernel can do is said in the log. `--no-sandbox` keeps it all. Running as root is warned of.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin};
use rustix::process::geteuid;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

async fn started(arguments: &[&'static str]) -> (Origin, Gateway) {
    let origin = Origin::answering(|_| ok("{}")).await;
    let setup = Gateway::before(&origin);
    let gateway = arguments.iter().fold(setup, |setup, argument| setup.argument(argument)).start().await;
    (origin, gateway)
}

/// Links the keys file to one that says the same for a new client, in a directory that was never named.
fn link_elsewhere(gateway: &Gateway) -> (tempfile::TempDir, Key) {
    let (elsewhere, key) = (tempfile::tempdir().unwrap(), Key::new());
    let text = format!("[[client]]\nid = \"newcomer\"\ntools = \"all\"\n{}", key.row());
    std::fs::write(elsewhere.path().join("keys.toml"), text).unwrap();
    let link = gateway.dir().join("link");
    std::os::unix::fs::symlink(elsewhere.path().join("keys.toml"), &link).unwrap();
    std::fs::rename(link, gateway.dir().join("keys.toml")).unwrap();
    (elsewhere, key)
}

#[tokio::test]
async fn and_says_so() {
    let (_origin, gateway) = started(&[]).await;
    let state = gateway.said("sandbox", 0).await["state"].as_str().unwrap().to_owned();
    let status = gateway.proc("status");
    assert!(gateway.proc("limits").lines().any(|line| line.starts_with("Max core file size        0 ")));
    let root = rustix::process::geteuid().is_root();
    assert_eq!(gateway.log.text().contains("running as root: "), root);
    if state.starts_with("none") {
        return eprintln!("the rest is not tested: {state}");
    }
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    let from = gateway.log.len();
    let (_elsewhere, newcomer) = link_elsewhere(&gateway);
    let refused = |line: &serde_json::Value| line["message"].as_str().is_some_and(|said| said.contains("stay in use"));
    gateway.log.wait("the keys stay in use", from, 1, refused).await;
    let mut client = gateway.http1().await;
    client.ask(&Ask::ping().key(&newcomer.secret)).await.with(401);
    client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    // the metrics about the process are still there
    assert!(gateway.metric("process_open_fds").await.is_some_and(|files| files > 0.0));
    assert!(gateway.metric("process_resident_memory_bytes").await.is_some_and(|bytes| bytes > 0.0));
}

#[tokio::test]
async fn unless_it_is_told_to_keep_it() {
    let (_origin, gateway) = started(&["--no-sandbox"]).await;
    gateway.said("no sandbox, as --no-sandbox says", 0).await;
    let from = gateway.log.len();
    let (_elsewhere, newcomer) = link_elsewhere(&gateway);
    gateway.said("reloaded", from).await;
    gateway.http1().await.ask(&Ask::ping().key(&newcomer.secret)).await.with(200);
}

/// Somebody who owns nothing.
const NOBODY: u32 = 65_534;

/// Not even the user that it runs as, whose other processes may be somebody else's by now. That is how the kernel treats
/// processes that leave no core: what shows their memory belongs to root.
#[tokio::test]
async fn and_nobody_may_look_into_it() {
    let root = geteuid().is_root();
    let user = if root { NOBODY } else { geteuid().as_raw() };
    let origin = Origin::answering(|_| ok("{}")).await;
    let setup = Gateway::before(&origin);
    let gateway = if root { setup.user(user) } else { setup }.start().await;
    let reads = |file: &Path| {
        let mut command = Command::new("cat");
        command.arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        if root {
            command.uid(user).gid(user);
        }
        command.status().unwrap().success()
    };
    let owner = |file| std::fs::metadata(gateway.proc_path(file)).unwrap().uid();
    assert_eq!(owner("."), user, "it runs as that user");
    assert!(reads(Path::new("/proc/self/environ")), "who may else look");
    for file in ["environ", "maps", "auxv"] {
        assert_eq!(owner(file), 0, "{file}");
        assert!(!reads(&gateway.proc_path(file)), "{file}");
    }
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
}
