//! One request out, one reply's head back.

use super::framing::Piece;
use super::head::{self, Head, Lie, Step};
use super::stream::Stream;
use super::{Failure, Upstream};
use crate::clock::Deadline;
use bytes::Bytes;
use http::Method;
use http_body::Body as HttpBody;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Interim replies that one request may have; more is a flood.
const MOST_INTERIM: u8 = 8;

/// A request body that is passed on as it comes.
pub struct Streamed<B> {
    /// Where it comes from.
    pub body: B,
    /// Its length, if the client told; else it goes out chunked.
    pub length: Option<u64>,
    /// Largest body allowed, in bytes.
    pub most: u64,
}

/// A request on its way: writes what is left of it and reads the head of the reply at the same time, since a backend
/// may answer before it has read everything.
pub(super) struct Trip<'a, B> {
    pub(super) upstream: &'a Upstream,
    pub(super) stream: Stream,
    pub(super) method: Method,
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    pub(super) source: Option<Streamed<B>>,
    /// A pooled connection may have been closed by the upstream a moment ago.
    pub(super) pooled: bool,
    pub(super) head: Vec<u8>,
    pub(super) interim: u8,
}

/// How a trip ended.
pub(super) enum Landed {
    /// With a head, the body's piece that came with it, and whether nothing else did.
    Reply(Head, Piece, bool),
    /// The pooled connection was dead before a byte left: the request may go to a fresh one.
    Stale,
}

impl<B: HttpBody<Data = Bytes> + Unpin> Trip<'_, B> {
    /// Runs until the head is there, or the deadline passes.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<Landed, Failure>> {
        match self.poll_send(cx, deadline) {
            Poll::Ready(Err(Sending::Stale)) => return Poll::Ready(Ok(Landed::Stale)),
            Poll::Ready(Err(Sending::Failed(failure))) => return Poll::Ready(Err(failure)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        if let Poll::Ready(landed) = self.poll_head(cx) {
            return Poll::Ready(landed);
        }
        deadline.poll(cx).map(|()| Err(Failure::Timeout))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<(), Sending>> {
        loop {
            while let Some(left) = self.out.get(self.sent..).filter(|left| !left.is_empty()) {
                match ready!(self.stream.poll_write(cx, left)) {
                    Ok(0) | Err(_) => return Poll::Ready(self.write_failed()),
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
                return self.stream.poll_flush(cx).map(|_| Ok(()));
            }
            ready!(self.poll_source(cx))?;
            deadline.arm(self.upstream.head_timeout); // an upload that moves is not waiting for its reply
        }
    }

    /// After the first byte has left, the upstream may have answered early and hung up: the reply is still read.
    fn write_failed(&mut self) -> Result<(), Sending> {
        if self.pooled && self.sent == 0 {
            return Err(Sending::Stale);
        }
        self.source = None;
        self.out.clear();
        Ok(())
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Sending>> {
        let Some(source) = self.source.as_mut() else { return Poll::Ready(Ok(())) };
        let frame = ready!(Pin::new(&mut source.body).poll_frame(cx));
        let data = match frame {
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(), // trailers of a request are not passed on
            Some(Err(_)) => return Poll::Ready(Err(Sending::Failed(Failure::BodyIncomplete))),
            None => {
                if source.length.is_none() {
                    self.out.extend_from_slice(b"0\r\n\r\n");
                } else if source.length != Some(0) {
                    return Poll::Ready(Err(Sending::Failed(Failure::BodyIncomplete)));
                }
                self.source = None;
                return Poll::Ready(Ok(()));
            }
        };
        let size = data.len() as u64;
        let Some(most) = source.most.checked_sub(size) else {
            return Poll::Ready(Err(Sending::Failed(Failure::BodyTooLarge)));
        };
        source.most = most;
        match &mut source.length {
            Some(left) => match left.checked_sub(size) {
                Some(rest) => {
                    *left = rest;
                    self.out.extend_from_slice(&data);
                }
                None => return Poll::Ready(Err(Sending::Failed(Failure::BodyIncomplete))),
            },
            None if data.is_empty() => {} // an empty chunk would be the last one
            None => {
                self.out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                self.out.extend_from_slice(&data);
                self.out.extend_from_slice(b"\r\n");
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Landed, Failure>> {
        let upstream = self.upstream;
        loop {
            let landed = upstream.scratch(|scratch| {
                let read = ready!(self.stream.poll_read(cx, scratch));
                Poll::Ready(self.landed(read, scratch.filled()))
            });
            if let Some(landed) = ready!(landed).transpose() {
                return Poll::Ready(landed);
            }
        }
    }

    /// Looks at what one read brought: the common head comes whole and is parsed where it lies.
    fn landed(&mut self, read: io::Result<()>, input: &[u8]) -> Result<Option<Landed>, Failure> {
        if read.is_err() || input.is_empty() {
            return Err(Failure::Closed);
        }
        if !self.head.is_empty() {
            self.head.extend_from_slice(input);
            let head = std::mem::take(&mut self.head);
            return self.parse(&head);
        }
        self.parse(input)
    }

    fn parse(&mut self, mut input: &[u8]) -> Result<Option<Landed>, Failure> {
        loop {
            match head::read(input, &self.method).map_err(Failure::Invalid)? {
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
                    return Ok(Some(Landed::Reply(head, piece, clean)));
                }
            }
        }
    }
}

enum Sending {
    Stale,
    Failed(Failure),
}
