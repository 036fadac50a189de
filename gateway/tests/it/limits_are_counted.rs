//! Every member of `[limits]` bites, and what it is counted in moves, and nothing else that counts limits does. The members
//! are read from the reference, so that none is left out here.

use crate::harness::origin::ok;
use crate::harness::raw2::{END_HEADERS, END_STREAM, HEADERS, PING, SETTINGS, block, frame, request};
use crate::harness::{Ask, Gateway, Http1, Key, Origin, Protocol, eventually};
use std::collections::BTreeMap;
use tokio::net::TcpStream;
use toml_edit::DocumentMut;

const REFERENCE: &str = include_str!("../../../config/gateway.toml");

/// What counts that is no member: the h2 library's own patience, and what the system gives.
const OTHERS: [&str; 2] = ["h2_flood", "open_files"];

/// Most bytes that are held where that is tried, and a body that finds no room beside another one.
const HELD: usize = 1 << 20;

fn members() -> Vec<String> {
    let reference: DocumentMut = REFERENCE.parse().unwrap();
    reference["limits"].as_table().unwrap().iter().map(|(name, _)| name.to_owned()).collect()
}

/// What each member is set to, so that it bites soon.
fn tight(member: &str) -> &'static str {
    match member {
        "max_body" | "max_list" => "\"1KiB\"",
        "max_held" => "\"1MiB\"",
        "handshake_timeout" | "header_timeout" | "idle_timeout" | "stall_timeout" | "keep_alive" => "\"100ms\"",
        "failures_per_address" | "handshakes_per_address" => "\"1/day\"",
        "max_connections_per_address" | "max_connections" | "max_in_flight" | "max_streams" | "max_control_frames" => {
            "1"
        }
        "max_head" => "\"8KiB\"",
        "max_fields" => "10",
        "max_header_list" => "\"4KiB\"",
        "min_body_rate" => "\"64KiB\"",
        _ => panic!("`{member}` is new: say what makes it bite, and what counts that"),
    }
}

struct Stage {
    origin: Origin,
    gateway: Gateway,
    /// Of a client with a policy.
    bound: Key,
}

impl Stage {
    async fn set(member: &str) -> Self {
        let (origin, bound) = (Origin::start().await, Key::new());
        let settings = format!("workers = 1\n[limits]\n{member} = {}", tight(member));
        let setup = Gateway::before(&origin).client("bound", "tools = [\"mine\"]", &[&bound]);
        let gateway = setup.settings(&settings).start().await;
        Self { origin, gateway, bound }
    }

    fn ping(&self) -> Ask {
        Ask::ping().key(&self.gateway.key().secret)
    }

    async fn refused(&self, protocol: Protocol, status: u16, ask: &Ask) {
        self.gateway.client(protocol).await.ask(ask).await.with(status);
    }

    /// Whatever counts a limit, and has counted something.
    async fn moved(&self) -> BTreeMap<String, f64> {
        let text = self.gateway.admin("/metrics").await.with(200).text();
        let limits = text.lines().filter_map(|line| line.strip_prefix("gateway_limit_hits_total{limit=\""));
        let limits = limits.map(|line| line.split_once("\"} ").unwrap());
        let alive = text.lines().filter_map(|line| line.strip_prefix("gateway_keep_alives_total "));
        let counts = limits.chain(alive.map(|count| ("keep_alive", count)));
        let counts = counts.map(|(name, count)| (name.to_owned(), count.parse::<f64>().unwrap()));
        counts.filter(|(_, count)| *count > 0.0).collect()
    }

    /// Does what the member is there against.
    async fn bite(&self, member: &str) {
        match member {
            "max_body" | "max_list" | "max_held" | "max_head" | "max_fields" | "max_header_list" => {
                self.brings_too_much(member).await;
            }
            "handshake_timeout" | "header_timeout" | "idle_timeout" | "min_body_rate" | "stall_timeout"
            | "keep_alive" => {
                self.takes_too_long(member).await;
            }
            _ => self.comes_too_often(member).await,
        }
    }

    /// More bytes, or fields, than there may be.
    async fn brings_too_much(&self, member: &str) {
        let Self { origin, gateway, bound } = self;
        let ping = self.ping();
        match member {
            "max_body" => {
                self.refused(Protocol::Http1, 413, &Ask::post(vec![b' '; 1025]).key(&gateway.key().secret)).await
            }
            "max_list" => {
                let list = Ask::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).key(&bound.secret);
                let mut client = gateway.http1().await;
                client.open(&list).await;
                let name = "x".repeat(1024);
                let reply =
                    format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"tools\":[{{\"name\":\"{name}\"}}]}}}}");
                origin.whole().await.send(ok(&reply)).await;
                client.reply().await.with(502);
            }
            "max_held" => {
                let length = (HELD - HELD / 4).to_string();
                let long = Ask::new("POST", "/mcp").key(&bound.secret).field("content-type", "application/json");
                let (mut one, mut other) = (gateway.http1().await, gateway.http1().await);
                one.send_head(&long.clone().field("content-length", &*length)).await;
                let held = async || (gateway.metric("gateway_held_bytes").await? > 0.0).then_some(());
                eventually("one has its room", held).await;
                other.send_head(&long.field("content-length", length)).await;
                other.reply().await.with(503);
            }
            "max_head" => self.refused(Protocol::Http1, 431, &ping.field("x-long", "x".repeat(9 << 10))).await,
            "max_fields" => {
                let many = (0..11).fold(ping, |ask, n| ask.field(&format!("x-{n}"), ""));
                self.refused(Protocol::Http2, 431, &many).await;
            }
            "max_header_list" => self.refused(Protocol::Http2, 431, &ping.field("x-long", "x".repeat(4 << 10))).await,
            _ => panic!("`{member}` is new: make it bite"),
        }
    }

    /// Longer than anybody waits.
    async fn takes_too_long(&self, member: &str) {
        let Self { origin, gateway, .. } = self;
        match member {
            "handshake_timeout" => {
                let silent = TcpStream::connect(gateway.public).await.unwrap();
                Http1::new(silent, String::new()).closed("it does not speak").await;
            }
            "header_timeout" => {
                let mut client = gateway.http1().await;
                client.send("POST /mcp HTT").await;
                client.closed("its head does not end").await;
            }
            "idle_timeout" => gateway.http1().await.closed("it asks nothing").await,
            "min_body_rate" => {
                let mut client = gateway.http1().await;
                client
                    .send_head(&Ask::new("POST", "/mcp").key(&gateway.key().secret).field("content-length", "9"))
                    .await;
                client.reply().await.with(400);
            }
            "stall_timeout" => {
                // no byte of a body may come
                let mut raw = gateway.raw2().await;
                raw.offer(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
                raw.offer(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&request("GET", "/none")))).await;
                self.counted(member).await;
            }
            "keep_alive" => {
                let mut client = gateway.http1().await;
                client.open(&self.ping()).await;
                let mut exchange = origin.whole().await;
                exchange.stream().await;
                client.incoming().await.exactly(3).await;
            }
            _ => panic!("`{member}` is new: make it bite"),
        }
    }

    /// More of them than there may be.
    async fn comes_too_often(&self, member: &str) {
        let Self { origin, gateway, .. } = self;
        let (ping, wrong) = (self.ping(), Ask::ping().key("nobody-has-this-one"));
        match member {
            "failures_per_address" => {
                self.refused(Protocol::Http1, 401, &wrong).await;
                self.refused(Protocol::Http2, 429, &wrong).await;
            }
            "max_connections_per_address" | "handshakes_per_address" => {
                let mut one = gateway.http1().await;
                one.ask(&Ask::get("/none")).await.with(404);
                let other = TcpStream::connect(gateway.public).await.unwrap();
                assert!(gateway.tls_over(other, Protocol::Http1).await.is_err());
            }
            "max_connections" => {
                let mut only = gateway.http1().await;
                only.ask(&Ask::get("/none")).await.with(404);
                self.refused(Protocol::Http2, 503, &ping).await;
            }
            "max_in_flight" => {
                let mut only = gateway.http1().await;
                only.open(&ping).await;
                let _held = origin.whole().await;
                self.refused(Protocol::Http2, 503, &ping).await;
            }
            "max_streams" => {
                let mut raw = gateway.raw2().await;
                let mut fields = request("GET", "/mcp");
                fields.push(("x-api-key", &gateway.key().secret));
                let open = |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&fields));
                raw.offer(&[open(1), open(3)].concat()).await;
                let _held = origin.next().await;
                self.counted(member).await;
            }
            "max_control_frames" => {
                gateway.raw2().await.flood(|_| frame(PING, 0, 0, &[0; 8])).await;
            }
            _ => panic!("`{member}` is new: make it bite"),
        }
    }

    async fn counted(&self, member: &str) {
        eventually(format!("{member} is counted"), async || self.moved().await.contains_key(member).then_some(()))
            .await;
    }
}

#[tokio::test]
async fn each_where_it_bites_and_nowhere_else() {
    for member in members() {
        let stage = Stage::set(&member).await;
        assert_eq!(stage.moved().await, BTreeMap::new(), "{member}: nothing has happened");
        stage.bite(&member).await;
        stage.counted(&member).await;
        let moved = stage.moved().await;
        assert_eq!(moved.keys().collect::<Vec<_>>(), [&member], "{moved:?}");
    }
}

#[tokio::test]
async fn and_nothing_is_counted_that_is_no_limit() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let text = gateway.admin("/metrics").await.with(200).text();
    let counted =
        text.lines().filter_map(|line| line.strip_prefix("gateway_limit_hits_total{limit=\"")?.split('"').next());
    let mut counted: Vec<_> = counted.collect();
    counted.sort_unstable();
    let mut members = members();
    members.retain(|member| member != "keep_alive");
    members.extend(OTHERS.map(str::to_owned));
    members.sort_unstable();
    assert_eq!(counted, members);
    assert!(text.contains("\ngateway_keep_alives_total "));
}
