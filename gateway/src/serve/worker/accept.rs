//! The door: what the kernel has accepted is counted and becomes a task.

use super::connection::connection;
use super::{SURPLUS, Worker};
use crate::access::{Excess, Uptime, Visit};
use crate::record::Limit;
use crate::serve::breath::Breath;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tracing::debug;

/// Accepts until the worker finishes, and then what the kernel has queued: a connection that was accepted by the kernel
/// would be reset by closing the socket.
pub(super) async fn accept(worker: Rc<Worker>, listener: TcpListener, secure: bool) {
    let mut deadline = worker.clock.deadline();
    let mut breath = Breath::default();
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
                breath.taken();
                begin(&worker, socket, peer, secure);
            }
            Some(Err(cause)) => {
                if Breath::is_exhausted(&cause) {
                    worker.gateway.recorder.meters().hit(Limit::Files);
                }
                breath.take(&cause).await;
            }
        }
    }
    for (socket, peer) in queued(listener) {
        begin(&worker, socket, peer, secure);
    }
}

fn begin(worker: &Rc<Worker>, socket: TcpStream, peer: SocketAddr, secure: bool) {
    let visit = if secure && !worker.gateway.trusted.iter().any(|network| network.contains(peer.ip())) {
        match worker.gateway.strangers.connect(peer.ip(), secure, Uptime::now()) {
            Ok(visit) => Some(visit),
            Err(excess) => return refuse(worker, peer, excess),
        }
    } else {
        None // it brings many people, and says of each where he comes from
    };
    if let Some(open) = Open::new(worker, visit) {
        spawn_local(connection(open, socket, peer, secure));
    }
}

#[cold]
fn refuse(worker: &Worker, peer: SocketAddr, excess: Excess) {
    let limit = match excess {
        Excess::Connections => Limit::ConnectionsPerAddress,
        Excess::Handshakes => Limit::HandshakesPerAddress,
    };
    worker.gateway.recorder.meters().hit(limit);
    debug!(%peer, limit = limit.word(), "a connection is closed");
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
pub(super) struct Open {
    pub(super) worker: Rc<Worker>,
    /// It is only told that there are too many.
    pub(super) surplus: bool,
    /// What counts it with the others of its address.
    _visit: Option<Visit>,
}

impl Open {
    /// Nothing, if there is no room left even to say so.
    fn new(worker: &Rc<Worker>, visit: Option<Visit>) -> Option<Self> {
        let most = worker.shared.limits.max_connections;
        let before = worker.shared.connections.fetch_add(1, Relaxed);
        worker.open.set(worker.open.get() + 1);
        worker.gateway.recorder.meters().connections_open.add(1);
        let open = Self { worker: worker.clone(), surplus: before >= most, _visit: visit };
        if open.surplus {
            worker.gateway.recorder.meters().hit(Limit::Connections);
        }
        (before < most.saturating_add(SURPLUS)).then_some(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.worker.shared.connections.fetch_sub(1, Relaxed);
        self.worker.open.set(self.worker.open.get() - 1);
        self.worker.gateway.recorder.meters().connections_open.sub(1);
        self.worker.closed.notify_one();
    }
}
