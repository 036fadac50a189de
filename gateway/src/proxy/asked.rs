//! The body of a request.

use crate::reject::Reject;
use crate::upstream::Streamed;
use bytes::Bytes;
use hyper::body::Incoming;

/// A request's body, as far as it has been read.
pub(super) enum Asked {
    Nothing,
    Whole(Bytes),
    Streamed(Streamed<Incoming>),
}

/// Joins the frames of a short body; the common one is a single frame and is not copied.
#[derive(Default)]
pub(super) struct Whole {
    first: Bytes,
    joined: Vec<u8>,
}

impl Whole {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    pub(super) fn push(&mut self, data: Bytes, most: u64) -> Result<(), Reject> {
        if self.first.is_empty() {
            self.first = data;
        } else {
            if self.joined.is_empty() {
                self.joined.extend_from_slice(&self.first);
            }
            self.joined.extend_from_slice(&data);
        }
        let size = self.joined.len().max(self.first.len()) as u64;
        if size > most { Err(Reject::BodyTooLarge) } else { Ok(()) }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.into() }
    }
}
