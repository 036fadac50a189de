//! One worker: a thread with its own sockets, its own runtime and its own connections to the upstream.

use super::admin::pause;
use super::listener::Sockets;
use super::{Phase, Shared};
use crate::clock::{Clock, Deadline};
use crate::proxy::reply::ReplyBody;
use crate::proxy::{Door, Gateway};
use crate::record::{Follow, Recorder};
use crate::upstream::Upstream;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, error};

/// Largest request head over HTTP/1.1, in bytes, and most fields in it.
const HEAD: (usize, usize) = (32 * 1024, 100);
/// Streams that one h2 connection may have open.
const STREAMS: u32 = 100;
/// Largest header list over h2, in bytes as RFC 9113, section 6.5.2 counts them. One that is larger is answered with 431;
/// one of more than four times that ends the connection.
const HEADER_LIST: u32 = 24 * 1024;
/// How long a connection that was accepted while the worker finishes has for its first request.
const FIRST: Duration = Duration::from_secs(1);
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
    /// How often everybody was woken.
    calls: Cell<u32>,
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
            routes: shared.routes.clone(),
            upstream: Rc::new(upstream),
            upstream_host: settings.address.host().into(),
            recorder: Rc::new(Recorder::new(shared.metrics.clone(), index, [high, low])),
            max_body: shared.limits.max_body,
            expiry_notice: shared.expiry_notice,
            clock: clock.clone(),
            closing: Rc::default(),
        };
        let mut http1 = http1::Builder::new();
        http1.max_header_size(HEAD.0).max_headers(HEAD.1);
        let mut http2 = http2::Builder::new(Local);
        http2.max_concurrent_streams(STREAMS).max_header_list_size(HEADER_LIST);
        Ok(Self {
            shared,
            gateway: Rc::new(gateway),
            clock,
            finishing: Cell::new(false),
            calls: Cell::new(1),
            open: Cell::new(0),
            closed: Notify::new(),
            http1,
            http2,
        })
    }

    /// Wakes all tasks that wait on the clock, so that they look at the world again.
    fn wake_all(&self) {
        self.calls.set(self.calls.get().wrapping_add(1));
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

/// Accepts until the worker finishes, and then what the kernel has queued: a connection that was accepted by the kernel
/// would be reset by closing the socket.
async fn accept(worker: Rc<Worker>, listener: TcpListener, secure: bool) {
    let mut deadline = worker.clock.deadline();
    loop {
        let accepted = poll_fn(|cx| match listener.poll_accept(cx) {
            Poll::Pending if worker.finishing.get() => Poll::Ready(None),
            Poll::Pending => {
                let _ = deadline.poll(cx); // woken when the worker finishes
                Poll::Pending
            }
            Poll::Ready(accepted) => Poll::Ready(Some(accepted)),
        });
        match accepted.await {
            None => break,
            Some(Ok((socket, peer))) => {
                let open = Open::new(worker.clone());
                spawn_local(connection(open, socket, peer, secure));
            }
            Some(Err(cause)) => pause(&cause).await,
        }
    }
    for (socket, peer) in queued(listener) {
        spawn_local(connection(Open::new(worker.clone()), socket, peer, secure));
    }
}

/// What the kernel has accepted and the reactor may not have told of yet: only the kernel knows that nothing is left.
fn queued(listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let mut queued = Vec::new();
    let Ok(listener) = listener.into_std() else { return queued };
    loop {
        match listener.accept() {
            Ok((socket, peer)) => {
                let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
                queued.extend(socket.ok().map(|socket| (socket, peer)));
            }
            Err(cause) if matches!(cause.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) => {}
            Err(_) => return queued,
        }
    }
}

/// Counts a connection for as long as it lives.
struct Open(Rc<Worker>);

impl Open {
    fn new(worker: Rc<Worker>) -> Self {
        worker.open.set(worker.open.get() + 1);
        worker.gateway.recorder.meters().connections_open.add(1);
        Self(worker)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.gateway.recorder.meters().connections_open.sub(1);
        self.0.closed.notify_one();
    }
}

async fn connection(open: Open, socket: TcpStream, peer: SocketAddr, secure: bool) {
    let worker = &open.0;
    if let Err(cause) = socket.set_nodelay(true) {
        return debug!(%peer, %cause, "a connection broke");
    }
    let door = Rc::new(Door::new(peer, secure));
    if !secure {
        return http1(worker, socket, door).await;
    }
    // boxed: a handshake's state would else stay allocated for as long as the connection
    let handshake = Box::pin(handshake(worker.shared.server.load_full(), socket, worker));
    match handshake.await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => http2(worker, stream, door).await,
        Ok(stream) => http1(worker, stream, door).await,
        Err(cause) => {
            worker.gateway.recorder.meters().handshakes_failed.add(1);
            debug!(%peer, %cause, "no TLS handshake");
        }
    }
}

type Tls = tokio_rustls::server::TlsStream<TcpStream>;

async fn handshake(server: Arc<ServerConfig>, socket: TcpStream, worker: &Worker) -> io::Result<Tls> {
    let mut deadline = worker.clock.deadline();
    deadline.arm(worker.shared.limits.handshake_timeout);
    let mut accepting = pin!(TlsAcceptor::from(server).accept(socket));
    poll_fn(|cx| match accepting.as_mut().poll(cx) {
        Poll::Pending => deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        ready => ready,
    })
    .await
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(worker: &Rc<Worker>, stream: S, door: Rc<Door>) {
    let served = worker.http1.serve_connection(TokioIo::new(stream), service(worker, door.clone()));
    serve(worker, &door, pin!(served), |served| served.graceful_shutdown()).await;
}

/// What hyper calls for each request.
fn service(
    worker: &Worker,
    door: Rc<Door>,
) -> impl hyper::service::Service<Request<Incoming>, Response = Response<ReplyBody>, Error = Infallible, Future: 'static>
+ use<> {
    let gateway = worker.gateway.clone();
    service_fn(move |request| gateway.handle(&door, request))
}

async fn http2(worker: &Rc<Worker>, stream: Tls, door: Rc<Door>) {
    let served = worker.http2.serve_connection(TokioIo::new(stream), service(worker, door.clone()));
    serve(worker, &door, pin!(served), |served| served.graceful_shutdown()).await;
}

/// Serves a connection to its end; `finish` tells it that the worker finishes.
async fn serve<C: Future<Output = hyper::Result<()>>>(
    worker: &Worker,
    door: &Door,
    mut served: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
) {
    let mut ending = Ending::new(worker, door);
    let ended = poll_fn(|cx| {
        if ending.poll(cx) {
            finish(served.as_mut());
        }
        let polled = served.as_mut().poll(cx);
        // a first request that was just read is told at once that it is also the last
        if polled.is_ready() || !ending.poll(cx) {
            return polled;
        }
        finish(served.as_mut());
        served.as_mut().poll(cx)
    });
    note(worker, door, ended.await);
}

fn note(worker: &Worker, door: &Door, ended: hyper::Result<()>) {
    if let Err(cause) = ended {
        if cause.is_parse() {
            worker.gateway.recorder.meters().heads_refused.add(1);
        }
        debug!(peer = %door.peer, %cause, "a connection broke");
    }
}

/// Tells a connection, once, that the worker finishes.
struct Ending<'a> {
    worker: &'a Worker,
    door: &'a Door,
    deadline: Deadline,
    /// The call after which the task began to wait again.
    waiting: u32,
    /// Whether the time for a first request has begun to run.
    hurried: bool,
    told: bool,
}

impl<'a> Ending<'a> {
    fn new(worker: &'a Worker, door: &'a Door) -> Self {
        Self { worker, door, deadline: worker.clock.deadline(), waiting: 0, hurried: false, told: false }
    }

    /// True once. The task waits on the clock from one call to the next, which costs the polls between them nothing.
    ///
    /// A connection that has asked nothing yet gets [`FIRST`] to do so: the kernel accepted it before we closed the
    /// door, and its request may be on the way.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waiting != self.worker.calls.get() {
            self.waiting = self.worker.calls.get();
            let _ = self.deadline.poll(cx);
        }
        if self.told || !self.worker.finishing.get() {
            return false;
        }
        if !self.door.has_asked() {
            if !self.hurried {
                self.hurried = true;
                self.deadline.arm(FIRST);
            }
            if self.deadline.poll(cx).is_pending() {
                return false;
            }
        }
        self.told = true;
        true
    }
}

/// Runs hyper's tasks on the worker's own thread.
#[derive(Clone, Copy)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
