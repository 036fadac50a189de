//! The body of a request.

use super::headers::is_passing_trailer;
use super::upload::Upload;
use crate::reject::Reject;
use crate::upstream::Streamed;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;

/// A request's body, as far as it has been read.
pub(super) enum Asked {
    Nothing,
    /// All of it, and its trailers if it has any that pass.
    Whole(Bytes, Option<Box<HeaderMap>>),
    Streamed(Streamed<Upload>),
}

/// Joins the frames of a short body; the common one is a single frame and is not copied.
#[derive(Default)]
pub(super) struct Whole {
    first: Bytes,
    joined: Vec<u8>,
    trailers: Option<Box<HeaderMap>>,
}

impl Whole {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.joined.len().max(self.first.len()) as u64
    }

    /// # Errors
    /// More than `most` bytes have come.
    pub(super) fn push(&mut self, frame: Frame<Bytes>, most: u64) -> Result<(), Reject> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.trailers = trailers.keys().any(is_passing_trailer).then(|| Box::new(trailers));
                return Ok(());
            }
        };
        if self.first.is_empty() {
            self.first = data;
        } else {
            if self.joined.is_empty() {
                self.joined.extend_from_slice(&self.first);
            }
            self.joined.extend_from_slice(&data);
        }
        if self.len() > most { Err(Reject::BodyTooLarge) } else { Ok(()) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }

    pub(super) fn into_asked(self) -> Asked {
        let bytes = if self.joined.is_empty() { self.first } else { self.joined.into() };
        Asked::Whole(bytes, self.trailers)
    }
}
