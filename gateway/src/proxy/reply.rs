//! The body of a reply on its way to the client.

use crate::clock::Deadline;
use crate::record::{End, Exchange};
use crate::upstream::{Body, Failure};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A whole answer of ours, or what the upstream sends, frame by frame as it comes.
pub enum ReplyBody {
    /// Ours.
    Whole(Bytes),
    /// The upstream's. The record of the exchange rides inside and is written when this is dropped.
    Relayed(Relay),
}

/// A relayed body with what watches over it.
pub struct Relay {
    body: Body,
    exchange: Exchange,
    deadline: Deadline,
}

impl Relay {
    /// Passes `body` on; `deadline` is where the worker finds this stream to wake it.
    pub fn new(body: Body, exchange: Exchange, deadline: Deadline) -> Self {
        Self { body, exchange, deadline }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let polled = self.body.poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.exchange.passed(frame.data_ref().map_or(0, Bytes::len));
                if self.body.is_end() {
                    self.exchange.ended(End::Complete);
                }
            }
            Poll::Ready(None) => self.exchange.ended(End::Complete),
            Poll::Ready(Some(Err(_))) => self.exchange.ended(End::UpstreamCut),
            Poll::Pending => drop(self.deadline.poll(cx)),
        }
        polled
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
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
