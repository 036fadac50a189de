//! The body of a request on its way in.

use super::turn::{Turn, Wait};
use crate::stock::Held;
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request's body on its way to the upstream. Boxed, because it is rare: short bodies leave with their head.
pub struct Upload(Box<Inner>);

enum Inner {
    /// It still comes, and tells its worker when it waits for the client.
    Coming { body: Incoming, turn: Rc<Turn>, read: u64, nominated: Box<[HeaderName]> },
    /// It was read whole, because a policy had to see it.
    Whole { bytes: Bytes, trailers: Option<Box<HeaderMap>>, _held: Option<Held> },
}

/// So much of a whole body is handed on at once, so that there are no two of it.
const SLICE: usize = 64 << 10;

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
    /// As it comes, but for those of its trailers that are `nominated`.
    pub(super) fn new(body: Incoming, turn: &Rc<Turn>, nominated: Box<[HeaderName]>) -> Self {
        Self(Box::new(Inner::Coming { body, turn: turn.clone(), read: 0, nominated }))
    }

    /// All of it, and what counts it.
    pub(super) fn whole(bytes: Bytes, trailers: Option<Box<HeaderMap>>, held: Option<Held>) -> Self {
        Self(Box::new(Inner::Whole { bytes, trailers, _held: held }))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let (body, turn, read, nominated) = match &mut *self.0 {
            Inner::Coming { body, turn, read, nominated } => (body, turn, read, nominated),
            Inner::Whole { bytes, trailers, .. } => {
                let slice = bytes.split_to(bytes.len().min(SLICE));
                let data = (!slice.is_empty()).then(|| Frame::data(slice));
                let frame = data.or_else(|| trailers.take().map(|trailers| Frame::trailers(*trailers)));
                return Poll::Ready(frame.map(Ok));
            }
        };
        match Pin::new(body).poll_frame(cx) {
            Poll::Pending if turn.is_overdue() => Poll::Ready(Some(Err(Cut::Slow))),
            Poll::Pending => {
                turn.waits(Wait::Upload(*read));
                Poll::Pending
            }
            Poll::Ready(mut frame) => {
                turn.waits(Wait::Other);
                if let Some(Ok(frame)) = &mut frame
                    && let Some(trailers) = frame.trailers_mut()
                {
                    nominated.iter().for_each(|name| drop(trailers.remove(name)));
                }
                if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                    *read += data.len() as u64;
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Cut::Broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &*self.0 {
            Inner::Coming { body, .. } => body.is_end_stream(),
            Inner::Whole { bytes, trailers, .. } => bytes.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &*self.0 {
            Inner::Coming { body, .. } => body.size_hint(),
            Inner::Whole { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}
