//! The lines of a head.

use super::{LONGEST_HEAD, Lie, Step};
use memchr::memchr;

/// The lines of a head, each ended by CR LF and by nothing else (RFC 9112, section 2.2 lets a recipient take a bare LF for
/// a line's end; another one may not). A bare CR is left in its line, where nothing takes it for text.
pub(super) struct Lines<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(buffer: &'a [u8]) -> Self {
        Self { buffer, at: 0 }
    }

    /// How many bytes the lines that were read took.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next line without its end, or nothing if that has not come yet.
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, Lie> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let Some((line, _)) = memchr(b'\n', rest).and_then(|end| rest.split_at_checked(end)) else { return Ok(None) };
        let Some((b'\r', text)) = line.split_last() else { return Err(Lie::Syntax) };
        self.at += line.len() + 1;
        if self.at > LONGEST_HEAD { Err(Lie::TooLarge) } else { Ok(Some(text)) }
    }

    /// The head is not there whole: it may still become one.
    pub(super) fn partial(&self) -> Result<Step, Lie> {
        const BEGINS: usize = b"HTTP/1.".len();
        let begins = self.buffer.get(..BEGINS).unwrap_or(self.buffer);
        if !b"HTTP/1.".starts_with(begins) {
            return Err(Lie::Syntax);
        }
        if self.buffer.len() >= LONGEST_HEAD { Err(Lie::TooLarge) } else { Ok(Step::Partial) }
    }
}
