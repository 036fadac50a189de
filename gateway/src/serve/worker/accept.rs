//! The door: what the kernel has accepted is counted and becomes a task.

use super::Worker;
use super::connection::connection;
use crate::serve::admin::pause;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

/// Accepts until the worker finishes, and then what the kernel has queued: a connection that was accepted by the kernel
/// would be reset by closing the socket.
pub(super) async fn accept(worker: Rc<Worker>, listener: TcpListener, secure: bool) {
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
pub(super) struct Open(pub(super) Rc<Worker>);

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
