//! How the process lives: read, bind, serve, drain. [`run`] is all of it on one screen.

pub mod admin;
mod audit;
mod breath;
mod drain;
mod error;
mod fault;
mod listener;
mod logging;
pub mod memory;
mod reload;
pub mod remote;
pub mod sandbox;
mod signals;
mod systemd;
pub mod tls;
mod worker;

pub use drain::Phase;
pub use error::ServeError;

use crate::access::{Access, Network, Sessions, Strangers};
use crate::config::settings::{Settings, Upstream as UpstreamSettings};
use crate::config::{ConfigError, keys_file, session_secret};
use crate::proxy::origin::Origins;
use crate::proxy::routes::Routes;
use crate::record::{Certificate, Hall, Live, LogLoss, Meters, Metrics};
use crate::stock::Stock;
use admin::{Admin, Reach};
use arc_swap::ArcSwap;
use audit::Journal;
use drain::Drain;
use fault::Fault;
use listener::Listeners;
use logging::Logging;
use memory::{Known, WorstCase};
use reload::Reload;
use sandbox::Sandbox;
use signals::Signals;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use systemd::{Inherited, Notify};
use tls::{Clients, Identity, Terms};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

/// What all workers share.
struct Shared {
    live: Arc<ArcSwap<Live>>,
    tls: ArcSwap<Terms>,
    origins: Arc<ArcSwap<Origins>>,
    routes: Arc<Routes>,
    trusted: Arc<[Network]>,
    strangers: Arc<Strangers>,
    metrics: Arc<Metrics>,
    journal: Journal,
    drain: Drain,
    fault: Fault,
    notify: Notify,
    /// Rung when there is a new snapshot, so that streams look.
    bell: watch::Sender<()>,
    upstream: UpstreamSettings,
    connector: Option<crate::upstream::Connector>,
    limits: crate::config::settings::Limits,
    /// Leave for requests to be under way.
    hall: Hall,
    /// What is held for clients.
    stock: Stock,
    sessions: Arc<Sessions>,
    /// Client connections that are open, of all workers.
    connections: AtomicUsize,
    /// Workers that cannot reach the upstream.
    lost: AtomicUsize,
    expiry_notice: Duration,
}

/// Serves until a signal says otherwise: `gateway serve`.
///
/// # Errors
/// Anything that keeps the gateway from starting. Once it serves, it ends well, but for a fault of ours.
///
/// With `sandboxed` the process gives up what it needs no more once its sockets are bound.
pub fn run(config: &Path, sandboxed: bool) -> Result<(), ServeError> {
    let inherited = Inherited::take()?;
    let (settings, fingerprint) = Settings::read_known(config)?;
    let logging = Logging::start(&settings.log); // ends last
    reload::readable(&settings)?;
    let reload = Reload::of(&settings);
    let terms = terms(&settings)?;
    let clients = keys_file::read(&settings.keys_file)?;
    let memory = WorstCase::of(&settings, worker_count(&settings), Known::of(&clients, &settings.upstream.tools));
    let access = Access::build(clients).map_err(|error| ConfigError::of_file(&settings.keys_file, error))?;
    keys_file::warnings(&settings.keys_file).iter().for_each(|warning| warn!("{warning}"));
    raise_file_limit();
    let workers = worker_count(&settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = runtime.block_on(async { Ok::<_, io::Error>((Signals::new()?, signal(SignalKind::hangup())?)) })?;
    // what comes from here on is answered, so a signal drains
    let listeners = Listeners::open(&settings.listen, workers, inherited)?;
    let connector = remote::connector(&settings.upstream)?;
    enter_sandbox(&settings, config, sandboxed); // before there is any other thread
    logging.detach()?;
    let fault = Fault::default();
    let journal = Journal::open(&settings.audit, &fault)?;
    let shared = Arc::new(share(&settings, terms, access, (journal, logging.loss(), fault), connector)?);
    announce(&settings, &listeners, memory, &shared);
    shared.journal.started((config, fingerprint));
    let ended = runtime.block_on(live(&settings, shared.clone(), listeners, reload, signals));
    runtime.shutdown_background(); // a look at a file, or a worker that was told to end at once, is not waited for
    shared.journal.stopped();
    ended
}

/// From the first connection to the last.
async fn live(
    settings: &Settings,
    shared: Arc<Shared>,
    listeners: Listeners,
    reload: Reload,
    (mut signals, hangup): (Signals, Signal),
) -> Result<(), ServeError> {
    let threads = listeners
        .workers
        .into_iter()
        .enumerate()
        .map(|(index, sockets)| worker::start(index, sockets, shared.clone()))
        .collect::<io::Result<Vec<_>>>()?;
    let upstream = &settings.upstream;
    let admin = Admin {
        metrics: shared.metrics.clone(),
        phase: shared.drain.watch(),
        upstream: Reach::new(upstream.address.clone(), upstream.required),
        source: upstream.metrics.clone().map(Arc::new),
    };
    let mut admin = tokio::spawn(shared.fault.watch("admin", admin.serve(listeners.admin)));
    tokio::spawn(shared.fault.watch("reload", reload.run(shared.clone(), hangup)));
    info!("ready");
    shared.notify.ready();
    let name = tokio::select! {
        name = signals.next() => name,
        () = shared.fault.told() => return Err(ServeError::Fault),
        _ = &mut admin => return Err(ServeError::Fault), // nobody told it to end
    };
    shared.notify.stopping();
    info!(signal = name, streams = shared.metrics.streams_open(), "draining");
    shared.journal.stopping(name);
    tokio::select! {
        () = drained(settings, &shared, threads) => info!("drained"),
        name = signals.next() => warn!(signal = name, "second signal: ending at once"),
    }
    admin.abort();
    Ok(())
}

/// Walks the phases of the end; returns when the last connection is closed.
async fn drained(settings: &Settings, shared: &Shared, threads: Vec<JoinHandle<()>>) {
    shared.drain.enter(Phase::Unready);
    tokio::time::sleep(settings.drain.delay).await;
    shared.drain.enter(Phase::Finishing);
    let joined = tokio::task::spawn_blocking(move || {
        for thread in threads {
            if thread.join().is_err() {
                warn!("a worker ended by a panic");
            }
        }
    });
    tokio::pin!(joined);
    if tokio::time::timeout(settings.drain.timeout, &mut joined).await.is_err() {
        warn!(streams = shared.metrics.streams_open(), "drain.timeout has passed: closing what is left");
        shared.drain.enter(Phase::Closing);
        // workers end their streams and give up a moment later whatever is left
        let _ = joined.await;
    }
}

fn terms(settings: &Settings) -> Result<Terms, ServeError> {
    let clients = Clients::load(&settings.tls.client_auth)?;
    Ok(Terms::new(settings.tls.min_version, identity(settings)?, clients)?)
}

fn identity(settings: &Settings) -> Result<Identity, ServeError> {
    let tls = &settings.tls;
    let identity = Identity::load(&tls.certificate, &tls.private_key)?;
    if identity.is_valid(SystemTime::now()) {
        return Ok(identity);
    }
    let date = |time| humantime::format_rfc3339_seconds(time).to_string();
    let file = tls.certificate.display().to_string();
    Err(ServeError::Certificate { file, from: date(identity.not_before), to: date(identity.not_after) })
}

fn share(
    settings: &Settings,
    terms: Terms,
    access: Access,
    (journal, loss, fault): (Journal, Arc<LogLoss>, Fault),
    connector: Option<crate::upstream::Connector>,
) -> Result<Shared, ServeError> {
    let routes = &settings.routes;
    let workers = worker_count(settings);
    let meters = Meters::build(&access, workers, &Meters::naming(&settings.upstream.tools));
    let live = Arc::new(ArcSwap::from_pointee(Live { access, meters }));
    let stock = Stock::new(settings.limits.max_held);
    let labels = Routes::labels(&routes.protected, &routes.public);
    Ok(Shared {
        metrics: Arc::new(Metrics::new(
            workers,
            labels,
            live.clone(),
            certificate(&terms.identity),
            journal.state(),
            (stock.clone(), loss),
        )),
        stock,
        hall: Hall::new(settings.limits.max_in_flight),
        journal,
        live,
        origins: Arc::new(ArcSwap::from_pointee(origins(settings, &terms.identity))),
        tls: ArcSwap::from_pointee(terms),
        routes: Arc::new(Routes::new(&routes.protected, &routes.public)),
        trusted: settings.listen.trusted_proxies.clone().into(),
        strangers: Strangers::new(settings.limits.per_address),
        drain: Drain::default(),
        fault,
        notify: Notify::open(),
        bell: watch::Sender::new(()),
        connector,
        upstream: settings.upstream.clone(),
        limits: settings.limits.clone(),
        sessions: Arc::new(sessions(settings)?),
        connections: AtomicUsize::new(0),
        lost: AtomicUsize::new(0),
        expiry_notice: settings.expiry_notice,
    })
}

fn sessions(settings: &Settings) -> Result<Sessions, ServeError> {
    match &settings.session_secret_file {
        Some(file) => Ok(Sessions::shared(session_secret::read(file)?)),
        None => Sessions::alone().ok_or_else(|| io::Error::other("the system gives no random numbers").into()),
    }
}

fn certificate(identity: &Identity) -> Certificate {
    Certificate { name: identity.names.first().cloned().unwrap_or_default(), not_after: identity.not_after }
}

fn origins(settings: &Settings, identity: &Identity) -> Origins {
    let listen = &settings.listen;
    let hosts = if listen.public_hosts.is_empty() { &identity.names } else { &listen.public_hosts };
    Origins::new(hosts, &listen.allowed_origins)
}

fn enter_sandbox(settings: &Settings, config: &Path, sandboxed: bool) {
    if sandbox::is_root() {
        warn!("{}", sandbox::ROOT);
    }
    if !sandboxed {
        return warn!("no sandbox, as --no-sandbox says");
    }
    match Sandbox::enter(settings, config) {
        sandbox @ Sandbox::Whole => info!(state = %sandbox, "sandbox"),
        sandbox @ (Sandbox::Partial | Sandbox::None(_)) => warn!(state = %sandbox, "sandbox"),
    }
}

fn announce(settings: &Settings, listeners: &Listeners, memory: WorstCase, shared: &Shared) {
    let access = &shared.live.load().access;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        public = %listeners.addresses.public,
        admin = %listeners.addresses.admin,
        plaintext = listeners.addresses.plaintext.map(tracing::field::display),
        upstream = %settings.upstream.address,
        workers = shared.metrics.workers(),
        worst_case_memory = %memory,
        clients = access.clients().len(),
        keys = access.keys().count(),
        "listening"
    );
}

/// How many workers there are to be.
pub fn worker_count(settings: &Settings) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    settings.workers.map_or(cpus, std::num::NonZero::get)
}

/// Every stream holds two descriptors; the soft limit that shells and service managers set is for programs that select().
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        warn!(%error, "cannot raise the limit of open files");
    }
}
