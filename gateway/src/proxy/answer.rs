//! The answer to one request, as hyper awaits it.

use super::Gateway;
use super::delivery::Delivery;
use super::door::Door;
use super::reply::ReplyBody;
use crate::clock::Deadline;
use crate::record::{Pause, Peer};
use http::{Request, Response};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

const POLLED: &str = "an answer is polled until it is there, not longer";

/// The answer to one request. A refusal that needs nothing but the head is there at once. What waits is boxed, so that
/// its room is given back when the reply begins: hyper would keep it for as long as a stream is open.
pub struct Answer(When);

enum When {
    /// Here it is.
    Now(Option<Box<Response<ReplyBody>>>),
    /// It is being fetched.
    Later(Box<Delivery>),
    /// Nothing has been done about the request yet.
    Waiting(Box<Waiting>),
}

/// A request that waits until the audit can take its line.
pub(super) struct Waiting {
    pub(super) gateway: Rc<Gateway>,
    pub(super) door: Rc<Door>,
    /// By this the connection knows that it is not idle.
    pub(super) _peer: Rc<Peer>,
    pub(super) request: Option<Request<Incoming>>,
    /// Taken when it is over.
    pub(super) pause: Option<Pause>,
    /// Where the worker finds it when the process has to end.
    pub(super) deadline: Deadline,
}

impl Waiting {
    /// Ready when the audit can take the line, or when nothing more will come of the request: then it is answered at once, and
    /// its line waits with the others for somebody to read them.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause
            && Pin::new(pause).poll(cx).is_pending()
            && !self.gateway.turn.is_closing()
        {
            let _ = self.deadline.poll(cx);
            return Poll::Pending;
        }
        if let Some(pause) = self.pause.take() {
            pause.end();
        }
        Poll::Ready(())
    }
}

impl Answer {
    pub(super) fn now(response: Response<ReplyBody>) -> Self {
        Self(When::Now(Some(Box::new(response))))
    }

    pub(super) fn waiting(waiting: Waiting) -> Self {
        Self(When::Waiting(Box::new(waiting)))
    }

    pub(super) fn later(delivery: Box<Delivery>) -> Self {
        Self(When::Later(delivery))
    }
}

impl Future for Answer {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let when = &mut self.get_mut().0;
        if let When::Waiting(waiting) = when {
            ready!(waiting.poll_over(cx));
            let request = waiting.request.take().expect(POLLED);
            *when = waiting.gateway.answer(&waiting.door, request).0;
        }
        match when {
            When::Now(response) => Poll::Ready(Ok(*response.take().expect(POLLED))),
            When::Later(delivery) => Pin::new(&mut **delivery).poll(cx).map(Ok),
            When::Waiting(_) => Poll::Pending, // it never waits twice
        }
    }
}
