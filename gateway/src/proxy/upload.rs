//! The body of a request on its way in.

use super::turn::{Turn, Wait};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request's body, which tells its worker when it waits for the client. Boxed, because it is rare: short bodies are read
/// whole.
pub struct Upload(Box<Inner>);

struct Inner {
    body: Incoming,
    turn: Rc<Turn>,
    read: u64,
}

/// Why a request's body is not whole.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    /// The client broke it off, or its framing.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// The client sent it too slowly.
    #[error("the body came too slowly")]
    Slow,
}

impl Upload {
    pub(super) fn new(body: Incoming, turn: &Rc<Turn>) -> Self {
        Self(Box::new(Inner { body, turn: turn.clone(), read: 0 }))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Inner { body, turn, read } = &mut *self.0;
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending if turn.is_overdue() => Poll::Ready(Some(Err(Cut::Slow))),
            Poll::Pending => {
                turn.waits(Wait::Upload(*read));
                Poll::Pending
            }
            Poll::Ready(frame) => {
                turn.waits(Wait::Other);
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    *read += data.len() as u64;
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Cut::Broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body.size_hint()
    }
}
