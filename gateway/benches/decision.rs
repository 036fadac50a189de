//! What deciding about one request costs, and what recording it costs: `cargo bench -p gateway --bench decision`.
//!
//! The last figures of `record` count all CPU time of the process, so that the thread that writes the audit is in them.

use criterion::{
    Bencher, BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main, measurement::WallTime,
};
use gateway::access::secret::Secret;
use gateway::access::{Access, Hold, KeyId, Memory, Shown, Sole};
use gateway::config::keys_file;
use gateway::mcp::{Call, Method};
use gateway::record::audit::{Audit, FilePlan, Plan};
use gateway::record::{
    Certificate, End, Exchange, Follow, Hall, HttpMethod, Live, Meters, Metrics, Peer, Recorder, Trace,
};
use gateway::stock::Stock;
use http::StatusCode;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_forecast","arguments":{"latitude":40.7128,"longitude":-74.006}}}"#;

/// So many clients with a key each; the first may call everything, the others a list.
fn access(clients: u32) -> (Access, Vec<String>) {
    let mut secrets = Vec::new();
    let mut text = String::new();
    for number in 0..clients {
        let id = KeyId::parse(&format!("key{number:05}")).expect("an id");
        let secret = Secret::make(&id).expect("random numbers");
        let tools = if number == 0 { "\"all\"" } else { "[\"get_alerts\", \"get_forecast\"]" };
        text += &format!("[[client]]\nid = \"client-{number}\"\ntools = {tools}\n[[client.key]]\nid = \"{id}\"\n");
        text += &format!("digest = \"{}\"\n", secret.digest());
        secrets.push(secret.expose().to_owned());
    }
    let rows = keys_file::parse(&text, Path::new("keys.toml")).expect("a keys file");
    (Access::build(rows).expect("rows that agree"), secrets)
}

fn shown<'a>(memory: &'a Memory, secret: &'a [u8]) -> Shown<'a> {
    Shown { api_key: Sole::One(secret), memory, address: None }
}

fn decide(criterion: &mut Criterion) {
    let (access, secrets) = access(100);
    let now = SystemTime::now();
    let [open, bounded, ..] = secrets.as_slice() else { return };
    let (open, bounded) = (open.as_bytes(), bounded.as_bytes());
    let mut group = criterion.benchmark_group("authenticate");
    group.bench_function("first request of a connection", |bencher| {
        bencher.iter(|| access.authenticate(&shown(&Memory::default(), open), now).is_ok());
    });
    let memory = Memory::default();
    group.bench_function("next request", |bencher| {
        bencher.iter(|| access.authenticate(&shown(&memory, open), now).is_ok());
    });
    let unknown = Secret::make(&KeyId::parse("unknown0").expect("an id")).expect("random numbers");
    let unknown = unknown.expose().as_bytes();
    let mistyped = unknown.split_last().map_or(&[][..], |(_, cut)| cut);
    for (name, secret) in [("unknown key", unknown), ("mistyped key", mistyped)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| access.authenticate(&shown(&Memory::default(), secret), now).is_ok());
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("parse");
    group.bench_function("observe", |bencher| bencher.iter(|| Call::observe(black_box(CALL)).map(|c| c.method())));
    group.bench_function("judge", |bencher| bencher.iter(|| Call::judge(black_box(CALL)).map(|c| c.method())));
    group.finish();
    let mut group = criterion.benchmark_group("admit and authorize");
    let call = Call::judge(CALL).expect("a call");
    for (name, secret) in [("everything", open), ("a list", bounded)] {
        let principal = access.authenticate(&shown(&memory, secret), now).expect("a good key");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let slot = principal.admit(Hold::Flight);
                (slot.is_ok(), principal.authorize(Some(black_box(&call))).permit().is_ok())
            });
        });
    }
    group.finish();
}

/// What a look-up costs must not depend on how many keys there are. `one of` them, again and again, shows the steps that it
/// takes. `each of` them in turn, in no order, shows what the processor's caches add when they cannot hold all keys, their
/// clients, and the secrets themselves, which a request brings with it and this does not.
fn among(criterion: &mut Criterion) {
    let now = SystemTime::now();
    let mut group = criterion.benchmark_group("authenticate among keys");
    for clients in [1, 100, 10_000] {
        let (access, secrets) = access(clients);
        // a step that is prime to the number of keys meets each of them
        let step = |number: usize| secrets.get(number * 7_919 % secrets.len()).map(String::as_bytes);
        let each: Vec<&[u8]> = (0..secrets.len()).filter_map(step).collect();
        for (name, shown) in [("one of", each.get(..1).unwrap_or_default()), ("each of", &each)] {
            group.bench_function(BenchmarkId::new(name, clients), |bencher| look_up(bencher, &access, shown, now));
        }
    }
    group.finish();
}

fn look_up(bencher: &mut Bencher<'_>, access: &Access, secrets: &[&[u8]], now: SystemTime) {
    let mut secrets = secrets.iter().cycle();
    bencher.iter(|| {
        let secret = secrets.next().copied().unwrap_or_default();
        access.authenticate(&shown(&Memory::default(), secret), now).is_ok()
    });
}

/// One worker's record keeping, over the whole life of a request.
struct Desk {
    recorder: Rc<Recorder>,
    peer: Rc<Peer>,
    secret: String,
    memory: Memory,
}

impl Desk {
    fn new(audit: Option<&Audit>) -> Self {
        let (access, mut secrets) = access(100);
        let meters = Meters::build(&access, 1, &Meters::naming(&["get_forecast".to_owned()]));
        let live = Arc::new(arc_swap::ArcSwap::from_pointee(Live { access, meters }));
        let certificate = Certificate { name: "localhost".to_owned(), not_after: SystemTime::now() };
        let state = audit.map_or_else(Arc::default, Audit::state);
        let routes = vec!["/mcp".to_owned(), "other".to_owned()];
        let metrics =
            Arc::new(Metrics::new(1, routes, live.clone(), certificate, state, (Stock::new(1 << 20), Arc::default())));
        let (pen, seats) = (audit.map(Audit::pen), Hall::new(1000).seats(1000, 1));
        Self {
            recorder: Rc::new(Recorder::new(metrics, 0, Follow::new(live), [1, 2], pen, seats)),
            peer: Rc::new(Peer::new(([127, 0, 0, 1], 40000).into(), Some("1.3"))),
            secret: secrets.remove(0),
            memory: Memory::default(),
        }
    }

    /// All that is recorded of one call of a tool.
    fn record(&self, call: &Call<'_>, principal: &gateway::access::Principal<'_>, now: SystemTime) {
        let mut exchange = Exchange::open(&self.recorder, self.recorder.snapshots.load(), &self.peer, HttpMethod::Post);
        exchange.routed(Some(0));
        exchange.challenged();
        exchange.authenticated(principal, now);
        black_box(exchange.traceparent());
        exchange.asks(call);
        exchange.decided(principal.authorize(Some(call)));
        exchange.sent();
        exchange.relayed(StatusCode::OK, false);
        exchange.passed(180);
        exchange.ended(End::Complete);
    }
}

fn record(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("audit.jsonl");
    let file = FilePlan { path, size: 64 << 20, age: Duration::ZERO, keep: 1, fsync: None };
    let plan = Plan { file: Some(file), arguments: false, drops: false, mark: 64 << 20 };
    let audit = Audit::start(&plan, ()).expect("a file");
    let mut group = criterion.benchmark_group("record");
    for (name, audit) in [("without audit", None), ("with audit", Some(&audit))] {
        let desk = Desk::new(audit);
        one(&mut group, name, &desk);
    }
    group.finish();
    audit.finish(Duration::from_secs(10));
    let trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    criterion.bench_function("traceparent", |bencher| bencher.iter(|| Trace::read(black_box(trace))));
}

fn one(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, desk: &Desk) {
    let live = desk.recorder.snapshots.load();
    let now = SystemTime::now();
    let shown = shown(&desk.memory, desk.secret.as_bytes());
    let principal = live.access.authenticate(&shown, now).expect("a good key");
    let call = Call::observe(CALL).expect("a call");
    assert_eq!(call.method(), Method::ToolsCall);
    group.bench_function(BenchmarkId::new("wall time", name), |bencher| {
        bencher.iter(|| desk.record(&call, &principal, now));
    });
    group.bench_function(BenchmarkId::new("CPU time of all threads", name), |bencher| {
        bencher.iter_custom(|times| {
            let before = cpu();
            (0..times).for_each(|_| desk.record(&call, &principal, now));
            cpu() - before
        });
    });
}

fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or_default())
}

criterion_group!(benches, decide, among, record);
criterion_main!(benches);
