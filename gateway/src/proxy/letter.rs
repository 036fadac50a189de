//! A request as the upstream gets it.

use super::asked::Asked;
use super::fields::Fate;
use super::headers::{self, Length};
use super::upload::Upload;
use crate::mcp::Header;
use crate::upstream::{Streamed, write_chunk, write_last_chunk};
use http::{HeaderMap, HeaderName, Method};

/// A request's head as the upstream gets it.
#[derive(Default)]
pub(super) struct Letter {
    /// Whether its route is open to everybody.
    pub(super) public: bool,
    /// Whether trailers are announced, which only a chunked body can carry on.
    pub(super) trailers: bool,
    /// Whether a policy compares what is said here with the body.
    pub(super) policy: bool,
    /// Whether it goes on with a stream that broke off.
    pub(super) resumes: bool,
    pub(super) method: Method,
    pub(super) text: Vec<u8>,
    pub(super) mirrors: Mirrors,
    /// Fields that `Connection` lists: the head has none of them, and what comes behind the body shall not either.
    pub(super) nominated: Box<[HeaderName]>,
    /// The room of the client's fields, for the reply's. Their values, which hold on to the whole buffer that the head was
    /// read into, are let go of.
    pub(super) room: HeaderMap,
}

impl Letter {
    /// Takes the room of the client's `fields`.
    pub(super) fn with_room(mut self, mut fields: HeaderMap) -> Self {
        fields.clear();
        self.room = fields;
        self
    }

    /// What the field says that repeats this part of the body, if it is there, and whether it is there twice.
    pub(super) fn mirrored(&self, header: Header) -> (Option<&[u8]>, bool) {
        let Mirrors { version, method, name } = self.mirrors;
        let Spot { from, to, twice } = match header {
            Header::Version => version,
            Header::Method => method,
            Header::Name => name,
        };
        (self.text.get(from as usize..to as usize).filter(|_| to > 0), twice)
    }

    /// Writes the end of the head, and the body behind it, as far as that is here; the rest is still to come.
    pub(super) fn seal(&mut self, asked: Asked) -> Option<Streamed<Upload>> {
        let text = &mut self.text;
        let length = match &asked {
            Asked::Nothing if self.method == Method::POST => Length::Known(0),
            Asked::Nothing => Length::None,
            Asked::Whole(bytes, None, _) => Length::Known(bytes.len() as u64),
            Asked::Whole(_, Some(_), _) => Length::Unknown,
            Asked::Streamed(streamed) => streamed.length.map_or(Length::Unknown, Length::Known),
        };
        headers::end_head(length, text);
        match asked {
            Asked::Nothing => None,
            Asked::Whole(bytes, trailers, held @ Some(_)) => {
                let most = bytes.len() as u64;
                let (length, passes) = (trailers.is_none().then_some(most), headers::is_passing_trailer);
                Some(Streamed { body: Upload::whole(bytes, trailers, held), length, most, passes })
            }
            Asked::Whole(bytes, None, None) => {
                text.extend_from_slice(&bytes);
                None
            }
            Asked::Whole(bytes, Some(trailers), None) => {
                write_chunk(&bytes, text);
                write_last_chunk(&trailers, headers::is_passing_trailer, text);
                None
            }
            Asked::Streamed(streamed) => Some(streamed),
        }
    }
}

/// Where in a letter the fields stand that repeat what the body says: the body is compared with what is passed on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mirrors {
    version: Spot,
    method: Spot,
    name: Spot,
}

/// Where a value stands; nowhere if it ends at 0.
#[derive(Clone, Copy, Debug, Default)]
struct Spot {
    from: u32,
    to: u32,
    twice: bool,
}

impl Mirrors {
    /// Takes note of the field that was just written, whose value has this length.
    #[inline]
    pub(super) fn note(&mut self, fate: Fate, length: usize, text: &[u8]) {
        let spot = if fate == Fate::Version {
            &mut self.version
        } else if fate == Fate::Method {
            &mut self.method
        } else if fate == Fate::Name {
            &mut self.name
        } else {
            return;
        };
        let to = text.len().saturating_sub(b"\r\n".len());
        let place = |at: usize| u32::try_from(at).unwrap_or_default();
        match spot.to {
            0 => (spot.from, spot.to) = (place(to.saturating_sub(length)), place(to)),
            _ => spot.twice = true,
        }
    }
}
