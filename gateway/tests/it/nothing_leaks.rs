//! Everything at once, for minutes: all that a hostile client, or the server behind, may do, beside clients that call
//! tools, while the keys file changes. Meanwhile calls are answered; afterwards no descriptor, thread, connection, stream
//! or request is left, and the memory is what it was in the first fifth of the time.
//!
//! `SOAK_MINUTES` says how long; `.ci/nightly` runs it. `SOAK_PAUSE_MS` is what each attacker waits before it tries again,
//! for a machine that has other work.

mod attacks;
mod pages;

use crate::harness::limits::raise_file_limit;
use crate::harness::{Backend, Gateway, Key, Protocol, eventually};
use attacks::Soak;
use pages::Pages;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Short times, so that there are many ends, but none that an honest client misses on a busy machine.
const SETTINGS: &str = r#"
workers = 2
[routes]
public = ["/", "/health", "/big", "/silent", "/lies"]
[log]
level = "warn,gateway::serve=info"
[audit]
output = "./audit.jsonl"
rotate_size = "1MiB"
keep = 2
[limits]
max_body = "64KiB"
max_head = "8KiB"
handshake_timeout = "5s"
header_timeout = "3s"
idle_timeout = "4s"
stall_timeout = "2s"
keep_alive = "1s"
failures_per_address = "unlimited"
max_connections_per_address = 400
"#;

const GREEDY: &str = "tools = \"all\"\nrate = \"5/s\"\nburst = 5\nmax_in_flight = 2\nmax_streams = 2";

/// The limits that somebody runs into in each round.
const HIT: [&str; 11] = [
    "handshake_timeout",
    "max_head",
    "header_timeout",
    "idle_timeout",
    "max_body",
    "min_body_rate",
    "stall_timeout",
    "max_streams",
    "max_control_frames",
    "h2_flood",
    "max_connections_per_address",
];

/// What the process has open or in use. All but the memory has to be back where it was.
#[derive(Debug)]
struct Standing {
    resident: f64,
    files: f64,
    threads: u64,
    connections: f64,
    streams: f64,
    requests: f64,
}

impl Standing {
    async fn of(gateway: &Gateway) -> Self {
        let text = gateway.admin("/metrics").await.with(200).text();
        let metric = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
            value.unwrap_or_else(|| panic!("no metric {name}"))
        };
        let status = gateway.proc("status");
        let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
        Self {
            resident: metric("process_resident_memory_bytes"),
            files: metric("process_open_fds"),
            threads: threads.expect("a number of threads"),
            connections: metric("gateway_connections_open"),
            streams: metric("gateway_h2_streams_open"),
            requests: metric("gateway_in_flight"),
        }
    }

    /// A connection to the upstream may be kept, and a thread for blocking work.
    fn is_idle(&self, before: &Self) -> bool {
        let open = self.connections + self.streams + self.requests;
        open == 0.0 && self.files <= before.files + 1.0 && self.threads <= before.threads + 1
    }
}

/// So many of each kind, each of which begins anew when it is through.
fn attack(soak: &Arc<Soak>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    macro_rules! many {
        ($times:literal, $attack:ident($($how:expr)?)) => {
            for _ in 0..$times {
                tasks.spawn(soak.clone().repeat(async |soak| soak.$attack($($how)?).await));
            }
        };
    }
    many!(1, call(Protocol::Http1));
    many!(1, call(Protocol::Http2));
    many!(1, greed());
    many!(1, leave());
    many!(20, slow_head());
    many!(10, slow_body());
    many!(10, slow_body_over_h2());
    many!(5, stalled_reader());
    many!(5, stalled_reader_over_h2());
    many!(10, half_a_handshake());
    many!(10, silence());
    many!(5, silent_stream());
    many!(1, bad_heads());
    many!(1, too_large());
    many!(1, floods());
    many!(1, crowd());
    many!(1, lies());
    many!(1, reload());
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: SOAK_MINUTES, by default one"]
async fn after_everything_at_once() {
    raise_file_limit();
    let number = |name, or| std::env::var(name).map_or(or, |text| text.parse::<f64>().expect("a number"));
    let (minutes, pause) = (number("SOAK_MINUTES", 1.0), number("SOAK_PAUSE_MS", 1.0));
    let pages = Pages::before(Backend::start().await).await;
    let greedy = Key::new();
    let gateway = Gateway::before(&pages).settings(SETTINGS).client("greedy", GREEDY, &[&greedy]).start().await;
    let before = Standing::of(&gateway).await;
    let soak = Arc::new(Soak::new(gateway, greedy, Duration::from_secs_f64(pause / 1000.0)));
    let mut tasks = attack(&soak);

    let (begun, all) = (Instant::now(), Duration::from_secs_f64(minutes * 60.0));
    let (mut early, mut late) = (0.0f64, 0.0f64);
    for look in 1..=60 {
        tokio::time::sleep_until((begun + all / 60 * look).into()).await;
        let standing = Standing::of(&soak.gateway).await;
        if look <= 12 {
            early = early.max(standing.resident)
        } else {
            late = late.max(standing.resident)
        }
        if look % 2 == 0 {
            let (at, calls) = (begun.elapsed().as_secs_f64() / 60.0, soak.calls());
            eprintln!("minute {at:.1}: {} KiB, {calls} calls, {standing:?}", standing.resident / 1024.0);
        }
    }
    soak.end();
    // one that failed has said so when it did; the others went on
    let mut failed = 0;
    while let Some(ended) = tasks.join_next().await {
        failed += u32::from(ended.is_err());
    }
    assert!(soak.calls() > 100, "calls were answered meanwhile");
    assert_eq!(
        (soak.let_down(), failed),
        (0, 0),
        "calls that were not, and attackers that met what they did not expect"
    );
    for limit in HIT {
        assert!(soak.gateway.hits(limit).await > 0.0, "nobody ran into {limit}");
    }
    let idle = async || {
        let standing = Standing::of(&soak.gateway).await;
        standing.is_idle(&before).then_some(standing)
    };
    let after = eventually("nothing is left open", idle).await;
    eprintln!(
        "before {before:?}\nafter {after:?}\nresident {early} bytes at most in the first fifth, {late} afterwards"
    );
    assert!(late <= early * 1.05, "memory grew from {early} to {late} bytes");
}
