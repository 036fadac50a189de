//! The keys file may change at any time and in any way that files change. What can be used is used, whole; what cannot is
//! said once, with its line, and changes nothing. No request fails for it, and no counter is lost.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, Protocol, eventually};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

const RELOADED: &str = "gateway_config_reload_ok{file=\"keys\"}";

fn client(id: &str, keys: &[&Key]) -> String {
    let rows: String = keys.iter().map(|key| key.row()).collect();
    format!("[[client]]\nid = \"{id}\"\ntools = \"all\"\n{rows}\n")
}

/// Asks over `protocol` again and again until it is told to stop; gives how often. Every answer must be good.
async fn asking(gateway: &Gateway, protocol: Protocol, stop: &AtomicBool, asked: &AtomicUsize) {
    let mut client = gateway.client(protocol).await;
    let ask = Ask::ping().key(&gateway.key().secret);
    while !stop.load(Relaxed) {
        client.ask(&ask).await.with(200);
        asked.fetch_add(1, Relaxed);
    }
}

#[tokio::test]
async fn two_hundred_times_and_no_request_fails() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let quiet = "[log]\nlevel = \"info\"";
    let gateway = Gateway::before(&origin).settings(quiet).start().await;
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let keys = gateway.read("keys.toml");
    let other = client("phone", &[&Key::new()]);
    let change = async {
        for number in 0..200 {
            let (before, from) = (asked.load(Relaxed), gateway.log.len());
            // the client that asks moves from slot to slot, and from file to file
            let text = if number % 2 == 0 { format!("{other}{keys}") } else { keys.clone() };
            gateway.replace("keys.toml", text);
            gateway.signal(Signal::HUP);
            gateway.said("reloaded", from).await;
            eventually("requests go on", async || (asked.load(Relaxed) > before).then_some(())).await;
        }
        stop.store(true, Relaxed);
    };
    let one = asking(&gateway, Protocol::Http1, &stop, &asked);
    let two = asking(&gateway, Protocol::Http2, &stop, &asked);
    let three = asking(&gateway, Protocol::Http1, &stop, &asked);
    tokio::join!(change, one, two, three);
    let counted = "gateway_requests_total{client=\"weather-agent\",route=\"/mcp\",method=\"POST\",outcome=\"relayed\"}";
    let expected = asked.load(Relaxed) as f64;
    let all = async || (gateway.metric(counted).await == Some(expected)).then_some(());
    eventually("all requests are counted, over all reloads", all).await;
}

#[tokio::test]
async fn an_open_stream_stays_counted() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::ping().key(&gateway.key().secret)).await;
    let mut exchange = origin.next().await;
    exchange.body().await;
    exchange.stream().await;
    client.head().await;
    let (keys, before) = (gateway.read("keys.toml"), self::client("aaa", &[&Key::new()]));
    gateway.rekey(format!("# another client stands first\n{before}{keys}")).await;
    let open = async || gateway.metric("gateway_streams_open{client=\"weather-agent\"}").await;
    assert_eq!(open().await, Some(1.0));
    exchange.chunk("data: 1\n\n").await;
    assert_eq!(client.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    exchange.send("0\r\n\r\n").await;
    assert_eq!(client.piece().await, Piece::End);
    eventually("it is over", async || (open().await == Some(0.0)).then_some(())).await;
    assert_eq!(gateway.metric("gateway_streams_open{client=\"aaa\"}").await, Some(0.0));
}

#[tokio::test]
async fn what_cannot_be_used_is_said_once_and_changes_nothing() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let good = gateway.read("keys.toml");
    let half = good.rfind("sha256:").unwrap() + 20;
    let bad = [
        (good[..half].to_owned(), "keys.toml:6:"),
        (format!("{good}\n\0\0\0\0"), "a NUL byte"),
        (format!("{good}\nexpiers_at = 2030-01-01T00:00:00Z\n"), "did you mean `expires_at`?"),
        (format!("{good}\n{good}"), "is written twice"),
        (String::new(), "names no client"),
    ];
    for (text, words) in bad {
        let from = gateway.log.len();
        let warned = |line: &Value| line["level"] == "WARN";
        gateway.replace("keys.toml", text);
        let line = gateway.log.wait(words, from, 1, warned).await.remove(0);
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with("keys.toml") && message.contains(words), "{message}");
        eventually("it is seen in a scrape", async || (gateway.metric(RELOADED).await == Some(0.0)).then_some(()))
            .await;
        gateway.signal(Signal::HUP);
        gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
        gateway.rekey(&good).await;
        assert_eq!(gateway.metric(RELOADED).await, Some(1.0));
        assert_eq!(gateway.log.since(from, warned).len(), 1);
    }
    // a file that is not there is no file without clients
    let from = gateway.log.len();
    std::fs::remove_file(gateway.dir().join("keys.toml")).unwrap();
    let line = gateway.log.wait("no file", from, 1, |line| line["level"] == "WARN").await.remove(0);
    assert!(line["message"].as_str().unwrap().starts_with("keys.toml: there is no such file"), "{line}");
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    gateway.rekey(&good).await;
}

#[tokio::test]
async fn directories_that_are_swapped_are_noticed() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let (dir, key) = (gateway.dir(), Key::new());
    // as the kubelet does it: keys.toml -> ..data/keys.toml, ..data -> a directory of its own for each version
    let keys = gateway.read("keys.toml");
    for (version, text) in [("..1", keys.clone()), ("..2", format!("{keys}{}", client("phone", &[&key])))] {
        std::fs::create_dir(dir.join(version)).unwrap();
        std::fs::write(dir.join(version).join("keys.toml"), text).unwrap();
    }
    symlink("..1", dir.join("..data")).unwrap();
    symlink("..data/keys.toml", dir.join("link")).unwrap();
    std::fs::rename(dir.join("link"), dir.join("keys.toml")).unwrap();
    let ask = Ask::ping().key(&key.secret);
    gateway.http1().await.ask(&ask).await.refuses(401, -32001, Value::Null);
    let from = gateway.log.len();
    symlink("..2", dir.join("..next")).unwrap();
    std::fs::rename(dir.join("..next"), dir.join("..data")).unwrap();
    std::fs::remove_dir_all(dir.join("..1")).unwrap();
    let line = gateway.said("reloaded", from).await;
    assert_eq!((&line["clients_added"], &line["keys_added"]), (&json!("phone"), &json!(key.id)));
    assert_eq!((&line["clients_removed"], &line["keys_changed"]), (&Value::Null, &Value::Null));
    gateway.http1().await.ask(&ask).await.with(200);
}

#[tokio::test]
async fn sighup_is_no_end() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    for _ in 0..20 {
        gateway.signal(Signal::HUP);
        client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    }
    let said = |line: &Value| line["target"] == "gateway::serve::reload" || line["message"] == "reloaded";
    // whatever was said before is in the log when this is
    gateway.rekey(gateway.read("keys.toml") + "\n# other contents\n").await;
    let reloads = gateway.log.since(0, said);
    assert_eq!(reloads.len(), 1, "nothing had changed before: {reloads:?}");
}

#[tokio::test]
async fn ten_thousand_keys_are_a_file_like_any_other() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[log]\nlevel = \"info\"").start().await;
    let (last, mut keys) = (Key::new(), gateway.read("keys.toml"));
    keys += "[[client]]\nid = \"many\"\ntools = \"all\"\n";
    for number in 0..10_000 {
        write!(keys, "[[client.key]]\nid = \"key{number:07}\"\ndigest = \"sha256:{number:016x}{number:048x}\"\n")
            .unwrap();
    }
    keys += last.row();
    let from = gateway.log.len();
    gateway.rekey(&keys).await;
    let line = gateway.said("reloaded", from).await;
    assert!(line["keys_added"].as_str().unwrap().ends_with(" and 9981 more"), "{line}");
    for secret in [&last.secret, &gateway.key().secret] {
        gateway.http1().await.ask(&Ask::ping().key(secret)).await.with(200);
    }
    let from = gateway.log.len();
    gateway.command(&["keys", "revoke", &last.id]);
    let line = gateway.said("reloaded", from).await;
    assert_eq!((&line["keys_changed"], &line["keys_added"]), (&json!(last.id), &Value::Null));
    gateway.http1().await.ask(&Ask::ping().key(&last.secret)).await.refuses(401, -32001, Value::Null);
}

#[tokio::test]
async fn a_file_that_everybody_may_read_is_warned_of_when_it_becomes_one() {
    use std::os::unix::fs::PermissionsExt;
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let (file, draft) = (gateway.dir().join("keys.toml"), gateway.dir().join("draft"));
    let mode = |file, mode| std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    let keys = gateway.read("keys.toml");
    // the harness begins with one; each file here was looked at whole before the next is said to be in use
    for number in 0..2 {
        let from = gateway.log.len();
        std::fs::write(&draft, format!("{keys}# {number}\n")).unwrap();
        mode(&draft, 0o640);
        std::fs::rename(&draft, &file).unwrap();
        gateway.said("reloaded", from).await;
    }
    let from = gateway.log.len();
    mode(&file, 0o644);
    let line = gateway.log.wait("a warning", from, 1, |line| line["level"] == "WARN").await.remove(0);
    assert!(line["message"].as_str().unwrap().contains("every user of this machine may read it"), "{line}");
}

/// As on a network that has gone away: whoever opens the file waits, until there is somebody at its other end.
#[tokio::test]
async fn a_file_that_does_not_answer_keeps_no_key_alive() {
    let origin = Origin::start().await;
    let key = Key::new();
    let gateway = Gateway::before(&origin).client("phone", "tools = \"all\"", &[&key]).start().await;
    let mut streams = Vec::new();
    for secret in [&key.secret, &gateway.key().secret] {
        let mut client = gateway.http1().await;
        client.open(&Ask::ping().key(secret)).await;
        let mut exchange = origin.next().await;
        exchange.body().await;
        exchange.stream().await;
        client.head().await;
        streams.push((client, exchange));
    }
    // only now, so that they have begun before, however busy the machine is
    let end = humantime::format_rfc3339_millis(SystemTime::now() + Duration::from_secs(3));
    gateway.rekey(gateway.read("keys.toml").replace(key.row(), &format!("{}expires_at = {end}\n", key.row()))).await;
    let (keys, silent) = (gateway.read("keys.toml"), gateway.dir().join("silent"));
    let (owner, kind) = (Mode::RUSR | Mode::WUSR, FileType::Fifo);
    mknodat(CWD, &silent, kind, owner, 0).unwrap();
    std::fs::hard_link(&silent, gateway.dir().join("other-end")).unwrap();
    std::fs::rename(&silent, gateway.dir().join("keys.toml")).unwrap();
    let ended = |line: &Value| line["end"] == "lease_ended";
    let line = gateway.audit.wait("the end of the key that ends", 0, 1, ended).await.remove(0);
    assert_eq!((&line["reason"], &line["key_id"]), (&json!("expired"), &json!(key.id)));
    let [(lost, _), (kept, exchange)] = &mut streams[..] else { panic!() };
    assert_eq!(lost.piece().await, Piece::End);
    exchange.chunk("data: 1\n\n").await;
    assert_eq!(kept.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    // what is there when it answers again is taken up
    let from = gateway.log.len();
    let other = Key::new();
    gateway.replace("keys.toml", format!("{keys}{}", client("late", &[&other])));
    drop(std::fs::OpenOptions::new().write(true).open(gateway.dir().join("other-end")).unwrap());
    let line = gateway.said("reloaded", from).await;
    assert_eq!(line["keys_added"], json!(other.id));
}

#[tokio::test]
async fn and_a_key_that_ends_while_a_body_comes_in_has_called_nothing() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let mine = Key::new();
    let gateway = Gateway::before(&origin).client("mine", "tools = \"all\"", &[&mine]).start().await;
    let body = br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    let (first, rest) = body.split_at(10);
    let ask = Ask::new("POST", "/mcp").key(&mine.secret).field("content-type", "application/json");
    let ask = ask.field("content-length", body.len().to_string());
    let (mut h1, mut h2) = (gateway.http1().await, gateway.http2().await);
    h1.send_head(&ask).await;
    h1.send(first).await;
    let mut stream = h2.open_head(&ask).await;
    stream.send(first).await;
    let accepted = "gateway_auth_decisions_total{result=\"accepted\",reason=\"\"}";
    eventually("both keys are accepted", async || gateway.metric(accepted).await.filter(|count| *count >= 2.0)).await;
    gateway.rekey(gateway.read("keys.toml").replace(mine.row(), "")).await;
    // On a busy machine the gateway has answered already: it does not wait for the rest once the key has ended.
    let _ = h1.offer(rest).await;
    h1.reply().await.refuses(401, -32001, Value::Null);
    stream.offer_last(rest);
    assert_eq!(stream.head().await.0, 401);
    assert_eq!(origin.requests().len(), 0);
}
