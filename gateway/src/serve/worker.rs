//! One worker: a thread with its own sockets, its own runtime and its own connections to the upstream.

mod accept;
mod connection;
mod ending;
mod local;

use super::listener::Sockets;
use super::{Phase, Shared};
use crate::clock::Clock;
use crate::proxy::Gateway;
use crate::proxy::ward::Handover;
use crate::record::{Follow, Recorder};
use crate::upstream::Upstream;
use accept::accept;
use hyper::server::conn::{http1, http2};
use local::{Local, Sending};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};
use tracing::error;

/// Largest request head over HTTP/1.1, in bytes, and most fields in it.
const HEAD: (usize, usize) = (32 * 1024, 100);
/// Streams that one h2 connection may have open.
const STREAMS: u32 = 100;
/// Largest header list over h2, in bytes as RFC 9113, section 6.5.2 counts them. One that is larger is answered with 431;
/// one of more than four times that ends the connection.
const HEADER_LIST: u32 = 24 * 1024;
/// How long streams that are ended have to say so.
const FAREWELL: Duration = Duration::from_secs(1);

/// Starts the worker's thread. It ends when its last connection has ended after [`Phase::Finishing`].
pub(super) fn start(index: usize, sockets: Sockets, shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let local = LocalSet::new();
        if let Err(cause) = local.block_on(&runtime, run(index, sockets, shared)) {
            error!(%cause, "a worker cannot serve");
        }
    })
}

async fn run(index: usize, sockets: Sockets, shared: Arc<Shared>) -> io::Result<()> {
    let worker = Rc::new(Worker::new(index, shared)?);
    let recorder = worker.gateway.recorder.clone();
    spawn_local(async move { recorder.run().await });
    let clock = worker.clock.clone();
    spawn_local(async move { clock.run().await });
    let upstream = worker.gateway.upstream.clone();
    spawn_local(async move { upstream.watch().await });
    let mut accepting = vec![spawn_local(accept(worker.clone(), TcpListener::from_std(sockets.public)?, true))];
    if let Some(plaintext) = sockets.plaintext {
        accepting.push(spawn_local(accept(worker.clone(), TcpListener::from_std(plaintext)?, false)));
    }
    spawn_local(look_again(worker.clone()));
    let mut phase = worker.shared.drain.watch();
    let _ = phase.wait_for(|phase| *phase >= Phase::Finishing).await;
    worker.finishing.set(true);
    worker.wake_all();
    for task in accepting {
        let _ = task.await;
    }
    tokio::select! {
        () = worker.empty() => {}
        _ = phase.wait_for(|phase| *phase >= Phase::Closing) => {
            worker.gateway.closing.set(true);
            worker.wake_all();
            let _ = tokio::time::timeout(FAREWELL, worker.empty()).await;
        }
    }
    Ok(())
}

/// What the connections of a worker share.
struct Worker {
    shared: Arc<Shared>,
    gateway: Rc<Gateway>,
    clock: Clock,
    finishing: Cell<bool>,
    open: Cell<usize>,
    closed: Notify,
    http1: http1::Builder,
    http2: http2::Builder<Local>,
}

impl Worker {
    fn new(index: usize, shared: Arc<Shared>) -> io::Result<Self> {
        let clock = Clock::new();
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
        );
        let gateway = Gateway {
            snapshots: Follow::new(shared.live.clone()),
            origins: Follow::new(shared.origins.clone()),
            trusted: shared.trusted.clone(),
            strangers: shared.strangers.clone(),
            routes: shared.routes.clone(),
            upstream: Rc::new(upstream),
            upstream_host: settings.address.host().into(),
            recorder: Rc::new(Recorder::new(shared.metrics.clone(), index, [high, low], shared.journal.pen())),
            max_body: shared.limits.max_body,
            max_list: usize::try_from(shared.limits.max_list).unwrap_or(usize::MAX),
            sessions: shared.sessions.clone(),
            expiry_notice: shared.expiry_notice,
            clock: clock.clone(),
            closing: Rc::default(),
            handover: Handover::default(),
        };
        let sending = Sending { clock: clock.clone(), handover: gateway.handover.clone() };
        let mut http1 = http1::Builder::new();
        http1.max_header_size(HEAD.0).max_headers(HEAD.1);
        let mut http2 = http2::Builder::new(Local(Rc::new(sending)));
        http2.max_concurrent_streams(STREAMS).max_header_list_size(HEADER_LIST);
        Ok(Self {
            shared,
            gateway: Rc::new(gateway),
            clock,
            finishing: Cell::new(false),
            open: Cell::new(0),
            closed: Notify::new(),
            http1,
            http2,
        })
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

/// Has all streams look at their leases whenever one has ended.
async fn look_again(worker: Rc<Worker>) {
    let mut bell = worker.shared.bell.subscribe();
    while bell.changed().await.is_ok() {
        worker.wake_all();
    }
}
