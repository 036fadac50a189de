//! TLS with a client, between its socket and hyper.
//!
//! rustls has an interface that holds no buffers, and here the connections of a worker share theirs: one that idles holds
//! none at all. What a read brings is decrypted where it lies and copied once, to where hyper wants it, and what hyper
//! writes leaves in one system call.

mod corked;
mod session;

pub(super) use corked::{Corked, Pouring};

use super::line::Seen;
use rustls::{CommonState, ServerConfig};
use session::{LARGEST, RECORD, SEALED, Session, WHOLE};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Least bytes that are read at once; else as many as there is room for, and as make one record whole.
const LEAST: usize = 4 * 1024;
/// Most bytes of small pieces that are brought together: an h2 frame is its head and as much data as a record holds, and should
/// leave at once.
const GATHERED: usize = 2 * RECORD;

/// What all connections of a worker read and write through, one after the other.
pub(super) struct Buffers(RefCell<Lent>);

struct Lent {
    input: Box<[u8]>,
    output: Box<[u8]>,
    /// For the one connection that is polled, see [`Corked`].
    corked: Vec<u8>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        let [input, output] = [LARGEST + WHOLE, SEALED].map(|size| vec![0; size].into_boxed_slice());
        Self(RefCell::new(Lent { input, output, corked: Vec::new() }))
    }

    fn lend<T>(&self, work: impl FnOnce(&mut Lent) -> T) -> T {
        work(&mut self.0.borrow_mut())
    }
}

/// A connection with TLS.
pub(super) struct Tls {
    socket: TcpStream,
    session: Box<Session>,
    buffers: Rc<Buffers>,
    seen: Rc<Seen>,
}

impl Tls {
    /// A connection whose handshake has yet to come.
    pub(super) fn new(server: Arc<ServerConfig>, socket: TcpStream, buffers: &Rc<Buffers>) -> io::Result<Self> {
        let session = Session::new(server).map_err(io::Error::other)?;
        Ok(Self { socket, session: Box::new(session), buffers: buffers.clone(), seen: Rc::default() })
    }

    /// What was agreed upon.
    pub(super) fn state(&self) -> &CommonState {
        self.session.state()
    }

    /// What is seen of the connection: here, that the client takes what waited, which a [`super::line::Line`] is not told.
    pub(super) fn seen(&self) -> &Rc<Seen> {
        &self.seen
    }

    /// Ready when the handshake is done, and what the client waits for has been sent.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx))?;
            if !self.session.state().is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            // what a client sends right behind its handshake waits in the session
            ready!(self.poll_fill(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Reads from the socket, and decrypts into `room`.
    fn poll_fill(&mut self, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { socket, session, buffers, .. } = self;
        ready!(buffers.lend(|Lent { input, .. }| {
            let kept = session.ahead(); // at most LARGEST
            let (front, space) = input.split_at_mut(kept.len());
            front.copy_from_slice(kept);
            let kept = kept.len();
            let most = WHOLE.saturating_sub(kept).max(LEAST);
            let space = space.get_mut(..room.remaining().clamp(LEAST, most)).unwrap_or_default();
            let mut space = ReadBuf::new(space);
            ready!(Pin::new(socket).poll_read(cx, &mut space))?;
            match space.filled().len() {
                0 => session.breaks_off(),
                came => session.receive(input.get_mut(..kept + came).unwrap_or_default(), room),
            }
            Poll::Ready(io::Result::Ok(()))
        }))?;
        self.answer(cx);
        Poll::Ready(self.session.error().map_or(Ok(()), Err))
    }

    /// Sends what rustls had to say, as far as that goes: an alert, at the last moment; all else may wait for the next write.
    fn answer(&mut self, cx: &mut Context<'_>) {
        if self.session.has_unsent() {
            let _ = self.poll_unsent(cx);
        }
    }

    /// Seals the front of `plain` and sends it; how much of it is on its way, whatever becomes of that.
    fn put(&mut self, cx: &mut Context<'_>, plain: &[u8], output: &mut [u8]) -> io::Result<usize> {
        if plain.is_empty() {
            return Ok(0);
        }
        let taken = self.seal(cx, plain, output);
        if taken.is_err() {
            self.answer(cx);
        }
        taken
    }

    fn seal(&mut self, cx: &mut Context<'_>, plain: &[u8], output: &mut [u8]) -> io::Result<usize> {
        let Self { socket, session, .. } = self;
        let (taken, sealed) = session.seal(plain, output)?;
        let sealed = output.get(..sealed).unwrap_or_default();
        let sent = match session.has_unsent() {
            true => 0, // what rustls had to say goes first
            false => match Pin::new(socket).poll_write(cx, sealed) {
                Poll::Ready(sent) => sent?,
                Poll::Pending => 0,
            },
        };
        session.keep(sealed.get(sent..).unwrap_or_default());
        Ok(taken)
    }

    /// Sends what the socket had no room for.
    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(unsent) = self.session.unsent() {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, unsent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => {
                    self.session.has_sent(sent);
                    self.seen.moved.set(true);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Tls {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tls = self.get_mut();
        let before = room.filled().len();
        if room.remaining() == 0 {
            return Poll::Ready(Ok(())); // what there is stays until there is room for it
        }
        loop {
            if tls.session.holds() {
                tls.session.give(room);
                tls.answer(cx);
                if room.filled().len() > before {
                    return Poll::Ready(Ok(()));
                }
            }
            if tls.session.has_ended() {
                return Poll::Ready(tls.session.error().map_or(Ok(()), Err));
            }
            let filled = ready!(tls.poll_fill(cx, room));
            if room.filled().len() > before {
                return Poll::Ready(Ok(())); // an error behind it is told next time
            }
            filled?;
        }
    }
}

impl AsyncWrite for Tls {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tls = self.get_mut();
        ready!(tls.poll_unsent(cx))?;
        let buffers = tls.buffers.clone();
        buffers.lend(|Lent { input, output, .. }| {
            let plain = gather(pieces, input.get_mut(..GATHERED).unwrap_or_default());
            Poll::Ready(tls.put(cx, plain, output))
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_unsent(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let tls = self.get_mut();
        tls.session.close();
        ready!(tls.poll_unsent(cx))?;
        match ready!(Pin::new(&mut tls.socket).poll_shutdown(cx)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            shut => Poll::Ready(shut),
        }
    }
}

/// What can be sealed at once: a large piece where it lies, small ones brought together.
fn gather<'a>(pieces: &'a [IoSlice<'_>], place: &'a mut [u8]) -> &'a [u8] {
    match pieces {
        [] => return &[],
        [first] => return first,
        [first, ..] if first.len() >= RECORD => return first,
        _ => {}
    }
    let (mut length, mut room) = (0, &mut *place);
    for piece in pieces {
        let part = piece.get(..room.len()).unwrap_or(piece);
        let (here, rest) = room.split_at_mut(part.len());
        here.copy_from_slice(part);
        (length, room) = (length + part.len(), rest);
    }
    place.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests;
