//! Everything at once, for minutes: calls, streams that are left, heads that do not end, floods of frames,
//! wrong keys. Meanwhile calls are answered; afterwards no descriptor, connection or request is left, and the memory is
//! what it was after the first fifth of the time. `SOAK_MINUTES` says how long; `.ci/nightly` runs it.

use crate::harness::limits::raise_file_limit;
use crate::harness::raw2::{END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, block, frame, request};
use crate::harness::{Ask, Backend, Gateway, Key, Protocol, eventually};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SETTINGS: &str = "workers = 2\n[log]\nlevel = \"warn,gateway::serve=info\"\n[audit]\noutput = \"off\"\n[limits]\n\
    header_timeout = \"1s\"\nidle_timeout = \"2s\"\nstall_timeout = \"1s\"\nfailures_per_address = \"unlimited\"";

struct Soak {
    gateway: Gateway,
    over: AtomicBool,
    calls: AtomicU64,
}

impl Soak {
    async fn repeat(self: Arc<Self>, mut once: impl AsyncFnMut(&Self)) {
        while !self.over.load(Relaxed) {
            once(&self).await;
        }
    }

    async fn call(&self, protocol: Protocol) {
        let mut client = self.gateway.client(protocol).await;
        for n in 0..20 {
            let ask = Ask::call(n, "get_alerts", json!({"state": "CA"})).key(&self.gateway.key().secret);
            client.ask(&ask).await.with(200);
            self.calls.fetch_add(1, Relaxed);
        }
        client.ask(&Ask::ping().key(Key::new().secret)).await.with(401);
    }

    async fn slow_head(&self) {
        let mut client = self.gateway.http1().await;
        client.send("POST /mcp HTTP/1.1\r\nhost: local").await;
        client.closed("its head does not end").await;
    }

    async fn leave(&self) {
        let mut client = self.gateway.http2().await;
        let ask = Ask::call(1, "get_alerts", json!({"state": "CA"})).key(&self.gateway.key().secret);
        let streams = [client.open(&ask).await, client.open(&ask).await];
        streams.into_iter().for_each(|stream| stream.reset());
        client.hang_up();
    }

    async fn floods(&self) {
        self.gateway.raw2().await.flood(|n| frame(PING, 0, 0, &u64::from(n).to_be_bytes())).await;
        let opened = |n: u32| frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, &block(&request("GET", "/mcp")));
        let reset = move |n| [opened(n), frame(RST_STREAM, 0, 2 * n + 1, &[0, 0, 0, 8])].concat();
        self.gateway.raw2().await.flood(reset).await;
    }

    async fn resident(&self) -> f64 {
        self.gateway.metric("process_resident_memory_bytes").await.expect("a number")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: SOAK_MINUTES, by default one"]
async fn after_everything_at_once() {
    raise_file_limit();
    let minutes = std::env::var("SOAK_MINUTES").map_or(1.0, |text| text.parse::<f64>().expect("a number of minutes"));
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).settings(SETTINGS).start().await;
    let files = gateway.metric("process_open_fds").await.unwrap();
    let soak = Arc::new(Soak { gateway, over: AtomicBool::new(false), calls: AtomicU64::new(0) });
    let mut tasks = JoinSet::new();
    tasks.spawn(soak.clone().repeat(async |soak| soak.call(Protocol::Http1).await));
    tasks.spawn(soak.clone().repeat(async |soak| soak.call(Protocol::Http2).await));
    for _ in 0..20 {
        tasks.spawn(soak.clone().repeat(async |soak| soak.slow_head().await));
    }
    tasks.spawn(soak.clone().repeat(async |soak| soak.leave().await));
    tasks.spawn(soak.clone().repeat(async |soak| soak.floods().await));

    let (begun, all) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let (mut early, mut late) = (0.0f64, 0.0f64);
    while begun.elapsed() < all {
        tokio::time::sleep(all / 50).await;
        let resident = soak.resident().await;
        if begun.elapsed() < all / 5 { early = early.max(resident) } else { late = late.max(resident) }
    }
    soak.over.store(true, Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("nobody was let down");
    }
    assert!(soak.calls.load(Relaxed) > 100, "calls were answered meanwhile");
    let gateway = &soak.gateway;
    let idle = async || {
        let open = gateway.metric("gateway_connections_open").await? + gateway.metric("gateway_in_flight").await?;
        (open == 0.0 && gateway.metric("process_open_fds").await? <= files + 1.0).then_some(())
    };
    eventually("nothing is left open", idle).await;
    eprintln!("resident: {early} bytes at most in the first fifth, {late} afterwards; {:?} calls", soak.calls);
    assert!(late <= early * 1.05, "memory grew from {early} to {late} bytes");
}
