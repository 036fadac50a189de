//! The audit's file has whole lines and none of them twice or missing, whatever happens to it: rotation under load, `kill -9`
//! under load, somebody who does not read. While it cannot be written, new requests wait, as many as may be under way, and what runs
//! goes on, or lines are dropped and counted; never does anything else.

use crate::harness::client::Incoming;
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Piece, Protocol, audit, eventually, within};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

/// The lines of all files of the audit in `dir`, oldest file first.
fn lines(dir: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_string_lossy().starts_with("audit.jsonl."));
    files.sort();
    files.push(dir.join("audit.jsonl"));
    let read = |file| {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line has an end");
        text
    };
    files.into_iter().map(read).flat_map(|text| text.lines().map(audit::line).collect::<Vec<_>>()).collect()
}

fn ids(lines: &[Value]) -> Vec<String> {
    let requests = lines.iter().filter(|line| line["event"] == "request");
    requests.map(|line| line["request_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn while_files_are_put_aside() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let settings = "[audit]\noutput = \"./audit.jsonl\"\nrotate_size = 4096\nkeep = 0\nfsync = \"always\"";
    let mut gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        let (mut one, mut two) = (gateway.http1().await, gateway.http2().await);
        for _ in 0..30 {
            let ask = Ask::ping().key(&gateway.key().secret);
            sent.push(one.ask(&ask).await.with(200).fields.one("x-request-id").unwrap().to_owned());
            sent.push(two.ask(&ask).await.with(200).fields.one("x-request-id").unwrap().to_owned());
        }
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
    let files = std::fs::read_dir(gateway.dir()).unwrap().map(|entry| entry.unwrap());
    let files: Vec<_> = files.filter(|file| file.file_name().to_string_lossy().starts_with("audit.jsonl")).collect();
    assert!(files.len() > 10, "{files:?}");
    assert!(files.iter().all(|file| file.metadata().unwrap().len() <= 64 * 1024), "a batch at most is over");
    let mut audited = ids(&lines(gateway.dir()));
    audited.sort();
    sent.sort();
    assert_eq!(audited, sent);
}

#[tokio::test]
async fn when_the_process_is_killed() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let settings = "[audit]\noutput = \"./audit.jsonl\"";
    let mut gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut sent = HashSet::new();
    for _ in 0..3 {
        let mut client = gateway.http1().await;
        for _ in 0..100 {
            let reply = client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
            sent.insert(reply.fields.one("x-request-id").unwrap().to_owned());
        }
        gateway.restart().await;
    }
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
    let lines = lines(gateway.dir());
    let audited = ids(&lines);
    assert_eq!(audited.len(), audited.iter().collect::<HashSet<_>>().len(), "no line twice");
    assert!(audited.iter().all(|id| sent.contains(id)));
    assert_eq!(lines.iter().filter(|line| line["event"] == "started").count(), 4);
}

#[tokio::test]
async fn as_long_as_its_directory_is_there() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("[audit]\noutput = \"off\"").start().await;
    let text = gateway.read("gateway.toml").replace("output = \"off\"", "output = \"none/audit.jsonl\"");
    std::fs::write(gateway.dir().join("other.toml"), text).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.current_dir(gateway.dir()).args(["serve", "--config", "other.toml"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("none/audit.jsonl: the audit cannot be written there: No such file"), "{said}");
}

#[tokio::test]
async fn a_full_disk_is_said_once_and_tried_again() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let full = "[audit]\noutput = \"/dev/full\"";
    let mut gateway = Gateway::before(&origin).settings(full).start().await;
    let mut client = gateway.http1().await;
    for _ in 0..3 {
        client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    }
    let tried = async || gateway.metric("gateway_audit_write_errors_total").await.filter(|count| *count > 2.0);
    eventually("it is tried again and again", tried).await;
    assert_eq!(gateway.metric("gateway_audit_lines_total").await, Some(0.0));
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
    for said in ["the audit cannot be written; it is tried again", "the audit cannot be written: lines are lost"] {
        assert_eq!(gateway.log.since(0, |line| line["message"] == said).len(), 1, "{said}");
    }
}

/// More than is ever on its way while somebody reads.
const QUEUE: f64 = 65536.0;

/// A gateway whose audit goes to a pipe that nobody reads.
async fn stuck(origin: &Origin, overflow: &str, limits: &str) -> (Gateway, std::fs::File) {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.fifo");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // a reader that can begin later, without a writer and without waiting for one
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let settings =
        format!("[audit]\noutput = \"{}\"\noverflow = \"{overflow}\"\nqueue = {QUEUE}\n{limits}", pipe.display());
    (Gateway::before(origin).settings(&settings).start().await, reader)
}

/// Reads the pipe for as long as the test lives.
fn read(mut reader: std::fs::File) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut part = vec![0; 65536];
        while let Ok(length) = reader.read(&mut part) {
            if sender.send(part[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

#[tokio::test]
async fn new_requests_wait_for_it_and_what_runs_goes_on() {
    let origin = Origin::start().await;
    let (gateway, reader) = stuck(&origin, "block", "").await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let mut streaming = gateway.http1().await;
    streaming.open(&ask).await;
    let mut stream = origin.streams(streaming.head()).await;
    // until the pipe and the queue are full
    let mut client = gateway.http1().await;
    let mut answered = 0;
    while gateway.metric("gateway_audit_queue_bytes").await.unwrap() <= QUEUE {
        client.open(&ask).await;
        // the queue may be full by now, and the request wait
        let full = async || (gateway.metric("gateway_audit_queue_bytes").await.unwrap() > QUEUE).then_some(());
        tokio::select! {
            mut exchange = origin.next() => {
                exchange.body().await;
                exchange.send(ok("{}")).await;
                client.reply().await.with(200);
                exchange.done();
                answered += 1;
            }
            () = eventually("the queue is full", full) => break,
        }
    }
    assert!(answered > 50, "{answered}");
    let (mut one, mut two) = (gateway.http1().await, gateway.http2().await);
    one.open(&ask).await;
    let mut waiting = two.open(&ask).await;
    let before = origin.requests().len();
    for number in 0..20 {
        stream.chunk(&format!("data: {number:02}\n\n")).await;
        assert_eq!(streaming.piece().await, Piece::Data(format!("data: {number:02}\n\n").into_bytes()));
        assert_eq!(gateway.admin("/livez").await.status, 200);
    }
    assert_eq!(origin.requests().len(), before, "nothing is done that cannot be recorded");
    let lines = read(reader);
    let answer = async {
        loop {
            origin.answers(ok("{}")).await.done(); // kept: the next request may come by it
        }
    };
    let answered = async {
        one.reply().await.with(200);
        assert_eq!(waiting.head().await.0, 200);
    };
    tokio::select! {
        () = answer => {}
        () = answered => {}
    }
    assert_eq!(gateway.metric("gateway_audit_dropped_total").await, Some(0.0));
    drop(lines);
}

/// Asks until the queue is full, and leaves.
async fn fill(gateway: &Gateway, ask: &Ask) {
    let mut filling = gateway.http1().await;
    let full = async || (gateway.metric("gateway_audit_queue_bytes").await? > QUEUE).then_some(());
    let fill = async {
        loop {
            filling.ask(ask).await.with(200);
        }
    };
    tokio::select! {
        () = fill => {}
        () = eventually("the queue is full", full) => {}
    }
    filling.hang_up();
    under_way(gateway, 0.0).await;
}

async fn under_way(gateway: &Gateway, count: f64) {
    let counted = async || (gateway.metric("gateway_in_flight").await? == count).then_some(());
    eventually(&format!("{count} requests are under way"), counted).await;
}

/// They keep what they ask in memory: without a bound a client could have any number of them wait.
#[tokio::test]
async fn no_more_of_them_than_may_be_under_way() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (gateway, reader) = stuck(&origin, "block", "[limits]\nmax_in_flight = 3").await;
    let ask = Ask::ping().key(&gateway.key().secret);
    fill(&gateway, &ask).await;
    let asked = origin.requests().len();
    let mut one = gateway.http2().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(one.open(&ask).await);
    }
    under_way(&gateway, 3.0).await;
    for protocol in Protocol::BOTH {
        let reply = gateway.client(protocol).await.ask(&ask).await;
        reply.refuses(503, -32011, Value::Null);
        assert_eq!(reply.fields.one("retry-after"), Some("1"));
    }
    assert_eq!(gateway.hits("max_in_flight").await, 2.0);
    assert_eq!(origin.requests().len(), asked, "nothing is done that cannot be recorded");
    // of what needs no key there is no line to wait with
    gateway.http1().await.ask(&Ask::get("/health")).await.with(200);
    let lines = read(reader);
    for reply in &mut waiting {
        assert_eq!(reply.head().await.0, 200, "it had its seat all the time");
    }
    under_way(&gateway, 0.0).await;
    drop(lines);
}

/// A drain does not wait for those who wait for the audit: they are told, and somebody who reads at last has their lines.
#[tokio::test]
async fn and_a_drain_ends_those_that_wait_for_it() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (mut gateway, reader) = stuck(&origin, "block", "[drain]\ntimeout = \"100ms\"").await;
    let ask = Ask::ping().key(&gateway.key().secret);
    fill(&gateway, &ask).await;
    let asked = origin.requests().len();
    let (mut one, mut two) = (gateway.http1().await, gateway.http2().await);
    one.open(&ask).await;
    let waiting = two.open(&ask).await;
    under_way(&gateway, 2.0).await;
    gateway.signal(Signal::TERM);
    for reply in [one.reply().await, Incoming::Two(waiting).reply().await] {
        reply.refuses(503, -32011, Value::Null);
        assert!(!reply.fields.has("retry-after"));
    }
    let lines = read(reader);
    assert_eq!(within("its end", gateway.exited()).await, 0);
    let mut text = Vec::new();
    while !text.windows(9).any(|part| part == b"\"stopped\"") {
        text.extend(lines.recv().unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    let drained = text.lines().map(audit::line).filter(|line| line["outcome"] == "drained");
    let drained: Vec<_> = drained.map(|line| (line["client"].clone(), line["end"].clone())).collect();
    assert_eq!(drained, vec![("weather-agent".into(), "drained".into()); 2]);
    assert_eq!(origin.requests().len(), asked, "nothing is done that cannot be recorded");
}

/// Then they wait for each other's lines, but not for ever.
#[tokio::test]
async fn even_where_none_may_wait_to_be_written() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[audit]\noverflow = \"block\"\nqueue = 0").start().await;
    let ask = Ask::ping().key(&gateway.key().secret);
    let (mut one, mut two) = (gateway.http1().await, gateway.http2().await);
    for _ in 0..50 {
        let (first, second) = tokio::join!(one.ask(&ask), two.ask(&ask));
        first.with(200);
        second.with(200);
    }
    assert_eq!(gateway.audited(100).await.len(), 100);
}

#[tokio::test]
async fn or_lines_are_dropped_and_counted() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (mut gateway, reader) = stuck(&origin, "drop", "").await;
    let mut client = gateway.http2().await;
    let mut answered = 0;
    let dropped = async || gateway.metric("gateway_audit_dropped_total").await.unwrap();
    while dropped().await < 10.0 {
        client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
        answered += 1;
    }
    let dropped = dropped().await as usize;
    let lines = read(reader);
    let drained = async || (gateway.metric("gateway_audit_queue_bytes").await == Some(0.0)).then_some(());
    eventually("the queue is empty", drained).await;
    gateway.signal(Signal::TERM);
    assert_eq!(within("its end", gateway.exited()).await, 0);
    let mut text = Vec::new();
    while !text.windows(9).any(|part| part == b"\"stopped\"") {
        text.extend(lines.recv().unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    let audited = text.lines().map(audit::line).filter(|line| line["event"] == "request").count();
    assert_eq!(audited + dropped, answered);
}
