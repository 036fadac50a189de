//! One worker: a thread with its own sockets, its own runtime and its own connections to the upstream.

mod accept;
mod connection;
mod farewell;
mod frames;
mod line;
mod local;
mod owed;
mod patience;
mod search;
mod tls;
mod vigil;

use super::listener::Sockets;
use super::{Phase, Shared};
use crate::access::RecentSessions;
use crate::clock::{Clock, Ticks};
use crate::proxy::Gateway;
use crate::proxy::bounds::Bounds;
use crate::proxy::headers;
use crate::proxy::turn::Turn;
use crate::record::{Follow, Recorder};
use crate::upstream::Upstream;
use accept::accept;
use hyper::server::conn::{http1, http2};
use local::{Care, Local};
use patience::Times;
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};
use tracing::error;

/// Streams of one h2 connection that were reset before anybody looked at them, and that the client made us reset, before it
/// is told to go (CVE-2023-44487, CVE-2025-8671). What a client resets later is counted in [`frames`].
const RESETS: usize = 100;
/// Bytes that one h2 connection may have sent and nobody read, whatever its streams: what RFC 9113 begins with.
pub(super) const WINDOW: u32 = 65_535;
/// Bytes of a reply that wait in an h2 stream when the next piece is taken.
pub(super) const BUFFERED: u64 = 512;
/// Bytes that wait to be written as TLS records.
pub(super) const RECORDS: u64 = 64 * 1024;
/// Connections beyond `max_connections` that are accepted to be told that there are too many. What comes beyond these is
/// closed at once.
pub(super) const SURPLUS: usize = 64;
/// What part of `max_held` a list may be at most: it is held several times while it is cut down.
const LIST: u64 = 5;
/// How long streams that are ended have to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// Starts the worker's thread. It ends when its last connection has ended after [`Phase::Finishing`].
pub(super) fn start(index: usize, sockets: Sockets, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let local = LocalSet::new();
        let fault = shared.fault.clone();
        if let Err(cause) = local.block_on(&runtime, fault.watch("run", run(index, sockets, shared))) {
            error!(%cause, "a worker cannot serve");
            fault.tell();
        }
    })
}

async fn run(index: usize, sockets: Sockets, shared: Arc<Shared>) -> io::Result<()> {
    let worker = Rc::new(Worker::new(index, shared)?);
    let recorder = worker.gateway.recorder.clone();
    vital(&worker, "audit", async move { recorder.run().await });
    let clock = worker.clock.clone();
    vital(&worker, "clock", async move { clock.run().await });
    let upstream = worker.gateway.upstream.clone();
    vital(&worker, "pool", async move { upstream.watch().await });
    let public = accept(worker.clone(), TcpListener::from_std(sockets.public)?, true);
    let mut accepting = vec![vital(&worker, "accept", public)];
    if let Some(plaintext) = sockets.plaintext {
        accepting.push(vital(&worker, "accept", accept(worker.clone(), TcpListener::from_std(plaintext)?, false)));
    }
    vital(&worker, "search", search::search(worker.clone()));
    vital(&worker, "look_again", look_again(worker.clone()));
    let mut phase = worker.shared.drain.watch();
    let _ = phase.wait_for(|phase| *phase >= Phase::Unready).await;
    worker.leaving.set(true);
    let _ = phase.wait_for(|phase| *phase >= Phase::Finishing).await;
    worker.finishing.set(true);
    worker.wake_all();
    for task in accepting {
        let _ = task.await;
    }
    tokio::select! {
        () = worker.empty() => {}
        _ = phase.wait_for(|phase| *phase >= Phase::Closing) => {
            worker.gateway.turn.close();
            worker.wake_all();
            let _ = tokio::time::timeout(FAREWELL, worker.empty()).await;
        }
    }
    Ok(())
}

/// Begins a task that all connections need.
fn vital(worker: &Worker, name: &'static str, task: impl Future<Output = ()> + 'static) -> tokio::task::JoinHandle<()> {
    spawn_local(worker.shared.fault.watch(name, task))
}

/// What the connections of a worker share.
struct Worker {
    shared: Arc<Shared>,
    gateway: Rc<Gateway>,
    clock: Clock,
    times: Times,
    /// What its TLS connections read and write through.
    buffers: Rc<tls::Buffers>,
    /// Largest header list over h2, in bytes as RFC 9113, section 6.5.2 counts them. One that is larger is answered with
    /// 431; one of more than four times that ends the connection.
    header_list: u32,
    /// No connection is to be kept any more.
    leaving: Cell<bool>,
    finishing: Cell<bool>,
    open: Cell<usize>,
    closed: Notify,
    http1: http1::Builder,
    http2: http2::Builder<Local>,
}

impl Worker {
    fn new(index: usize, shared: Arc<Shared>) -> io::Result<Self> {
        let clock = Clock::new();
        let limits = &shared.limits;
        let mut seed = [0; 16];
        aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        let [high, low] = [0, 1]
            .map(|i| u64::from_le_bytes(std::array::from_fn(|j| seed.get(i * 8 + j).copied().unwrap_or_default())));
        let settings = &shared.upstream;
        let upstream = Upstream::new(
            settings.address.clone(),
            settings.head_timeout,
            settings.idle_timeout,
            shared.connector.clone(),
            clock.clone(),
            shared.stock.clone(),
        );
        let gateway = Gateway {
            origins: Follow::new(shared.origins.clone()),
            trusted: shared.trusted.clone(),
            strangers: shared.strangers.clone(),
            routes: shared.routes.clone(),
            upstream: Rc::new(upstream),
            upstream_host: headers::host(&settings.address.host()),
            recorder: Rc::new(Recorder::new(
                shared.metrics.clone(),
                index,
                Follow::new(shared.live.clone()),
                [high, low],
                shared.journal.pen(),
                shared.hall.seats(limits.max_in_flight, shared.metrics.workers()),
            )),
            max_body: limits.max_body,
            bounds: Bounds { fields: limits.max_fields, list: limits.max_header_list },
            max_list: usize::try_from(limits.max_list.min(limits.max_held / LIST)).unwrap_or(usize::MAX),
            sessions: RecentSessions::new(shared.sessions.clone()),
            expiry_notice: shared.expiry_notice,
            clock: clock.clone(),
            turn: Rc::new(Turn::new((!limits.keep_alive.is_zero()).then(|| Ticks::of(limits.keep_alive)))),
        };
        let gateway = Rc::new(gateway);
        let (times, bounds) = (Times::of(limits), gateway.bounds);
        let head = usize::try_from(limits.max_head).map_err(io::Error::other)?;
        let header_list = u32::try_from(head / 4 * 3).map_err(io::Error::other)?;
        let mut http1 = http1::Builder::new();
        http1.max_header_size(head).max_headers(bounds.fields).max_buf_size(head);
        let mut http2 = http2::Builder::new(Local(Rc::new(Care { gateway: gateway.clone(), times })));
        http2
            .max_concurrent_streams(limits.max_streams)
            .initial_connection_window_size(WINDOW)
            .initial_stream_window_size(WINDOW)
            .max_send_buf_size(BUFFERED as usize)
            .max_header_list_size(header_list)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS);
        let buffers = Rc::new(tls::Buffers::new());
        let (leaving, finishing, open, closed) = Default::default();
        Ok(Self { shared, gateway, clock, times, buffers, header_list, leaving, finishing, open, closed, http1, http2 })
    }

    /// Wakes all tasks that wait on the clock, so that they look at the world again.
    fn wake_all(&self) {
        self.clock.wake_all();
    }

    /// Waits until no connection is left.
    async fn empty(&self) {
        while self.open.get() > 0 {
            self.closed.notified().await;
        }
    }
}

/// Has all streams look whenever there is a new snapshot: their leases may have ended, and else they go over to it.
async fn look_again(worker: Rc<Worker>) {
    let mut bell = worker.shared.bell.subscribe();
    while bell.changed().await.is_ok() {
        worker.wake_all();
    }
}
