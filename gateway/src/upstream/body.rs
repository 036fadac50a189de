//! The body of a reply, piece by piece as it comes.

use super::framing::{Framing, Piece};
use super::stream::Stream;
use super::{Failure, Upstream};
use crate::stock::Stock;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// The rest of a reply. Dropping it before its end closes the upstream connection at once, which is how a client's
/// leaving reaches the backend (MCP 2026-07-28: closing the response stream is cancellation).
pub struct Body {
    upstream: Rc<Upstream>,
    stream: Option<Stream>,
    framing: Framing,
    reusable: bool,
    first: Bytes,
    trailers: Option<Box<HeaderMap>>,
}

impl Body {
    /// A body of which `piece` came with the head. The connection goes back to the pool as soon as the last byte has
    /// been read, if it is `reusable`.
    pub(super) fn new(
        upstream: Rc<Upstream>,
        stream: Stream,
        framing: Framing,
        reusable: bool,
        piece: Piece,
        clean: bool,
    ) -> Self {
        let (first, trailers) = (piece.data, piece.trailers.map(Box::new));
        let mut body = Self { upstream, stream: Some(stream), framing, reusable, first, trailers };
        body.settle(clean);
        body
    }

    /// The next piece, or the end.
    ///
    /// # Errors
    /// The upstream cut the body short or broke its framing.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        loop {
            if !self.first.is_empty() {
                let piece = self.upstream.stock.keep(std::mem::take(&mut self.first));
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(*trailers))));
            }
            if self.framing.is_done() {
                return Poll::Ready(None);
            }
            if let Err(failure) = ready!(self.poll_fill(cx)) {
                self.stream = None;
                self.framing = Framing::Done;
                return Poll::Ready(Some(Err(failure)));
            }
        }
    }

    /// Has a body that was read to its end go on with these bytes and trailers in place of what came.
    pub fn replace(&mut self, bytes: Bytes, trailers: Option<HeaderMap>) {
        (self.first, self.trailers) = (bytes, trailers.map(Box::new));
    }

    /// What it is counted in.
    pub fn stock(&self) -> &Stock {
        &self.upstream.stock
    }

    /// Whether nothing more will come.
    pub fn is_end(&self) -> bool {
        self.framing.is_done() && self.first.is_empty() && self.trailers.is_none()
    }

    /// Whether the upstream has sent all of it.
    pub fn has_arrived(&self) -> bool {
        self.framing.is_done()
    }

    /// Bytes that are still to come, if known.
    pub fn exact(&self) -> Option<u64> {
        self.framing.exact().filter(|_| self.trailers.is_none()).map(|left| left + self.first.len() as u64)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let upstream = self.upstream.clone();
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Err(Failure::Closed)) };
        let (piece, clean) = ready!(upstream.scratch(|scratch| {
            let read = ready!(stream.poll_read(cx, scratch));
            Poll::Ready(read.map_err(|_| Failure::Closed).and_then(|()| cut(&mut self.framing, scratch.filled())))
        }))?;
        (self.first, self.trailers) = (piece.data, piece.trailers.map(Box::new));
        self.settle(clean);
        Poll::Ready(Ok(()))
    }

    /// Gives the connection back once the body has ended. Bytes after the end (not `clean`) belong to nobody: what sent
    /// them is not trusted with another request.
    fn settle(&mut self, clean: bool) {
        if self.framing.is_done()
            && let Some(stream) = self.stream.take()
            && clean
            && self.reusable
        {
            self.upstream.pool.put(stream);
        }
    }
}

/// The body's share of what one read brought, and whether it brought nothing else.
fn cut(framing: &mut Framing, input: &[u8]) -> Result<(Piece, bool), Failure> {
    if !input.is_empty() {
        let piece = framing.take(input).map_err(Failure::Invalid)?;
        let clean = piece.used == input.len();
        return Ok((piece, clean));
    }
    if *framing != Framing::ToEof {
        return Err(Failure::Closed);
    }
    *framing = Framing::Done;
    Ok((Piece::default(), false))
}
