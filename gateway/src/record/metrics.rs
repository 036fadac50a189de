//! What a scrape shows: all workers' counters, added up.
//!
//! Labels come from closed sets only: client ids, tools and paths from the files, words of this program.

mod clients;
mod family;
mod files;
mod limits;
mod process;
mod status;
mod traffic;

use super::audit::State as AuditState;
use super::meters::WorkerMeters;
use super::tally::LastTime;
use super::{Live, LogLoss};
use crate::stock::Stock;
use arc_swap::ArcSwap;
use prometheus::TextEncoder;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

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
    reloads: [Reload; ReloadedFile::ALL.len()],
    audit: Arc<AuditState>,
    stock: Stock,
    log: Arc<LogLoss>,
    started: SystemTime,
}

/// What is read again while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadedFile {
    /// The keys file.
    Keys,
    /// The certificate chain with its private key.
    Certificate,
    /// The authorities that sign clients' certificates.
    ClientCa,
}

impl ReloadedFile {
    const ALL: [ReloadedFile; 3] = [ReloadedFile::Keys, ReloadedFile::Certificate, ReloadedFile::ClientCa];

    /// The word in metrics and audit.
    pub const fn word(self) -> &'static str {
        match self {
            ReloadedFile::Keys => "keys",
            ReloadedFile::Certificate => "certificate",
            ReloadedFile::ClientCa => "client_ca",
        }
    }
}

/// How the last try to read a file went, and when one last went well.
struct Reload {
    ok: AtomicBool,
    when: LastTime,
}

impl Reload {
    fn is_ok(&self) -> bool {
        self.ok.load(Relaxed)
    }

    fn when(&self) -> Option<SystemTime> {
        self.when.get()
    }
}

impl Metrics {
    /// For `workers` workers; `routes` are the labels of the route numbers.
    pub fn new(
        workers: usize,
        routes: Vec<String>,
        live: Arc<ArcSwap<Live>>,
        certificate: Certificate,
        audit: Arc<AuditState>,
        (stock, log): (Stock, Arc<LogLoss>),
    ) -> Self {
        let workers = (0..workers).map(|_| WorkerMeters::default()).collect();
        let fresh = |()| Reload { ok: AtomicBool::new(true), when: LastTime::default() };
        let reloads = [(); ReloadedFile::ALL.len()].map(fresh);
        let (certificate, started) = (ArcSwap::from_pointee(certificate), SystemTime::now());
        let metrics = Self { workers, routes, live, certificate, reloads, audit, stock, log, started };
        ReloadedFile::ALL.into_iter().for_each(|file| metrics.reloaded(file, Some(started)));
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
            reload.when.note(when);
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

    /// The label of a route's number.
    pub fn route(&self, number: usize) -> &str {
        self.routes.get(number).map_or("other", String::as_str)
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
        let mut families = Vec::with_capacity(40);
        families.extend(self.clients(&live));
        families.extend(clients::keys(&live));
        families.extend(self.traffic());
        families.extend(self.streams());
        families.extend(self.connections());
        families.extend(self.limits());
        families.extend(self.files());
        families.extend(self.audit());
        families.push(process::build());
        families.extend(process::process(self.started));
        families.retain(|family| !family.get_metric().is_empty());
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}
