//! One connection, from the handshake to its end.

use super::Worker;
use super::accept::Open;
use super::farewell::Farewell;
use super::frames::Frames;
use super::line::{Line, Seen};
use super::patience::Verdict;
use super::tls::{Corked, Pouring, Tls};
use super::vigil::Vigil;
use crate::proxy::Door;
use crate::proxy::hush::Belled;
use crate::proxy::ward::Watch;
use crate::record::{Limit, tls_version};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tracing::debug;

pub(super) async fn connection(open: Open, socket: TcpStream, peer: SocketAddr, secure: bool) {
    let worker = &open.worker;
    if let Err(cause) = socket.set_nodelay(true) {
        return debug!(%peer, %cause, "a connection broke");
    }
    if !secure {
        return http1(worker, socket, Rc::default(), Rc::new(Door::new(peer, None, open.surplus))).await;
    }
    // boxed: the largest of the three would else be what each of them holds for as long as the connection
    let handshake = Box::pin(handshake(worker.shared.tls.load().server.clone(), socket, worker));
    let stream = match handshake.await {
        Ok(stream) => stream,
        Err(cause) => return debug!(%peer, %cause, "no TLS handshake"),
    };
    let tls = stream.state();
    let door = Rc::new(Door::new(peer, Some(tls_version(tls.protocol_version())), open.surplus));
    if tls.alpn_protocol() == Some(b"h2") {
        Box::pin(http2(worker, stream, door)).await;
    } else {
        let seen = stream.seen().clone();
        Box::pin(http1(worker, stream, seen, door)).await;
    }
}

async fn handshake(server: Arc<ServerConfig>, socket: TcpStream, worker: &Worker) -> io::Result<Tls> {
    let mut deadline = worker.clock.deadline();
    deadline.arm(worker.shared.limits.handshake_timeout);
    let mut tls = Tls::new(server, socket, &worker.buffers)?;
    let shaken = poll_fn(|cx| match tls.poll_handshake(cx) {
        Poll::Pending => deadline.poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        ready => ready,
    });
    let shaken = shaken.await;
    let handshakes = &worker.gateway.recorder.meters().handshakes;
    match &shaken {
        Ok(()) => {
            let tls = tls.state();
            handshakes.count(tls.protocol_version(), tls.negotiated_key_exchange_group().map(|group| group.name()));
        }
        Err(cause) if cause.kind() == io::ErrorKind::TimedOut => {
            handshakes.timed_out.add(1);
            worker.gateway.recorder.meters().hit(Limit::Handshake);
        }
        Err(_) => handshakes.failed.add(1),
    }
    shaken.map(|()| tls)
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    worker: &Rc<Worker>,
    stream: S,
    seen: Rc<Seen>,
    door: Rc<Door>,
) {
    let line = TokioIo::new(Line::http1(stream, &seen));
    let (gateway, at, leaving) = (worker.gateway.clone(), door.clone(), worker.clone());
    let service = service_fn(move |request| {
        let leaving = leaving.clone();
        Farewell::new(gateway.handle(&at, request), move || leaving.leaving.get())
    });
    let served = worker.http1.serve_connection(line, service);
    let vigil = Vigil::new(worker, &door, seen, false);
    serve(worker, vigil, pin!(Belled::new(served)), |belled| belled.served().graceful_shutdown()).await;
}

async fn http2(worker: &Rc<Worker>, stream: Tls, door: Rc<Door>) {
    let seen = stream.seen().clone();
    let stream = Corked::new(stream);
    let frames = Frames::new(worker.shared.limits.max_control_frames, worker.header_list, worker.clock.now());
    let line = TokioIo::new(Line::http2(stream.clone(), &seen, frames, &worker.clock));
    let (gateway, at) = (worker.gateway.clone(), door.clone());
    let served = worker.http2.serve_connection(line, service_fn(move |request| gateway.handle(&at, request)));
    let vigil = Vigil::new(worker, &door, seen, true);
    serve(worker, vigil, pin!(Pouring::new(served, stream)), |pouring| pouring.served().graceful_shutdown()).await;
}

/// Serves a connection to its end; `finish` tells it that it has to end well. Over HTTP/1.1 it is also what sends the
/// replies, and ends with one that has to end and is not read; over h2 each stream is a task of its own, see [`super::local`].
async fn serve<C: Future<Output = hyper::Result<()>>>(
    worker: &Worker,
    mut vigil: Vigil<'_>,
    mut served: Pin<&mut C>,
    finish: impl Fn(Pin<&mut C>),
) {
    let (turn, clock) = (&worker.gateway.turn, &worker.clock);
    let mut watch = Watch::default();
    let ended = poll_fn(|cx| {
        if vigil.must_finish(cx) {
            finish(served.as_mut());
        }
        turn.begin();
        let mut polled = served.as_mut().poll(cx);
        // a first request that was just read is told at once that it is also the last
        if polled.is_pending() && vigil.must_finish(cx) {
            finish(served.as_mut());
            polled = served.as_mut().poll(cx);
        }
        if polled.is_ready() {
            return polled;
        }
        if watch.poll(&turn.handover, clock, cx).is_ready() {
            debug!("a connection is closed: its key has ended and its client does not read");
            return Poll::Ready(Ok(()));
        }
        match vigil.look(cx) {
            Verdict::Wait => Poll::Pending,
            Verdict::Leave => {
                finish(served.as_mut());
                served.as_mut().poll(cx)
            }
            Verdict::Again => served.as_mut().poll(cx),
            Verdict::Slow => turn.overdue(|| served.as_mut().poll(cx)),
            Verdict::End(_) => Poll::Ready(Ok(())),
        }
    });
    let ended = ended.await;
    vigil.note(&ended);
}
