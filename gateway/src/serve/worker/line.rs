//! A connection's bytes as they pass between the socket and hyper: what they tell of the peer's doings.

use super::frames::Frames;
use super::owed::{Owed, RESET};
use crate::clock::Clock;
use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What was seen of a connection. The connection's task reads it while hyper holds the [`Line`].
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Something has begun that should soon be whole. Over HTTP/1.1: bytes have come. Over h2: a frame or header block that
    /// is not data, by its number.
    pub(super) begun: Cell<Option<u32>>,
    /// The peer takes nothing at present.
    pub(super) blocked: Cell<bool>,
    /// It has taken something since this was last reset.
    pub(super) moved: Cell<bool>,
    /// It sent more frames that ask for nothing than it may.
    pub(super) flooded: Cell<bool>,
    /// How many streams it has opened over h2 since this was last reset.
    pub(super) opened: Cell<u32>,
    /// What its h2 streams wait for, and how many there are whose replies have not ended or were not counted.
    pub(super) owed: RefCell<Owed>,
    pub(super) unended: Cell<usize>,
}

/// A connection that is looked at.
pub(super) struct Line<S> {
    io: S,
    seen: Rc<Seen>,
    h2: Option<Box<(Frames, Clock)>>,
}

impl<S> Line<S> {
    /// For HTTP/1.1.
    pub(super) fn http1(io: S, seen: &Rc<Seen>) -> Self {
        Self { io, seen: seen.clone(), h2: None }
    }

    /// For h2.
    pub(super) fn http2(io: S, seen: &Rc<Seen>, frames: Frames, clock: &Clock) -> Self {
        Self { io, seen: seen.clone(), h2: Some(Box::new((frames, clock.clone()))) }
    }

    fn wrote<T>(&self, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_pending() {
            self.seen.blocked.set(true);
        } else {
            self.seen.blocked.set(false);
            self.seen.moved.set(true);
        }
        polled
    }

    fn wrote_bytes(&mut self, polled: Poll<io::Result<usize>>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let (Some((frames, clock)), Poll::Ready(Ok(bytes))) = (self.h2.as_deref_mut(), &polled) {
            frames.wrote(*bytes);
            let (mut owed, mut left) = (self.seen.owed.borrow_mut(), *bytes);
            for piece in pieces {
                owed.writes(piece.get(..left).unwrap_or(piece), clock.now());
                left = left.saturating_sub(piece.len());
            }
            self.seen.unended.set(owed.weight());
        }
        self.wrote(polled)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Line<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = &mut *self;
        let Some((frames, clock)) = line.h2.as_deref_mut() else {
            let before = buf.filled().len();
            ready!(Pin::new(&mut line.io).poll_read(cx, buf))?;
            if buf.filled().len() > before {
                line.seen.begun.set(Some(0));
            }
            return Poll::Ready(Ok(()));
        };
        if frames.has_ended() {
            frames.farewell(buf);
            return Poll::Ready(Ok(()));
        }
        let mut owed = line.seen.owed.borrow_mut();
        if owed.is_giving_up() && frames.is_between() && reset(&mut owed, &mut line.io, buf, cx)? {
            line.seen.unended.set(owed.weight());
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut line.io).poll_read(cx, buf))?;
        let flood = frames.pass(buf.filled().get(before..).unwrap_or_default(), clock, &mut owed);
        line.seen.unended.set(owed.weight());
        line.seen.begun.set(frames.begun());
        line.seen.opened.set(line.seen.opened.get() + frames.opened());
        if let Some(at) = flood {
            line.seen.flooded.set(true);
            buf.set_filled(before + at);
            frames.farewell(buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.wrote_bytes(polled, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bytes);
        self.wrote_bytes(polled, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // what TLS had not written yet has left, too
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.wrote(polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        if polled.is_pending() {
            self.seen.blocked.set(true);
        }
        polled
    }
}

/// Resets a stream that is given up: writes the frame for the client, and reads it for the library. False if it cannot be done
/// now.
#[cold]
fn reset<S: AsyncWrite + Unpin>(
    owed: &mut Owed,
    io: &mut S,
    buf: &mut ReadBuf<'_>,
    cx: &mut Context<'_>,
) -> io::Result<bool> {
    if buf.remaining() < RESET || Pin::new(&mut *io).poll_flush(cx).is_pending() {
        return Ok(false);
    }
    let Some(frame) = owed.reset() else { return Ok(false) };
    match Pin::new(io).poll_write(cx, &frame) {
        Poll::Ready(Ok(RESET)) => {
            buf.put_slice(&frame);
            Ok(true)
        }
        Poll::Ready(Err(cause)) => Err(cause),
        // half a frame cannot be taken back
        Poll::Ready(Ok(_)) | Poll::Pending => Err(io::ErrorKind::WriteZero.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes everything, as TLS does, but can only write it out when it is `open`.
    struct Held {
        open: Rc<Cell<bool>>,
    }

    impl AsyncWrite for Held {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if self.open.get() { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_peer_that_has_taken_what_was_held_back_is_not_blocked() {
        let (seen, open) = (Rc::new(Seen::default()), Rc::new(Cell::new(false)));
        let mut line = Line::http1(Held { open: open.clone() }, &seen);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut line).poll_write(&mut cx, b"all of it").is_ready());
        assert!(Pin::new(&mut line).poll_flush(&mut cx).is_pending());
        assert!(seen.blocked.get());
        open.set(true);
        assert!(Pin::new(&mut line).poll_flush(&mut cx).is_ready());
        assert!(!seen.blocked.get(), "nothing is left that it could take");
    }
}
