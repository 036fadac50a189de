//! One request out, one reply's head back.

use super::chunks::{write_chunk, write_last_chunk};
use super::framing::Piece;
use super::head::{self, Head, Lie, MOST_INTERIM, Step};
use super::stream::Stream;
use super::{Body, CONNECT_TIMEOUT, Failure, Reply, Upstream};
use crate::clock::Deadline;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use http_body::Body as HttpBody;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// A request body that is passed on as it comes.
pub struct Streamed<B> {
    /// Where it comes from.
    pub body: B,
    /// Its length, if the client told; else it goes out chunked.
    pub length: Option<u64>,
    /// Largest body allowed, in bytes.
    pub most: u64,
    /// Which of its trailer fields are passed on. Only a body whose length was not told has a place for any.
    pub passes: fn(&HeaderName) -> bool,
}

/// A request on its way: finds a connection, writes what is left to write and reads the head of the reply at the same
/// time, since a backend may answer before it has read everything. Dropping it closes the connection.
pub struct Trip<B> {
    upstream: Rc<Upstream>,
    deadline: Deadline,
    method: Method,
    way: Way,
    out: Vec<u8>,
    sent: usize,
    source: Option<Streamed<B>>,
    /// A pooled connection may have been closed by the upstream a moment ago.
    pooled: bool,
    /// The request did not leave whole, so the connection carries no other.
    broken: bool,
    interim: u8,
    head: Vec<u8>,
    /// Where the fields of the reply will stand.
    room: HeaderMap,
}

/// The connection, or how it comes about. Connecting is boxed: it is rare, and as large as a TLS handshake.
enum Way {
    Dialing(Pin<Box<dyn Future<Output = io::Result<Stream>>>>),
    Open(Stream),
    Closed,
    /// Nobody need try: see [`super::breaker`].
    Down,
}

/// What became of the connection under a request.
enum Snag {
    /// The pooled connection was dead before a byte left: the request may go to a fresh one.
    Stale,
    Failed(Failure),
}

impl<B: HttpBody<Data = Bytes> + Unpin> Trip<B> {
    pub(super) fn new(
        upstream: &Rc<Upstream>,
        method: Method,
        request: Vec<u8>,
        room: HeaderMap,
        rest: Option<Streamed<B>>,
    ) -> Self {
        let pooled = upstream.pool.take();
        let mut trip = Self {
            deadline: upstream.clock.deadline(),
            upstream: upstream.clone(),
            method,
            way: Way::Closed,
            out: request,
            sent: 0,
            source: rest,
            pooled: pooled.is_some(),
            broken: false,
            interim: 0,
            head: Vec::new(),
            room,
        };
        match pooled {
            Some(stream) => trip.set_out(stream),
            None => trip.dial(),
        }
        trip
    }

    fn dial(&mut self) {
        (self.pooled, self.interim) = (false, 0);
        self.head.clear(); // whatever a connection said before it was found dead
        self.deadline.arm(CONNECT_TIMEOUT);
        let upstream = self.upstream.clone();
        self.way = if upstream.breaker.is_open() {
            Way::Down
        } else {
            Way::Dialing(Box::pin(async move { upstream.dial().await }))
        };
    }

    fn set_out(&mut self, stream: Stream) {
        self.deadline.arm(self.upstream.head_timeout);
        self.way = Way::Open(stream);
    }

    fn poll_connected(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let dialing = match &mut self.way {
            Way::Open(_) | Way::Closed => return Poll::Ready(Ok(())),
            Way::Down => return Poll::Ready(Err(Failure::Down)),
            Way::Dialing(dialing) => dialing,
        };
        let breaker = &self.upstream.breaker;
        match dialing.as_mut().poll(cx) {
            Poll::Ready(Ok(stream)) => {
                breaker.reached();
                self.set_out(stream);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(cause)) => {
                breaker.refused(&cause);
                Poll::Ready(Err(Failure::Unreachable(cause)))
            }
            Poll::Pending => self.deadline.poll(cx).map(|()| {
                breaker.opens();
                Err(Failure::Unreachable(io::ErrorKind::TimedOut.into()))
            }),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Snag>> {
        loop {
            let Way::Open(stream) = &mut self.way else { return Poll::Ready(Ok(())) };
            while let Some(left) = self.out.get(self.sent..).filter(|left| !left.is_empty()) {
                match ready!(stream.poll_write(cx, left)) {
                    Ok(0) | Err(_) if self.pooled && self.sent == 0 => return Poll::Ready(Err(Snag::Stale)),
                    Ok(0) | Err(_) => {
                        // the upstream may have answered early and hung up: the reply is still read
                        (self.source, self.broken) = (None, true);
                        self.out.clear();
                        return Poll::Ready(Ok(()));
                    }
                    Ok(n) => {
                        self.sent += n;
                        self.pooled = false;
                    }
                }
            }
            if !self.out.is_empty() {
                self.upstream.give_back(std::mem::take(&mut self.out)); // a slow tool's request holds no buffer
                self.sent = 0;
            }
            if self.source.is_none() {
                return stream.poll_flush(cx).map(|_| Ok(()));
            }
            ready!(self.poll_source(cx)).map_err(Snag::Failed)?;
            self.deadline.arm(self.upstream.head_timeout); // an upload that moves is not waiting for its reply
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Some(source) = self.source.as_mut() else { return Poll::Ready(Ok(())) };
        let frame = ready!(Pin::new(&mut source.body).poll_frame(cx));
        let data = match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Poll::Ready(self.end_source(&trailers));
                }
            },
            Some(Err(_)) => return Poll::Ready(Err(Failure::BodyIncomplete)),
            None => return Poll::Ready(self.end_source(&HeaderMap::new())),
        };
        let size = data.len() as u64;
        let Some(most) = source.most.checked_sub(size) else {
            return Poll::Ready(Err(Failure::BodyTooLarge));
        };
        source.most = most;
        match &mut source.length {
            Some(left) => match left.checked_sub(size) {
                Some(rest) => {
                    *left = rest;
                    self.out.extend_from_slice(&data);
                }
                None => return Poll::Ready(Err(Failure::BodyIncomplete)),
            },
            None => write_chunk(&data, &mut self.out),
        }
        Poll::Ready(Ok(()))
    }

    /// The body has come to its end, with these trailers.
    fn end_source(&mut self, trailers: &HeaderMap) -> Result<(), Failure> {
        match self.source.take() {
            Some(Streamed { length: None, passes, .. }) => write_last_chunk(trailers, passes, &mut self.out),
            Some(Streamed { length: Some(1..), .. }) => return Err(Failure::BodyIncomplete),
            Some(Streamed { length: Some(0), .. }) | None => {}
        }
        Ok(())
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Failure>> {
        loop {
            let upstream = self.upstream.clone();
            let landed = ready!(upstream.scratch(|scratch| {
                let Way::Open(stream) = &mut self.way else { return Poll::Ready(Err(Failure::Closed)) };
                let read = ready!(stream.poll_read(cx, scratch));
                Poll::Ready(self.landed(read, scratch.filled()))
            }))?;
            if let Some((head, piece, clean)) = landed {
                return Poll::Ready(self.reply(head, piece, clean));
            }
        }
    }

    fn reply(&mut self, head: Head, piece: Piece, clean: bool) -> Result<Reply, Failure> {
        let Way::Open(stream) = std::mem::replace(&mut self.way, Way::Closed) else { return Err(Failure::Closed) };
        let Head { status, headers, events, session, framing, reusable } = head;
        let whole = self.out.is_empty() && self.source.is_none() && !self.broken;
        let body = Body::new(self.upstream.clone(), stream, framing, reusable && whole, piece, clean);
        let mut deadline = std::mem::replace(&mut self.deadline, self.upstream.clock.deadline());
        deadline.disarm();
        Ok(Reply { status, headers, events, session, body, deadline })
    }

    /// Looks at what one read brought: the common head comes whole and is parsed where it lies.
    fn landed(&mut self, read: io::Result<()>, input: &[u8]) -> Result<Option<Landed>, Failure> {
        if read.is_err() || input.is_empty() {
            return Err(Failure::Closed);
        }
        if !self.head.is_empty() {
            self.head.extend_from_slice(input);
            if !input.contains(&b'\n') && self.head.len() < head::LONGEST_HEAD {
                return Ok(None); // without a line's end it cannot be whole, and need not be read from its beginning
            }
            let head = std::mem::take(&mut self.head);
            return self.parse(&head);
        }
        self.parse(input)
    }

    fn parse(&mut self, mut input: &[u8]) -> Result<Option<Landed>, Failure> {
        loop {
            match head::read(input, &self.method, &mut self.room, &self.upstream.values).map_err(Failure::Invalid)? {
                Step::Partial => {
                    self.head = input.to_vec();
                    return Ok(None);
                }
                Step::Interim(length) => {
                    self.interim += 1;
                    if self.interim > MOST_INTERIM {
                        return Err(Failure::Invalid(Lie::TooLarge));
                    }
                    input = input.get(length..).unwrap_or_default();
                    if input.is_empty() {
                        return Ok(None);
                    }
                }
                Step::Done(mut head, length) => {
                    let rest = input.get(length..).unwrap_or_default();
                    let piece = head.framing.take(rest).map_err(Failure::Invalid)?;
                    let clean = piece.used == rest.len();
                    return Ok(Some((head, piece, clean)));
                }
            }
        }
    }
}

/// A head, the body's piece that came with it, and whether nothing else did.
type Landed = (Head, Piece, bool);

impl<B: HttpBody<Data = Bytes> + Unpin> Future for Trip<B> {
    type Output = Result<Reply, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let trip = self.get_mut();
        loop {
            ready!(trip.poll_connected(cx))?;
            match trip.poll_send(cx) {
                Poll::Ready(Err(Snag::Stale)) => {
                    trip.dial();
                    continue;
                }
                Poll::Ready(Err(Snag::Failed(failure))) => return Poll::Ready(Err(failure)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            return match trip.poll_head(cx) {
                Poll::Pending => trip.deadline.poll(cx).map(|()| Err(Failure::Timeout)),
                landed => landed,
            };
        }
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests;
