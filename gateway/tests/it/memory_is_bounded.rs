//! What clients can make the gateway hold is bounded as a whole, by `limits.max_held`: bodies and lists that are read whole,
//! events that are not whole yet, replies that nobody takes. What finds no room is 503 with `Retry-After`, before its body is
//! read; what is small passes, and so do replies, in small pieces. The most that clients can take is printed, and it holds.

use crate::harness::client::Incoming;
use crate::harness::origin::{Exchange, ok};
use crate::harness::{Ask, Gateway, Http1, Key, Origin, Protocol, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

/// Most of what may be held.
const MOST: usize = 700_000;

struct Stage {
    origin: Origin,
    gateway: Gateway,
    /// Of a client with a policy.
    bound: Key,
}

async fn stage(origin: Origin) -> Stage {
    let bound = Key::new();
    let setup = Gateway::before(&origin).client("bound", "tools = [\"mine\"]", &[&bound]);
    let gateway = setup.settings("[limits]\nmax_held = \"1MiB\"").start().await;
    Stage { origin, gateway, bound }
}

impl Stage {
    async fn held(&self) -> usize {
        self.gateway.metric("gateway_held_bytes").await.expect("a number") as usize
    }

    async fn holds(&self, what: &str, bytes: std::ops::RangeInclusive<usize>) {
        eventually(what, async || bytes.contains(&self.held().await).then_some(())).await;
    }

    fn list(&self) -> Ask {
        Ask::message(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).key(&self.bound.secret)
    }

    /// Asks for a list, of which the origin has sent nothing yet.
    async fn listing(&self) -> (Http1, Exchange) {
        let mut client = self.gateway.http1().await;
        client.open(&self.list()).await;
        let mut exchange = self.origin.next().await;
        exchange.body().await;
        (client, exchange)
    }
}

/// A message of exactly so many bytes.
fn message(length: usize) -> Vec<u8> {
    let empty = json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"x": ""}}).to_string();
    let (begin, end) = empty.split_at(empty.rfind("\"\"").unwrap() + 1);
    [begin.as_bytes(), &vec![b'x'; length - empty.len()], end.as_bytes()].concat()
}

fn head(kind: &str, length: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn by_bodies_that_are_read_whole() {
    let stage = stage(Origin::answering(|request| ok(&request.body.len().to_string())).await).await;
    let (gateway, ask) = (&stage.gateway, |length| Ask::post(message(length)).key(&stage.bound.secret));
    let long = ask(MOST);
    let mut first = gateway.http1().await;
    first.send_head(&long).await;
    stage.holds("room for all of it before it comes", MOST..=MOST).await;
    let mut head_alone = gateway.http1().await;
    head_alone.send_head(&long).await;
    let mut refused = vec![head_alone.reply().await];
    for long in [long.clone(), long.clone().untold()] {
        refused.push(gateway.http2().await.ask(&long).await);
    }
    for reply in refused {
        reply.refuses(503, -32011, Value::Null);
        assert_eq!(reply.fields.one("retry-after"), Some("1"));
    }
    assert_eq!(gateway.hits("max_held").await, 3.0);
    for protocol in Protocol::BOTH {
        // what is small passes, and what nobody has to read whole
        let mut client = gateway.client(protocol).await;
        assert_eq!(client.ask(&ask(60_000)).await.with(200).json(), 60_000);
        let free = Ask::post(message(MOST)).key(&gateway.key().secret);
        assert_eq!(client.ask(&free).await.with(200).json(), MOST);
    }
    first.send(message(MOST)).await;
    assert_eq!(first.reply().await.with(200).json(), MOST);
    assert!(stage.origin.last().body == message(MOST), "it came changed");
    stage.holds("nothing is held", 0..=0).await;
    for (protocol, told) in [(Protocol::Http1, true), (Protocol::Http2, true), (Protocol::Http2, false)] {
        let long = if told { ask(MOST) } else { ask(MOST).untold() };
        assert_eq!(gateway.client(protocol).await.ask(&long).await.with(200).json(), MOST);
    }
    let mut larger = gateway.http1().await;
    larger.send_head(&ask(MIB + 1)).await;
    larger.reply().await.refuses(413, -32005, Value::Null);
    stage.holds("nothing is held", 0..=0).await;
}

#[tokio::test]
async fn by_lists() {
    let stage = stage(Origin::start().await).await;
    let list = message(200_000); // no list, but an answer that may be one
    let mut listings = Vec::new();
    for n in 1..=2 {
        let (client, mut answer) = stage.listing().await;
        answer.send(head("application/json", list.len())).await;
        stage.holds("room for a list and what is left of it", n * 400_000..=n * 400_000).await;
        listings.push((client, answer));
    }
    let (mut third, mut answer) = stage.listing().await;
    answer.send(head("application/json", list.len())).await;
    let reply = third.reply().await;
    reply.refuses(503, -32011, Value::Null);
    assert_eq!((reply.fields.one("retry-after"), stage.gateway.hits("max_held").await), (Some("1"), 1.0));
    for (mut client, mut answer) in listings {
        client.hang_up();
        answer.closed().await;
    }
    stage.holds("nothing is held", 0..=0).await;
    let entries: Vec<_> = (0..4000).map(|n| json!({"name": if n % 2 == 0 { "mine" } else { "theirs" }})).collect();
    let list = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": entries}}).to_string();
    let (mut last, mut answer) = stage.listing().await;
    answer.send(ok(&list)).await;
    assert_eq!(last.reply().await.with(200).json()["result"]["tools"].as_array().unwrap().len(), 2000);
    stage.holds("nothing is held", 0..=0).await;
}

#[tokio::test]
async fn by_events() {
    let stage = stage(Origin::start().await).await;
    let half = format!("data: {}", "x".repeat(100_000));
    let (mut first, mut answer) = stage.listing().await;
    answer.stream().await;
    answer.chunk(&half).await;
    stage.holds("half an event", half.len() * 5..=half.len() * 5).await;
    let (mut second, mut other) = stage.listing().await;
    other.stream().await;
    other.chunk(": hi\n\n").await;
    let mut second = second.incoming().await;
    second.exactly(": hi\n\n".len()).await;
    let _ = other.offer(format!("{:x}\r\n{half}", 3 * MIB)).await;
    let _ = other.offer(&half).await;
    let (rest, whole) = second.rest().await;
    assert_eq!((rest.len(), whole), (0, false), "it is cut, visibly");
    other.closed().await;
    assert_eq!(stage.gateway.hits("max_held").await, 1.0);
    first.hang_up();
    answer.closed().await;
    stage.holds("nothing is held", 0..=0).await;
}

#[tokio::test]
async fn by_replies_that_nobody_takes() {
    let stage = stage(Origin::start().await).await;
    let gateway = &stage.gateway;
    let ask = Ask::ping().key(&gateway.key().secret);
    let mut readers = Vec::new();
    let mut sending = tokio::task::JoinSet::new();
    for n in 0..12 {
        let mut client = gateway.client(Protocol::BOTH[n % 2]).await;
        let opened = match client.open(&ask).await {
            Incoming::Two(stream) => Some(stream),
            Incoming::One(_) => None,
        };
        readers.push((client, opened));
        let mut exchange = stage.origin.next().await;
        sending.spawn(async move {
            exchange.body().await;
            let _ = exchange.offer([head("text/plain", 64 * MIB).as_bytes(), &vec![0; 64 * MIB]].concat()).await;
        });
    }
    stage.holds("half of it", MIB / 2..=MIB).await;
    // another one is served meanwhile, in small pieces
    let mut other = gateway.http1().await;
    other.open(&ask).await;
    let mut exchange = stage.origin.next().await;
    exchange.body().await;
    let body: Vec<u8> = (0..300_000).map(|n| (n % 251) as u8).collect();
    let send = async {
        exchange.send([head("text/plain", body.len()).as_bytes(), &body].concat()).await;
        exchange.done();
    };
    let (reply, ()) = tokio::join!(other.reply(), send);
    assert!(reply.with(200).body == body, "it came changed");
    let held = stage.held().await;
    assert!(held <= MIB, "{held} bytes are held");
    drop(readers);
    while sending.join_next().await.is_some() {}
    stage.holds("nothing is held", 0..=0).await;
}

/// Each reload makes all of it anew, and a stream may outlive any number of them.
#[tokio::test]
async fn by_keys_files_that_were_replaced() {
    const KEYS: usize = 6000;
    const TIMES: usize = 32;
    let origin = Origin::start().await;
    let mut many = "[[client]]\nid = \"many\"\ntools = \"all\"\n".to_owned();
    for number in 0..KEYS {
        many += &format!("[[client.key]]\nid = \"k{number:09}\"\ndigest = \"sha256:{number:016x}{:048}\"\n", 0);
    }
    let quiet = "[log]\nlevel = \"info\"\n[audit]\noutput = \"off\"";
    let gateway = Gateway::before(&origin).settings(quiet).keys(&many).start().await;
    let resident = async || gateway.metric("process_resident_memory_bytes").await.expect("a number") as usize;
    let ask = Ask::ping().key(&gateway.key().secret);
    let (keys, mut streams, mut early) = (gateway.read("keys.toml"), Vec::new(), 0);
    for number in 0..TIMES {
        let mut client = gateway.client(Protocol::BOTH[number % 2]).await;
        let opened = match client.open(&ask).await {
            Incoming::Two(stream) => Some(stream),
            Incoming::One(_) => None,
        };
        let mut exchange = origin.whole().await;
        exchange.stream().await;
        streams.push((client, opened, exchange));
        let from = gateway.log.len();
        gateway.replace("keys.toml", format!("{keys}# {number}\n"));
        gateway.signal(Signal::HUP);
        gateway.said("reloaded", from).await;
        if number == TIMES / 4 {
            early = resident().await;
        }
    }
    let late = resident().await;
    assert_eq!(gateway.metric("gateway_in_flight").await, Some(TIMES as f64));
    // A snapshot has 400 bytes of each key. Half of what they would all come to: a few are always about to go, and the allocator
    // keeps what the most of them took.
    let kept = KEYS * 400 * (TIMES - TIMES / 4);
    assert!(late < early + kept / 2, "{early} bytes after {} reloads, {late} after {TIMES}", TIMES / 4);
}

#[tokio::test]
async fn and_what_is_printed_holds() {
    let stage = stage(Origin::answering(|_| ok("{}")).await).await;
    let printed: Value = serde_json::from_str(&stage.gateway.command(&["check", "--json"])).unwrap();
    let bytes = printed["worst_case_memory_bytes"].as_u64().unwrap();
    let told = format!("{} MiB: 4096 + 64 connections of ", bytes.div_ceil(1 << 20));
    let said = stage.gateway.said("listening", 0).await["worst_case_memory"].as_str().unwrap().to_owned();
    assert!(said.starts_with(&told) && said.contains(" 1 MiB held"), "{said}");
    assert!(stage.gateway.command(&["check"]).contains(&said));
}
