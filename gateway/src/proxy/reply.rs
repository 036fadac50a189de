//! The body of a reply on its way to the client.

use super::source::Source;
use super::turn::{Turn, Wait};
use super::ward::Ward;
use crate::clock::{Deadline, Tick};
use crate::mcp::Flaw;
use crate::mcp::sse::Boundary;
use crate::record::{End, Exchange, Limit};
use crate::stock::Full;
use crate::upstream::Failure;
use bytes::Bytes;
use http::HeaderName;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The header that tells a client when its key ends, as RFC 3339.
pub const X_API_KEY_EXPIRES: HeaderName = HeaderName::from_static("x-api-key-expires");

/// What a reply that has to end, but may not end where it stands, has left to come to a better place.
pub(super) const GRACE: Duration = Duration::from_millis(300);

/// What a client of an event stream is told before a drain ends it: come back, but not at once (HTML, section 9.2.6).
const RETRY: &[u8] = b"retry: 1000\n\n";

/// A whole answer of ours, or what the upstream sends, frame by frame as it comes.
pub enum ReplyBody {
    /// Ours.
    Whole(Bytes),
    /// The upstream's. The record of the exchange rides inside and is written when this is dropped. Boxed, because it is
    /// moved a dozen times on its way through hyper: that costs more than an allocation.
    Relayed(Box<Relay>),
}

/// Why a reply breaks off. Whoever reads it can tell that it is not whole: over HTTP/1.1 the last chunk or the rest of the
/// length is missing, over h2 the stream is reset.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The upstream broke off.
    #[error(transparent)]
    Upstream(#[from] Failure),
    /// The upstream sent something that may be a list and cannot be cut down to what its reader may use.
    #[error("the upstream sent a list that cannot be read: {0}")]
    Unreadable(#[from] Flaw),
    /// There is no room for an event that has to be read whole.
    #[error("the upstream sent an event for which there is no room: {0}")]
    Full(#[from] Full),
    /// It had to end, and not between two events.
    #[error("the reply had to end in its middle")]
    Ended,
}

/// A relayed body with what watches over it.
///
/// It has to end when its key's lease ends, or when the process can wait no longer. An event stream that stands between two
/// events then ends as if the upstream had ended it; where a drain ends it, with a hint to come back first. Any other reply has 300 ms to become whole or to come to the end of an
/// event, and is then broken off.
pub struct Relay {
    body: Source,
    exchange: Exchange,
    deadline: Deadline,
    turn: Rc<Turn>,
    /// For an event stream.
    boundary: Option<Boundary>,
    /// Whether it may end anywhere between two events: nobody was told how long it is.
    open_ended: bool,
    grace: bool,
    hinted: bool,
    /// When something of an event stream passed last.
    spoke: Tick,
    /// The turn in which nothing more was there. hyper asks again in the same one, before it lets anything else happen.
    idle: u64,
    /// The call of the clock after which it began to wait again.
    waiting: u32,
    /// Held for as long as this is: what the sending task knows it by.
    _ward: Option<Rc<Ward>>,
}

/// What is put into a silent event stream: a comment, which every reader of events skips (WHATWG HTML, section 9.2.7), and
/// an empty line, behind which even simple ones begin anew.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

impl Relay {
    /// Passes `body` on, which is a stream of `events` or is not. `deadline` is where the worker finds this reply to wake
    /// it; `turn` says when the process can wait no longer. The task that polls this learns of it by its handover, unless
    /// all of it is here: then nothing is kept open for it.
    pub fn new(
        body: Source,
        events: bool,
        mut exchange: Exchange,
        mut deadline: Deadline,
        turn: Rc<Turn>,
    ) -> Box<Self> {
        if body.is_end() {
            exchange.ended(End::Complete); // nobody polls a body that has nothing
        }
        let (boundary, open_ended) = (events.then(Boundary::default), body.exact().is_none());
        let lease = if body.has_arrived() { None } else { exchange.lease() };
        let ward = lease.map(|lease| turn.handover.announce(lease.clone()));
        if let Some(keep_alive) = turn.keep_alive.filter(|_| events && open_ended) {
            deadline.arm_for(keep_alive);
        }
        let spoke = deadline.clock().now();
        let (grace, hinted, idle, waiting) = Default::default();
        let relay = Self {
            body,
            exchange,
            deadline,
            turn,
            boundary,
            open_ended,
            grace,
            hinted,
            spoke,
            idle,
            waiting,
            _ward: ward,
        };
        Box::write(Box::new_uninit(), relay) // in its place at once
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.idle == self.turn.number() {
            return Poll::Pending;
        }
        if let Some(end) = self.must_end()
            && let Poll::Ready(over) = self.poll_over(cx)
        {
            if over.is_ok() && matches!(end, End::Drained) && !self.hinted {
                self.hinted = true;
                self.exchange.passed(RETRY.len());
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(RETRY)))));
            }
            self.exchange.ended(end);
            return Poll::Ready(over.err().map(Err));
        }
        let polled = self.body.poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.passes(data);
                }
                if self.body.is_end() {
                    self.exchange.ended(End::Complete);
                }
                self.turn.waits(Wait::Reader);
            }
            Poll::Ready(None) => self.exchange.ended(End::Complete),
            Poll::Ready(Some(Err(broken))) => self.breaks(broken),
            Poll::Pending => {
                self.turn.waits(Wait::Other);
                if self.is_over(cx) && self.is_silent(cx) {
                    self.turn.waits(Wait::Reader);
                    return Poll::Ready(Some(Ok(Frame::data(COMMENT))));
                }
                self.idle = self.turn.number();
            }
        }
        polled
    }

    #[cold]
    fn breaks(&mut self, broken: &Broken) {
        if matches!(broken, Broken::Full(_)) {
            self.exchange.ran_into(Limit::Held);
        } else if let Broken::Unreadable(flaw) = broken {
            if matches!(flaw, Flaw::EventTooLong { .. }) {
                self.exchange.ran_into(Limit::List);
            }
            tracing::warn!("a stream is broken off: {broken}");
        }
        self.exchange.ended(End::UpstreamCut);
    }

    fn passes(&mut self, data: &[u8]) {
        self.exchange.passed(data.len());
        if let Some(boundary) = &mut self.boundary {
            self.spoke = self.deadline.clock().now();
            let before = boundary.events();
            boundary.feed(data);
            let events = boundary.events() - before;
            if events > 0 {
                self.exchange.passed_events(events);
            }
        }
    }

    fn must_end(&self) -> Option<End> {
        match self.exchange.lease_ended() {
            Some(_) => Some(End::LeaseEnded),
            None => self.turn.is_closing().then_some(End::Drained),
        }
    }

    /// Whether the deadline has passed. Whoever waits for it is known to the clock until then, or until the next call.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let calls = self.deadline.clock().calls();
        if self.waiting == calls && !self.deadline.has_passed() {
            return false;
        }
        if self.waiting != calls {
            self.waiting = calls;
            self.exchange.follow();
        }
        self.deadline.poll(cx).is_ready()
    }

    /// The deadline of a stream that is kept alive has passed: whether nothing did meanwhile, and it stands where a comment
    /// may be put in. The deadline is not moved with each event, but left to come too early, and then set anew.
    #[cold]
    fn is_silent(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(keep_alive) = self.turn.keep_alive.filter(|_| !self.grace) else { return false };
        let left = keep_alive.after(self.deadline.clock().since(self.spoke));
        self.deadline.arm_for(left.unwrap_or(keep_alive));
        let _ = self.deadline.poll(cx);
        let silent = left.is_none() && self.boundary.as_ref().is_some_and(Boundary::is_between);
        if silent {
            self.exchange.kept_alive();
        }
        silent
    }

    /// Ready when the reply, which must end, does: well, or broken off.
    #[cold]
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if self.open_ended && self.boundary.as_ref().is_some_and(Boundary::is_between) {
            return Poll::Ready(Ok(()));
        }
        if !self.grace {
            self.grace = true;
            self.deadline.arm(GRACE);
        }
        self.deadline.poll(cx).map(|()| Err(Broken::Ended))
    }
}

impl Drop for Relay {
    /// A reply that had to end, but whose client did not even read, did not end by the client's will.
    fn drop(&mut self) {
        if self.turn.wait() == Wait::GivenUp {
            return self.exchange.stalled();
        }
        if let Some(end) = self.must_end() {
            self.exchange.ended(end);
        }
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            ReplyBody::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            ReplyBody::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            ReplyBody::Relayed(relay) => relay.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReplyBody::Whole(bytes) => bytes.is_empty(),
            ReplyBody::Relayed(relay) => relay.body.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let exact = match self {
            ReplyBody::Whole(bytes) => Some(bytes.len() as u64),
            ReplyBody::Relayed(relay) => relay.body.exact(),
        };
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod model;
