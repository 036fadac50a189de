//! Where an upstream's body ends, and what of the bytes is body (RFC 9112, section 7).

use super::head::{self, Lie};
use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderName;

/// Longest run of chunk extensions, and of trailers, in bytes.
const LONGEST_LINE: u32 = 8 * 1024;

/// How the rest of a body is told from what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing is left.
    Done,
    /// This many bytes are left.
    Length(u64),
    /// Chunked; the state between two reads.
    Chunked(Chunked),
    /// All until the upstream closes.
    ToEof,
}

/// Where in chunked framing the next byte stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunked {
    state: State,
    left: u64,
    digits: u8,
    line: u32,
    trailers: Vec<u8>,
    hop: Option<Box<Hop>>,
}

/// Names of trailers that are for this hop only.
#[derive(Debug, PartialEq, Eq)]
struct Hop(Vec<HeaderName>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,
}

/// What one read holds.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Body bytes, without framing. Empty if there was only framing.
    pub(super) data: Bytes,
    /// Trailer fields, at the end of a chunked body that has some.
    pub(super) trailers: Option<HeaderMap>,
    /// How many bytes of the input belong to this body.
    pub(super) used: usize,
}

impl Framing {
    /// The start of a chunked body.
    #[cfg(test)]
    pub(super) fn chunked() -> Self {
        Framing::Chunked(Chunked::default())
    }

    /// Whether the body has ended.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Framing::Done)
    }

    /// Bytes that are certain to come, if known.
    pub(super) fn exact(&self) -> Option<u64> {
        match self {
            Framing::Done => Some(0),
            Framing::Length(left) => Some(*left),
            Framing::Chunked(_) | Framing::ToEof => None,
        }
    }

    /// Takes the body's share of `input`.
    ///
    /// # Errors
    /// Chunked framing that is not exactly as the RFC has it.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<Piece, Lie> {
        match self {
            Framing::Done => Ok(Piece::default()),
            Framing::ToEof => Ok(Piece { data: Bytes::copy_from_slice(input), trailers: None, used: input.len() }),
            Framing::Length(left) => {
                let used = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= used as u64;
                if *left == 0 {
                    *self = Framing::Done;
                }
                Ok(Piece { data: Bytes::copy_from_slice(input.get(..used).unwrap_or_default()), trailers: None, used })
            }
            Framing::Chunked(chunked) => {
                let mut data = Gather::default();
                let (used, ended) = chunked.advance(input, &mut data)?;
                let mut piece = Piece { data: data.finish(input), trailers: None, used };
                if ended {
                    piece.trailers = trailers(&chunked.trailers, chunked.hop.as_deref())?;
                    *self = Framing::Done;
                }
                Ok(piece)
            }
        }
    }
}

/// Collects chunk data: one range of the input is copied once, several are joined.
#[derive(Default)]
struct Gather {
    first: (usize, usize),
    joined: Vec<u8>,
}

impl Gather {
    fn add(&mut self, input: &[u8], from: usize, to: usize) {
        if self.first.1 == 0 {
            self.first = (from, to);
            return;
        }
        if self.joined.is_empty() {
            self.joined.reserve_exact(input.len() - self.first.0);
            self.joined.extend_from_slice(input.get(self.first.0..self.first.1).unwrap_or_default());
        }
        self.joined.extend_from_slice(input.get(from..to).unwrap_or_default());
    }

    fn finish(self, input: &[u8]) -> Bytes {
        if self.joined.is_empty() {
            Bytes::copy_from_slice(input.get(self.first.0..self.first.1).unwrap_or_default())
        } else {
            self.joined.into()
        }
    }
}

impl Chunked {
    /// The start of one whose trailers of these names are not forwarded.
    pub(super) fn without(hop: &mut Vec<HeaderName>) -> Self {
        let hop = (!hop.is_empty()).then(|| Box::new(Hop(std::mem::take(hop))));
        Self { hop, ..Self::default() }
    }

    /// Walks `input`; gives how much of it was used and whether the last chunk and the trailers are through.
    fn advance(&mut self, input: &[u8], data: &mut Gather) -> Result<(usize, bool), Lie> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if self.state == State::Data {
                let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len() - at);
                data.add(input, at, at + take);
                at += take;
                self.left -= take as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            at += 1;
            if self.step(byte)? {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    /// One byte of framing; true at the very end.
    fn step(&mut self, byte: u8) -> Result<bool, Lie> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, b';' | b' ' | b'\t') if self.digits > 0 => State::Extension,
            (State::Size, _) => {
                let digit = (byte as char).to_digit(16).ok_or(Lie::Chunk)?;
                self.digits += 1;
                if self.digits > 15 {
                    return Err(Lie::Chunk);
                }
                self.left = self.left << 4 | u64::from(digit);
                State::Size
            }
            (State::Extension, b'\r') => State::SizeLf,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.count()?;
                State::Extension
            }
            (State::SizeLf, b'\n') => {
                (self.digits, self.line) = (0, 0);
                if self.left == 0 { State::Trailer } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::Trailer, _) => {
                self.count()?;
                self.trailers.push(byte);
                return Ok(self.trailers == b"\r\n" || self.trailers.ends_with(b"\r\n\r\n"));
            }
            (State::Extension | State::SizeLf | State::Data | State::DataCr | State::DataLf, _) => {
                return Err(Lie::Chunk);
            }
        };
        Ok(false)
    }

    fn count(&mut self) -> Result<(), Lie> {
        self.line += 1;
        if self.line > LONGEST_LINE { Err(Lie::Chunk) } else { Ok(()) }
    }
}

/// Trailer fields that may be forwarded: none that frames, routes or identifies (RFC 9110, section 6.5.1).
fn trailers(text: &[u8], hop: Option<&Hop>) -> Result<Option<HeaderMap>, Lie> {
    if text == b"\r\n" {
        return Ok(None);
    }
    let map = head::trailers(text, |name| forbidden(name) || hop.is_some_and(|hop| hop.0.contains(name)))?;
    Ok((!map.is_empty()).then_some(map))
}

fn forbidden(name: &HeaderName) -> bool {
    use http::header as h;
    matches!(
        *name,
        h::CONTENT_LENGTH
            | h::TRANSFER_ENCODING
            | h::CONNECTION
            | h::TE
            | h::TRAILER
            | h::UPGRADE
            | h::HOST
            | h::CONTENT_TYPE
            | h::CONTENT_ENCODING
            | h::CONTENT_RANGE
            | h::CACHE_CONTROL
            | h::SET_COOKIE
            | h::WWW_AUTHENTICATE
            | h::SERVER
    ) || name.as_str().starts_with("access-control-")
}

#[cfg(test)]
mod tests;
