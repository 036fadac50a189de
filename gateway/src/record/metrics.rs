//! What a scrape shows: Prometheus text of all workers' counters, added up.
//!
//! Labels come from closed sets only: client ids and paths from the files, words of this program.

use super::meters::{Cell, ClientShard, Histogram, WorkerMeters};
use super::{Live, Outcome};
use crate::access::Access;
use crate::reject::Reject;
use arc_swap::ArcSwap;
use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as HistogramProto, LabelPair, Metric, MetricFamily, MetricType,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

/// Label of requests that belong to no client; no client id begins with `-`.
const NOBODY: &str = "-";

/// A certificate as a scrape shows it.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Its first name.
    pub name: String,
    /// Its end.
    pub not_after: SystemTime,
}

/// All that a scrape reads.
pub struct Metrics {
    workers: Box<[WorkerMeters]>,
    routes: Vec<String>,
    live: Arc<ArcSwap<Live>>,
    certificate: ArcSwap<Certificate>,
    reloads: [Reload; 2],
}

/// What is read again while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadedFile {
    /// The keys file.
    Keys,
    /// The certificate chain with its private key.
    Certificate,
}

impl ReloadedFile {
    const ALL: [ReloadedFile; 2] = [ReloadedFile::Keys, ReloadedFile::Certificate];

    const fn word(self) -> &'static str {
        match self {
            ReloadedFile::Keys => "keys",
            ReloadedFile::Certificate => "certificate",
        }
    }
}

/// How the last try to read a file went, and when one last went well.
struct Reload {
    ok: AtomicBool,
    millis: AtomicU64,
}

impl Metrics {
    /// For `workers` workers; `routes` are the labels of the route numbers.
    pub fn new(workers: usize, routes: Vec<String>, live: Arc<ArcSwap<Live>>, certificate: Certificate) -> Self {
        let workers = (0..workers).map(|_| WorkerMeters::default()).collect();
        let reloads = [(); 2].map(|()| Reload { ok: AtomicBool::new(true), millis: AtomicU64::new(0) });
        let metrics = Self { workers, routes, live, certificate: ArcSwap::from_pointee(certificate), reloads };
        ReloadedFile::ALL.into_iter().for_each(|file| metrics.reloaded(file, Some(SystemTime::now())));
        metrics
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Tells that a file was read again: when, or that it cannot be used and what was read before stays in use.
    pub fn reloaded(&self, file: ReloadedFile, loaded: Option<SystemTime>) {
        let Some(reload) = self.reloads.get(file as usize) else { return };
        reload.ok.store(loaded.is_some(), Relaxed);
        if let Some(when) = loaded {
            reload.millis.store((seconds(when) * 1e3) as u64, Relaxed);
        }
    }

    /// The counters of one worker.
    ///
    /// # Panics
    /// If there is no such worker: workers are numbered from 0 when they are started.
    pub fn worker(&self, index: usize) -> &WorkerMeters {
        self.workers.get(index).expect("workers are numbered from 0 when they are started")
    }

    /// How many routes are told apart.
    pub fn routes(&self) -> usize {
        self.routes.len()
    }

    /// Tells of a new certificate.
    pub fn renew(&self, certificate: Certificate) {
        self.certificate.store(Arc::new(certificate));
    }

    /// When the certificate ends.
    pub fn certificate_ends(&self) -> SystemTime {
        self.certificate.load().not_after
    }

    /// Event streams that are open now, of all clients and workers.
    pub fn streams_open(&self) -> u64 {
        let live = self.live.load();
        let clients = live.meters.iter().flat_map(|meters| meters.shards.iter());
        clients.chain(self.workers.iter().map(|w| &w.anonymous)).map(|shard| shard.streams_open.get()).sum()
    }

    /// Prometheus text format 0.0.4.
    pub fn text(&self) -> String {
        let live = self.live.load();
        let mut families = vec![self.requests(&live), self.decisions(), self.durations(), self.streams(&live)];
        families.extend([key_expiry(&live.access), self.certificate_expiry()]);
        families.extend(self.reloads());
        families.extend(self.connections());
        families.push(build());
        families.extend(process());
        families.retain(|family| !family.get_metric().is_empty());
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }

    fn requests(&self, live: &Live) -> MetricFamily {
        let mut sums: BTreeMap<(&str, usize, &str, &str), u64> = BTreeMap::new();
        let mut add = |client, shard: &ClientShard| {
            for (Cell { route, method, outcome }, count) in shard.requests.iter() {
                *sums.entry((client, route, method.as_str(), Outcome::word_at(outcome))).or_default() += count;
            }
        };
        self.workers.iter().for_each(|worker| add(NOBODY, &worker.anonymous));
        live.meters.iter().for_each(|meters| meters.shards.iter().for_each(|shard| add(meters.id.as_str(), shard)));
        let rows = sums.into_iter().map(|((client, route, method, outcome), count)| {
            let route = self.routes.get(route).map_or("other", String::as_str);
            counter(&[("client", client), ("route", route), ("method", method), ("outcome", outcome)], count as f64)
        });
        family("gateway_requests_total", "Finished requests.", MetricType::COUNTER, rows)
    }

    fn decisions(&self) -> MetricFamily {
        let rejected = |reject: Reject| {
            let of = |worker: &WorkerMeters| {
                worker
                    .anonymous
                    .requests
                    .iter()
                    .filter(|(cell, _)| cell.outcome == reject.index())
                    .map(|(_, n)| n)
                    .sum::<u64>()
            };
            self.workers.iter().map(of).sum::<u64>()
        };
        let accepted = self.workers.iter().map(|worker| worker.accepted.get()).sum::<u64>();
        let reasons = [
            (Reject::KeyMissing, "missing"),
            (Reject::KeyMalformed, "malformed"),
            (Reject::KeyUnknown, "unknown"),
            (Reject::KeyExpired, "expired"),
            (Reject::KeyNotYetValid, "not_yet_valid"),
            (Reject::KeyDisabled, "disabled"),
        ];
        let mut rows = vec![counter(&[("result", "accepted"), ("reason", "")], accepted as f64)];
        rows.extend(
            reasons.map(|(reject, reason)| {
                counter(&[("result", "rejected"), ("reason", reason)], rejected(reject) as f64)
            }),
        );
        family("gateway_auth_decisions_total", "Keys accepted and refused, by reason.", MetricType::COUNTER, rows)
    }

    fn durations(&self) -> MetricFamily {
        let row = histogram(self.workers.iter().map(|worker| &worker.request_duration));
        let help = "Seconds from a request's head to the end of its reply; GET streams and subscriptions are left out.";
        family("gateway_request_duration_seconds", help, MetricType::HISTOGRAM, [row])
    }

    fn streams(&self, live: &Live) -> MetricFamily {
        let rows = live.meters.iter().map(|meters| {
            let open: u64 = meters.shards.iter().map(|shard| shard.streams_open.get()).sum();
            gauge(&[("client", meters.id.as_str())], open as f64)
        });
        family("gateway_streams_open", "Event streams that are open now.", MetricType::GAUGE, rows)
    }

    fn certificate_expiry(&self) -> MetricFamily {
        let certificate = self.certificate.load();
        let row = gauge(&[("name", &certificate.name)], seconds(certificate.not_after));
        family(
            "gateway_tls_certificate_expiry_timestamp_seconds",
            "When the certificate ends, in Unix time.",
            MetricType::GAUGE,
            [row],
        )
    }

    fn reloads(&self) -> [MetricFamily; 2] {
        let rows = |value: fn(&Reload) -> f64| {
            let row = move |(file, reload): (ReloadedFile, &Reload)| gauge(&[("file", file.word())], value(reload));
            ReloadedFile::ALL.into_iter().zip(&self.reloads).map(row)
        };
        [
            family(
                "gateway_config_reload_ok",
                "1 if the file is in use as it stands, 0 if it cannot be used and what was read before stays in use.",
                MetricType::GAUGE,
                rows(|reload| f64::from(u8::from(reload.ok.load(Relaxed)))),
            ),
            family(
                "gateway_config_reload_timestamp_seconds",
                "When the file was last read and taken into use, in Unix time.",
                MetricType::GAUGE,
                rows(|reload| reload.millis.load(Relaxed) as f64 / 1e3),
            ),
        ]
    }

    fn connections(&self) -> [MetricFamily; 3] {
        let sum = |of: fn(&WorkerMeters) -> u64| self.workers.iter().map(of).sum::<u64>() as f64;
        [
            family(
                "gateway_connections_open",
                "Client connections that are open now.",
                MetricType::GAUGE,
                [gauge(&[], sum(|w| w.connections_open.get()))],
            ),
            family(
                "gateway_tls_handshakes_failed_total",
                "TLS handshakes that failed or timed out.",
                MetricType::COUNTER,
                [counter(&[], sum(|w| w.handshakes_failed.get()))],
            ),
            family(
                "gateway_heads_refused_total",
                "Request heads that could not be read (answered 400 or 431, or cut).",
                MetricType::COUNTER,
                [counter(&[], sum(|w| w.heads_refused.get()))],
            ),
        ]
    }
}

fn key_expiry(access: &Access) -> MetricFamily {
    let rows = access.keys().filter_map(|(client, key)| {
        let expires_at = key.row().expires_at?;
        Some(gauge(&[("client", client.id().as_str()), ("key_id", key.id().as_str())], seconds(expires_at)))
    });
    let help = "When a key that has an end expires, in Unix time.";
    family("gateway_key_expiry_timestamp_seconds", help, MetricType::GAUGE, rows)
}

fn build() -> MetricFamily {
    let row = gauge(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    family("gateway_build_info", "The running version.", MetricType::GAUGE, [row])
}

/// The process metrics that Prometheus clients agree on; left out where /proc does not tell.
fn process() -> Vec<MetricFamily> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // fields 14 and 15 of proc(5), in the kernel's fixed 100 ticks a second; the name in field 2 may hold anything
    let ticks = stat
        .rsplit(')')
        .next()
        .map(|rest| rest.split(' ').skip(12).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>());
    let files = std::fs::read_dir("/proc/self/fd").map(|fds| fds.count() as f64).ok();
    [
        (
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            MetricType::GAUGE,
            resident.map(|kb| kb * 1024.0),
        ),
        (
            "process_cpu_seconds_total",
            "User and system CPU time spent in seconds.",
            MetricType::COUNTER,
            ticks.map(|t| t / 100.0),
        ),
        ("process_open_fds", "Number of open file descriptors.", MetricType::GAUGE, files),
    ]
    .into_iter()
    .filter_map(|(name, help, kind, value)| {
        let row = if kind == MetricType::COUNTER { counter(&[], value?) } else { gauge(&[], value?) };
        Some(family(name, help, kind, [row]))
    })
    .collect()
}

fn family(name: &str, help: &str, kind: MetricType, rows: impl IntoIterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(rows.into_iter().collect());
    family
}

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    pairs.iter().map(pair).collect()
}

fn counter(pairs: &[(&str, &str)], value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::from_label(labels(pairs));
    metric.set_counter(counter);
    metric
}

fn gauge(pairs: &[(&str, &str)], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(labels(pairs));
    metric.set_gauge(gauge);
    metric
}

fn histogram<'a>(parts: impl Iterator<Item = &'a Histogram>) -> Metric {
    let (mut counts, mut sum) = ([0; Histogram::BOUNDS + 1], 0.0);
    for part in parts {
        let (buckets, seconds) = part.read();
        counts.iter_mut().zip(buckets).for_each(|(count, n)| *count += n);
        sum += seconds;
    }
    let mut total = 0;
    let mut buckets = Vec::with_capacity(Histogram::BOUNDS);
    for (index, count) in counts.into_iter().enumerate() {
        total += count;
        if index < Histogram::BOUNDS {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(Histogram::bound(index));
            bucket.set_cumulative_count(total);
            buckets.push(bucket);
        }
    }
    let mut proto = HistogramProto::default();
    proto.set_bucket(buckets);
    proto.set_sample_count(total);
    proto.set_sample_sum(sum);
    let mut metric = Metric::from_label(Vec::new());
    metric.set_histogram(proto);
    metric
}

fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
