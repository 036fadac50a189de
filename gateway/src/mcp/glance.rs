//! A look at a JSON document that costs little and promises little: it stops at the first thing it does not expect, and
//! passes over values without judging them. On a document that [`super::strict`] accepts it reads the same.

use std::borrow::Cow;

use super::text;

/// Something in the document is not as expected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odd;

/// What stands between two quotes; not known to be valid.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Said<'a> {
    /// The bytes as written, unless there are escapes to resolve.
    #[inline]
    pub(super) fn plain(self) -> Option<&'a [u8]> {
        (!self.escaped).then_some(self.raw)
    }

    /// The text, escapes resolved.
    #[inline]
    pub(super) fn read(self) -> Option<Cow<'a, str>> {
        let raw = std::str::from_utf8(self.raw).ok()?;
        if self.escaped { text::unescape(raw).map(Cow::Owned) } else { Some(Cow::Borrowed(raw)) }
    }

    #[inline]
    fn is(self, name: &str) -> bool {
        if self.escaped { self.read().is_some_and(|said| said == name) } else { self.raw == name.as_bytes() }
    }
}

/// A look at one object, from its brace on; what follows the object is not looked at.
#[derive(Clone, Copy)]
pub(super) struct Glance<'a> {
    bytes: &'a [u8],
    at: usize,
    first: bool,
}

impl<'a> Glance<'a> {
    /// Opens the object that `bytes` begins with.
    #[inline]
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        (bytes.first() == Some(&b'{')).then_some(Self { bytes, at: 1, first: true })
    }

    /// Goes to the next member: its name, or nothing at the end of the object. The value has to be read or skipped next.
    #[inline]
    pub(super) fn member(&mut self) -> Result<Option<Said<'a>>, Odd> {
        self.space();
        match self.peek() {
            Some(b'"') if self.first => {}
            Some(b',') if !self.first => {
                self.at += 1;
                self.space();
            }
            Some(b'}') => return Ok(None),
            _ => return Err(Odd),
        }
        self.first = false;
        let name = self.string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(Odd);
        }
        self.at += 1;
        self.space();
        Ok(Some(name))
    }

    /// Goes to the value of the member `name`.
    #[inline]
    pub(super) fn find(&mut self, name: &str) -> Option<()> {
        while let Some(member) = self.member().ok()? {
            if member.is(name) {
                return Some(());
            }
            self.skip().ok()?;
        }
        None
    }

    /// The rest of the document, from where the look stands.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Reads a string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Said<'a>, Odd> {
        if self.peek() != Some(b'"') {
            return Err(Odd);
        }
        let from = self.at + 1;
        let mut escaped = false;
        self.at = from;
        loop {
            self.at = text::stop(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    let raw = self.bytes.get(from..self.at).ok_or(Odd)?;
                    self.at += 1;
                    return Ok(Said { raw, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                _ => return Err(Odd),
            }
        }
    }

    /// Passes over a value: its bytes.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<&'a [u8], Odd> {
        let from = self.at;
        match self.peek() {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'{' | b'[') => self.container()?,
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => self.scalar(),
            _ => return Err(Odd),
        }
        self.bytes.get(from..self.at).ok_or(Odd)
    }

    fn container(&mut self) -> Result<(), Odd> {
        let mut depth = 0_usize;
        loop {
            self.at = text::structure(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(_) => depth -= 1,
                None => return Err(Odd),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn scalar(&mut self) {
        while let Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }
}
