//! The body of a request.

use super::headers::is_passing_trailer;
use super::upload::Upload;
use crate::reject::Reject;
use crate::stock::{FREE, Held, Stock};
use crate::upstream::Streamed;
use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use http_body::Frame;

/// A request's body, as far as it has been read.
pub(super) enum Asked {
    Nothing,
    /// All of it, its trailers if it has any that pass, and what counts it if it is long.
    Whole(Bytes, Option<Box<HeaderMap>>, Option<Held>),
    Streamed(Streamed<Upload>),
}

/// Joins the frames of a short body; the common one is a single frame and is not copied.
#[derive(Default)]
pub(super) struct Whole {
    first: Bytes,
    joined: Vec<u8>,
    trailers: Option<Box<HeaderMap>>,
    held: Option<Held>,
}

impl Whole {
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// So many bytes will come.
    ///
    /// # Errors
    /// [`Reject::Full`]
    pub(super) fn expect(&mut self, length: u64, stock: &Stock) -> Result<(), Reject> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > FREE {
            stock.make_room(&mut self.held, &mut self.joined, length, 1)?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> u64 {
        self.joined.len().max(self.first.len()) as u64
    }

    /// Takes what came, but for trailers that are `nominated` or do not pass anyway.
    ///
    /// # Errors
    /// More than `most` bytes have come, or there is no room for them.
    pub(super) fn push(
        &mut self,
        frame: Frame<Bytes>,
        nominated: &[HeaderName],
        most: u64,
        stock: &Stock,
    ) -> Result<(), Reject> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                nominated.iter().for_each(|name| drop(trailers.remove(name)));
                self.trailers = trailers.keys().any(is_passing_trailer).then(|| Box::new(trailers));
                return Ok(());
            }
        };
        if self.len() + data.len() as u64 > most {
            return Err(Reject::BodyTooLarge);
        }
        if self.first.is_empty() && self.joined.capacity() == 0 {
            self.first = data;
            return Ok(());
        }
        let begins = self.joined.is_empty();
        let more = if begins { self.first.len() + data.len() } else { data.len() };
        stock.make_room(&mut self.held, &mut self.joined, more, 1)?;
        if begins {
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(&data);
        Ok(())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }

    pub(super) fn into_asked(self) -> Asked {
        let bytes = if self.joined.is_empty() { self.first } else { self.joined.into() };
        Asked::Whole(bytes, self.trailers, self.held)
    }
}
