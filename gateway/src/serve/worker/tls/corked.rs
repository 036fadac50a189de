//! What hyper writes while it is polled once leaves together.
//!
//! An h2 connection carries the replies of many streams, and hyper writes each of them out before it begins with the next.
//! Here they are brought together until the task that polls hyper is done with it: the replies that were ready make one
//! record and one system call. Nothing waits for longer than that.

use super::session::AT_ONCE;
use super::{Lent, Tls};
use pin_project_lite::pin_project;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::take;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

/// A connection with TLS, held by hyper and by who polls hyper: see [`Pouring`].
#[derive(Clone)]
pub(in crate::serve::worker) struct Corked(Rc<RefCell<Bottle>>);

struct Bottle {
    tls: Tls,
    /// What was written since the poll began, in the worker's buffer; no other connection is polled meanwhile.
    plain: Vec<u8>,
}

impl Corked {
    pub(in crate::serve::worker) fn new(tls: Tls) -> Self {
        Self(Rc::new(RefCell::new(Bottle { tls, plain: Vec::new() })))
    }

    /// Sends what was written, as far as the socket has room. What is left goes with the next poll: the socket wakes the task.
    fn pour(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let bottle = &mut *self.0.borrow_mut();
        bottle.seal(cx)?;
        let poured = bottle.tls.poll_unsent(cx);
        bottle.tls.seen.blocked.set(poured.is_pending());
        match poured {
            Poll::Ready(poured) => poured,
            Poll::Pending => Ok(()),
        }
    }
}

impl Bottle {
    fn seal(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.plain.is_empty() {
            return Ok(());
        }
        let buffers = self.tls.buffers.clone();
        buffers.lend(|Lent { output, corked, .. }| {
            let mut plain = take(&mut self.plain);
            let sealed = self.tls.put(cx, &plain, output);
            plain.clear();
            *corked = plain;
            sealed.map(|_| ()) // all of it: there is no more than what is sealed at once
        })
    }

    /// Takes as much of `pieces` as there is room for; how much.
    fn take(&mut self, pieces: &[IoSlice<'_>]) -> usize {
        let plain = &mut self.plain;
        if plain.capacity() == 0 {
            *plain = self.tls.buffers.lend(|lent| take(&mut lent.corked));
            plain.reserve_exact(AT_ONCE);
        }
        let before = plain.len();
        for piece in pieces {
            let room = AT_ONCE.saturating_sub(plain.len());
            plain.extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
        plain.len() - before
    }
}

impl AsyncRead for Corked {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.borrow_mut().tls).poll_read(cx, room)
    }
}

impl AsyncWrite for Corked {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bottle = &mut *self.0.borrow_mut();
        if bottle.plain.len() >= AT_ONCE {
            bottle.seal(cx)?;
        }
        ready!(bottle.tls.poll_unsent(cx))?;
        Poll::Ready(Ok(bottle.take(pieces)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What was written leaves when the poll ends.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().tls.poll_unsent(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let bottle = &mut *self.0.borrow_mut();
        bottle.seal(cx)?;
        Pin::new(&mut bottle.tls).poll_shutdown(cx)
    }
}

pin_project! {
    /// Polls hyper, and sends what it wrote.
    pub(in crate::serve::worker) struct Pouring<C> {
        #[pin]
        served: C,
        stream: Corked,
    }
}

impl<C> Pouring<C> {
    pub(in crate::serve::worker) fn new(served: C, stream: Corked) -> Self {
        Self { served, stream }
    }

    /// hyper's connection.
    pub(in crate::serve::worker) fn served(self: Pin<&mut Self>) -> Pin<&mut C> {
        self.project().served
    }
}

impl<C: Future<Output = hyper::Result<()>>> Future for Pouring<C> {
    type Output = hyper::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let pouring = self.project();
        let polled = pouring.served.poll(cx);
        match pouring.stream.pour(cx) {
            Err(cause) if polled.is_pending() => {
                debug!(%cause, "a connection broke");
                Poll::Ready(Ok(()))
            }
            _ => polled,
        }
    }
}

#[cfg(test)]
mod tests;
