//! The most memory that clients can take is printed by `gateway check` and at start, and it is true: with every consumer at its
//! bound at the same time the process has taken no more, and the number is not so large that it says nothing.

use crate::harness::client::Raw2;
use crate::harness::limits::raise_file_limit;
use crate::harness::origin::Exchange;
use crate::harness::raw2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE, block, frame,
};
use crate::harness::{Ask, Gateway, Http1, Key, Origin, Protocol, ServiceManager, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

/// Bounds that a test can reach, and times that give nothing up before it has.
const BOUNDS: &str = r#"
workers = 2
[upstream]
head_timeout = "10m"
[log]
level = "warn,gateway=debug"
[audit]
audit_arguments = true
queue = "2MiB"
[drain]
timeout = "100ms"
[limits]
max_connections = 128
max_connections_per_address = "unlimited"
max_in_flight = 208
max_held = "16MiB"
max_header_list = "24KiB"
handshake_timeout = "10m"
header_timeout = "10m"
idle_timeout = "10m"
min_body_rate = 0
stall_timeout = "10m"
"#;

const MIB: usize = 1 << 20;
const KEYS: usize = 10_000;
/// Connections of each kind; one more sends what fills the audit.
const SHAKING: usize = 16;
const HTTP1: usize = 31;
const LONG: usize = 2;
/// What these are to hold of what may be held, half of which is for replies.
const BODY: usize = 7 * MIB / 2;
const HTTP2: usize = 78;
/// Those that are too many, and are told so.
const SURPLUS: usize = 64;
/// Requests that wait for the audit. With two for each connection over h2, and one over HTTP/1.1, all that may be under way.
const WAITING: usize = 208 - 2 * HTTP2 - HTTP1 - LONG;

/// A gateway with all of it on the way to its bounds.
struct Crowd {
    origin: Origin,
    gateway: Gateway,
    /// Of a client with a policy, whose bodies are read whole.
    bound: Key,
    /// Replies that nobody takes.
    replies: JoinSet<()>,
}

impl Crowd {
    async fn start() -> Self {
        let (origin, bound) = (Origin::start().await, Key::new());
        let manager = ServiceManager::narrow();
        let listen = format!("[listen]\npublic = \"{}\"", manager.address());
        let gateway = Gateway::before(&origin).under(manager).settings(BOUNDS).settings(&listen).keys(&many());
        let gateway = gateway.client("bound", "tools = [\"mine\"]", &[&bound]).start().await;
        Self { origin, gateway, bound, replies: JoinSet::new() }
    }

    /// A connection whose client has little room for what it does not read.
    async fn narrow(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(self.gateway.public).await.unwrap()
    }

    async fn tls(&self, protocol: Protocol) -> TlsStream<TcpStream> {
        self.gateway.tls_over(self.narrow().await, protocol).await.expect("a TLS connection")
    }

    async fn http1(&self) -> Http1 {
        Http1::new(self.tls(Protocol::Http1).await, self.gateway.authority())
    }

    /// Answers the next request with more than there is room for.
    async fn flood(&mut self) {
        let exchange = self.origin.whole().await;
        self.replies.spawn(endless(exchange));
    }

    /// Handshakes of which nearly all has come that may.
    async fn shaking(&self, count: usize) -> Vec<TcpStream> {
        let hello = [&[1, 0, 0xff, 0xf0][..], &vec![0; 60_000]].concat();
        let record = |part: &[u8]| [&[22, 3, 1, (part.len() >> 8) as u8, part.len() as u8][..], part].concat();
        let hello: Vec<u8> = hello.chunks(16_000).flat_map(record).collect();
        let mut shaking = Vec::new();
        for _ in 0..count {
            let mut socket = TcpStream::connect(self.gateway.public).await.unwrap();
            socket.write_all(&hello).await.unwrap();
            shaking.push(socket);
        }
        shaking
    }

    /// Replies over HTTP/1.1 that nobody takes, each with another request behind it.
    async fn unread(&mut self) -> Vec<Http1> {
        let mut clients = Vec::new();
        for _ in 0..HTTP1 {
            let mut client = self.http1().await;
            client.open(&Ask::ping().key(&self.gateway.key().secret)).await;
            self.flood().await;
            let _ = client.offer(format!("GET /mcp HTTP/1.1\r\nx-long: {}", "x".repeat(20_000))).await;
            clients.push(client);
        }
        clients
    }

    /// Over h2: a reply that nobody takes and a body that is not whole; the rest in two parts, one of which waits until the first
    /// reply has filled what the kernel has for it.
    async fn multiplexed(&mut self) -> Vec<Raw2> {
        let mut clients = Vec::new();
        for number in 0..HTTP2 {
            let mut raw = Raw2::new(self.tls(Protocol::Http2).await).await;
            let window = |stream: u32| frame(WINDOW_UPDATE, 0, stream, &(1u32 << 20).to_be_bytes());
            let body = Ask::ping().body.expect("a message");
            let begin = [
                frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), // nothing of any reply
                window(0),
                frame(HEADERS, END_HEADERS, 1, &head("POST", "/mcp", &self.gateway.key().secret, &[])),
                window(1),
                frame(DATA, END_STREAM, 1, &body),
            ];
            assert!(raw.offer(&begin.concat()).await);
            if number % 2 == 0 {
                assert!(raw.offer(&refused()).await);
            }
            self.flood().await;
            clients.push(raw);
        }
        let full = async || (self.metric("gateway_held_bytes").await as usize >= 7 * MIB).then_some(());
        eventually("replies take all that they may", full).await;
        let long = "x".repeat(3000);
        let long: Vec<(String, &str)> = (0..7).map(|n| (format!("x-long-{n}"), &*long)).collect();
        let long: Vec<(&str, &str)> = long.iter().map(|(name, value)| (&**name, *value)).collect();
        for (number, raw) in clients.iter_mut().enumerate() {
            if number % 2 == 1 {
                assert!(raw.offer(&refused()).await);
            }
            let head = head("POST", "/mcp", &self.bound.secret, &[&long[..], &[("content-length", "65536")]].concat());
            assert!(raw.offer(&whole_head(195, &head)).await);
            assert!(raw.offer(&data(195, 65_000)).await);
        }
        clients
    }

    /// Bodies that are read whole, but for their last byte.
    async fn bodies(&self) -> Vec<Http1> {
        let mut clients = Vec::new();
        for _ in 0..LONG {
            let mut client = self.http1().await;
            client.send_head(&Ask::post(vec![b' '; BODY]).key(&self.bound.secret)).await;
            client.send(vec![b' '; BODY - 1]).await;
            clients.push(client);
        }
        clients
    }

    /// Calls that are denied, with all that an audit line says of a call, until there is no room for more.
    async fn denied(&self) -> Http1 {
        let names: Vec<(String, Value)> =
            (0..32).map(|n| (format!("{n}{}", "\u{1}".repeat(200)), json!("x".repeat(100)))).collect();
        let call = Ask::call(1, "theirs", Value::Object(names.into_iter().collect())).key(&self.bound.secret);
        let mut client = self.http1().await;
        while self.metric("gateway_audit_queue_bytes").await <= 2.0 * MIB as f64 {
            client.open(&call).await;
            let full = async || (self.metric("gateway_audit_queue_bytes").await > 2.0 * MIB as f64).then_some(());
            tokio::select! {
                reply = client.reply() => drop(reply.with(403)),
                () = eventually("the audit is full", full) => return client,
            }
        }
        client
    }

    async fn metric(&self, name: &str) -> f64 {
        self.gateway.metric(name).await.unwrap_or_else(|| panic!("no {name}"))
    }

    async fn comes_to(&self, name: &str, least: usize) {
        let there = async || self.gateway.metric(name).await.filter(|value| *value >= least as f64);
        eventually(format!("{name} comes to {least}"), there).await;
    }

    /// The keys file is replaced several times.
    async fn reload(&self) {
        let mut keys = self.gateway.read("keys.toml");
        for number in 0..3 {
            keys += &format!("[[client]]\nid = \"late-{number}\"\ntools = \"all\"\n");
            self.gateway.replace("keys.toml", &keys);
            self.gateway.signal(Signal::HUP);
            self.comes_to(&format!("gateway_streams_open{{client=\"late-{number}\"}}"), 0).await;
        }
    }
}

async fn endless(mut exchange: Exchange) {
    let _ = exchange.offer("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 9999999999\r\n\r\n").await;
    let piece = vec![b'x'; 64 << 10];
    while exchange.offer(&piece).await.is_ok() {}
}

fn many() -> String {
    let mut many = "[[client]]\nid = \"many\"\ntools = \"all\"\n".to_owned();
    for number in 0..KEYS {
        many += &format!("[[client.key]]\nid = \"k{number:09}\"\ndigest = \"sha256:{number:016x}{:048}\"\n", 0);
    }
    many
}

fn head(method: &str, path: &str, key: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let own = [
        (":method", method),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-api-key", key),
    ];
    block(&[&own[..], more].concat())
}

/// A header block that is not the last of its stream, in as many frames as it takes.
fn whole_head(stream: u32, head: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = head.chunks(16_384).collect();
    let last = parts.len() - 1;
    let frames = parts.into_iter().enumerate().map(|(number, part)| {
        let kind = if number == 0 { HEADERS } else { CONTINUATION };
        frame(kind, if number == last { END_HEADERS } else { 0 }, stream, part)
    });
    frames.flatten().collect()
}

fn data(stream: u32, length: usize) -> Vec<u8> {
    vec![b' '; length].chunks(16_384).flat_map(|part| frame(DATA, 0, stream, part)).collect()
}

/// Requests that are refused, whose replies wait for a window.
fn refused() -> Vec<u8> {
    let ask = |n: u32| frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 3, &head("GET", "/none", "", &[]));
    (0..96).flat_map(ask).collect()
}

/// The begin of a head with as many fields as there may be, of as few bytes as there may be.
fn crumbs() -> Vec<u8> {
    let names: Vec<String> = (0..700u32).map(|n| format!("{}{}", (b'a' + (n % 26) as u8) as char, n / 26)).collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "")).collect();
    frame(HEADERS, 0, 999, &block(&fields))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_everything_at_its_bound() {
    raise_file_limit();
    let begun = Instant::now();
    let mut crowd = Crowd::start().await;
    let printed: Value = serde_json::from_str(&crowd.gateway.command(&["check", "--json"])).unwrap();
    let printed = printed["worst_case_memory_bytes"].as_u64().unwrap();
    let alone = peak(&crowd.gateway);
    let held_back = [crowd.gateway.log.hold_back(), crowd.gateway.audit.hold_back()];

    let shaking = crowd.shaking(SHAKING).await;
    let unread = crowd.unread().await;
    let mut multiplexed = crowd.multiplexed().await;
    let bodies = crowd.bodies().await;
    crowd.comes_to("gateway_held_bytes", 14 * MIB).await;
    let denied = crowd.denied().await;
    let long = [("x-long", &*"x".repeat(15_000)), ("content-length", "1000")];
    for raw in multiplexed.iter_mut().take(WAITING) {
        let head = head("POST", "/mcp", &crowd.bound.secret, &long);
        assert!(raw.offer(&[whole_head(197, &head), data(197, 400)].concat()).await);
    }
    for raw in &mut multiplexed {
        assert!(raw.offer(&crumbs()).await);
    }
    let surplus = crowd.shaking(SURPLUS).await;
    crowd.comes_to("gateway_connections_open", 128 + SURPLUS).await;
    crowd.comes_to("gateway_in_flight", 208 - 208 / 64).await; // workers keep some at hand

    crowd.comes_to("gateway_h2_streams_open", HTTP2 * 98).await;
    crowd.comes_to("gateway_log_lines_lost_total", 1).await;
    crowd.reload().await;
    crowd.gateway.admin("/status.json").await.with(200);

    let measured = peak(&crowd.gateway);
    eprintln!("{alone} alone, {measured} measured, {printed} printed, {:?}", begun.elapsed());
    drop((shaking, unread, multiplexed, bodies, denied, surplus, held_back));
    crowd.gateway.signal(Signal::TERM);
    assert_eq!(crowd.gateway.exited().await, 0);
    assert!(measured <= printed, "{measured} bytes are more than the {printed} that were told of");
    assert!(printed <= 4 * measured, "{printed} bytes are told of, and {measured} were taken");
}

/// The most memory that the process had so far.
fn peak(gateway: &Gateway) -> u64 {
    let status = gateway.proc("status");
    let kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())
        .expect("a number");
    kib << 10
}
