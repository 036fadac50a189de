//! Cuts the lists in a reply down to what their reader may use.
//!
//! Only for clients with a policy, and only where a list may come. What cannot be read without doubt is not passed on.

use super::reply::Broken;
use crate::access::Policy;
use crate::mcp::list::{filter, filter_any};
use crate::mcp::sse::{Event, Splitter, rewrite_data};
use crate::mcp::{Flaw, ListKind, Member};
use crate::upstream::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use std::borrow::Cow;
use std::task::{Context, Poll, ready};

/// Which lists the reply to a request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// The one that it asks for.
    Asked(ListKind),
    /// Any: the stream of a GET may go on with what another request asked for.
    Any,
}

/// Cuts down one reply.
pub struct Sieve {
    policy: Policy,
    lists: Lists,
}

impl Sieve {
    /// For a reader with this policy.
    pub fn new(policy: Policy, lists: Lists) -> Self {
        Self { policy, lists }
    }

    /// Whether the reply has to be a list, if it is not an error.
    pub(super) fn expects_list(&self) -> bool {
        self.lists != Lists::Any
    }

    /// Cuts a message down.
    ///
    /// # Errors
    /// A message that may be a list and cannot be read as one.
    pub(super) fn message<'a>(&self, message: &'a [u8]) -> Result<Cow<'a, [u8]>, Flaw> {
        match self.lists {
            Lists::Asked(kind) => filter(message, kind, |name| self.policy.lists(kind, name)),
            Lists::Any => match filter_any(message, |kind, name| self.policy.lists(kind, name)) {
                // read to its end, and there is no result in it that could hold a list
                Err(Flaw::Missing { member: Member::Result }) => Ok(Cow::Borrowed(message)),
                filtered => filtered,
            },
        }
    }

    /// Passes an event on, cut down if it has to be.
    fn event(&self, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
        match event.data() {
            Some(data) if may_be_message(event, &data) => match self.message(&data)? {
                Cow::Borrowed(_) => out.extend_from_slice(event.bytes()),
                Cow::Owned(less) => out.append(&mut rewrite_data(event.bytes(), &less)),
            },
            _ => out.extend_from_slice(event.bytes()),
        }
        Ok(())
    }
}

/// Whether a client may take an event for a message. Not the empty data that begins a stream since 2025-11-25, nor an event
/// of a kind of its own that holds no JSON, such as `endpoint` in 2024-11-05.
fn may_be_message(event: Event<'_>, data: &[u8]) -> bool {
    match data.trim_ascii().first() {
        None => false,
        Some(b'{' | b'[' | 0xef) => true, // 0xef begins a byte order mark
        Some(_) => event.kind().is_none_or(|kind| kind == b"message"),
    }
}

/// An event stream, cut down event by event: each is passed on when it is whole.
pub struct Sifted {
    body: Body,
    sieve: Sieve,
    splitter: Splitter,
    trailers: Option<HeaderMap>,
}

impl Sifted {
    /// Cuts the events of `body` down, of which none may be longer than `max_event` bytes.
    pub fn new(body: Body, sieve: Sieve, max_event: usize) -> Self {
        Self { body, sieve, splitter: Splitter::new(max_event), trailers: None }
    }

    /// The next events, or the end.
    ///
    /// # Errors
    /// The upstream broke off, or sent what may not be passed on.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            let sifted = match ready!(self.body.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.sift(&data),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.rest(Vec::new())
                    }
                },
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure.into()))),
                None => self.rest(Vec::new()),
            };
            match sifted {
                Ok(events) if !events.is_empty() => return Poll::Ready(Some(Ok(Frame::data(events.into())))),
                Ok(_) if self.is_end() => return Poll::Ready(None),
                Ok(_) => {}
                Err(flaw) => return Poll::Ready(Some(Err(flaw.into()))),
            }
        }
    }

    /// Whether nothing more will come.
    pub fn is_end(&self) -> bool {
        self.body.is_end() && self.trailers.is_none()
    }

    /// Whether the upstream has sent all of it.
    pub fn has_arrived(&self) -> bool {
        self.body.has_arrived()
    }

    fn sift(&mut self, data: &[u8]) -> Result<Vec<u8>, Flaw> {
        let mut out = Vec::with_capacity(data.len());
        let Self { sieve, splitter, .. } = self;
        splitter.feed(data, |event| sieve.event(event, &mut out))?;
        // whoever reads looks at once whether this was all
        if self.body.is_end() { self.rest(out) } else { Ok(out) }
    }

    /// What came last and did not end as an event has to; some clients read it all the same.
    fn rest(&mut self, mut out: Vec<u8>) -> Result<Vec<u8>, Flaw> {
        let splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        if let Some(rest) = splitter.rest() {
            self.sieve.event(rest, &mut out)?;
        }
        Ok(out)
    }
}
