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
    pub(super) fn is(self, name: &str) -> bool {
        if self.escaped { self.read().is_some_and(|said| said == name) } else { self.raw == name.as_bytes() }
    }
}

/// A look at one object; what follows the object is not looked at.
#[derive(Clone, Copy)]
pub(super) struct Glance<'a> {
    /// From where the look stands to the end of the document.
    rest: &'a [u8],
    first: bool,
}

impl<'a> Glance<'a> {
    /// Opens the object that `bytes` begins with.
    #[inline]
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { rest: bytes.strip_prefix(b"{")?, first: true })
    }

    /// Opens the object that `bytes` begins with, or looks on in one of which a value was just read.
    #[inline]
    pub(super) fn resume(bytes: &'a [u8]) -> Self {
        Self::open(bytes).unwrap_or(Self { rest: bytes, first: false })
    }

    /// Goes past `text` if the object begins so. The text has to be whole members and the comma behind them.
    #[inline]
    pub(super) fn pass(&mut self, text: &[u8]) {
        if let Some(rest) = self.rest.strip_prefix(text) {
            self.rest = rest;
        }
    }

    /// Goes to the next member: its name, or nothing at the end of the object. The value has to be read or skipped next.
    #[inline(always)]
    pub(super) fn member(&mut self) -> Result<Option<Said<'a>>, Odd> {
        if !self.first {
            match self.next() {
                Some(b',') => self.step(),
                Some(b'}') => return Ok(None),
                _ => return Err(Odd),
            }
        } else if self.next() == Some(b'}') {
            return Ok(None);
        }
        self.first = false;
        self.next();
        let name = self.string()?;
        if self.next() != Some(b':') {
            return Err(Odd);
        }
        self.step();
        self.next();
        Ok(Some(name))
    }

    /// Goes to the value of the member `name`: the document from there on.
    pub(super) fn find(&mut self, name: &str) -> Option<&'a [u8]> {
        while let Some(member) = self.member().ok()? {
            if member.is(name) {
                return Some(self.rest);
            }
            self.skip()?;
        }
        None
    }

    /// The document from where the look stands.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the look stands in the document, which `body` is.
    #[inline]
    pub(super) fn at(&self, body: &[u8]) -> u32 {
        (body.len() - self.rest.len()) as u32
    }

    /// Reads a string.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Said<'a>, Odd> {
        let from = self.rest.strip_prefix(b"\"").ok_or(Odd)?;
        let (length, escaped) = length(from)?;
        let (raw, rest) = from.split_at_checked(length).ok_or(Odd)?;
        self.rest = rest;
        self.step();
        Ok(Said { raw, escaped })
    }

    /// Passes over a value: its bytes.
    #[inline(always)]
    pub(super) fn skip(&mut self) -> Option<&'a [u8]> {
        let from = self.rest;
        match from.first()? {
            b'"' => {
                self.string().ok()?;
            }
            b'{' | b'[' => self.container()?,
            b'-' | b'0'..=b'9' | b'a'..=b'z' => self.scalar(),
            _ => return None,
        }
        from.get(..from.len() - self.rest.len())
    }

    /// The strings of the array that `bytes` begins with, which has no other elements.
    pub(super) fn strings(bytes: &'a [u8]) -> impl Iterator<Item = Said<'a>> + use<'a> {
        let mut look = bytes.strip_prefix(b"[").map(|rest| Self { rest, first: true });
        std::iter::from_fn(move || {
            let look = look.as_mut()?;
            if !std::mem::take(&mut look.first) {
                look.next().filter(|byte| *byte == b',')?;
                look.step();
            }
            look.next();
            look.string().ok()
        })
    }

    fn container(&mut self) -> Option<()> {
        let (&open, mut rest) = self.rest.split_first()?;
        // In valid JSON the brackets of the other kind are balanced wherever these are.
        let close = if open == b'{' { b'}' } else { b']' };
        let mut depth = 1_usize;
        while depth > 0 {
            let (&byte, behind) = rest.get(text::bracket(rest, open, close)?..)?.split_first()?;
            rest = behind;
            if byte == b'"' {
                rest = rest.get(length(rest).ok()?.0 + 1..)?;
            } else if byte == open {
                depth += 1;
            } else {
                depth -= 1;
            }
        }
        self.rest = rest;
        Some(())
    }

    #[inline(always)]
    fn scalar(&mut self) {
        let end = self.rest.iter().position(|byte| !SCALAR.get(usize::from(*byte)).is_some_and(|scalar| *scalar));
        self.rest = end.and_then(|end| self.rest.get(end..)).unwrap_or_default();
    }

    /// The next byte that is not white space; the look then stands there.
    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        loop {
            match *self.rest {
                [b' ' | b'\t' | b'\n' | b'\r', ref rest @ ..] => self.rest = rest,
                [byte, ..] => return Some(byte),
                [] => return None,
            }
        }
    }

    #[inline(always)]
    fn step(&mut self) {
        if let [_, rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// Which bytes numbers and the three words are made of.
#[expect(clippy::indexing_slicing, reason = "while it is compiled")]
static SCALAR: [bool; 256] = {
    let mut scalar = [false; 256];
    let mut byte = 0;
    while byte < scalar.len() {
        scalar[byte] = matches!(byte as u8, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E');
        byte += 1;
    }
    scalar
};

/// How long the string is whose opening quote stands before `bytes`, and whether it has escapes.
#[inline(always)]
fn length(bytes: &[u8]) -> Result<(usize, bool), Odd> {
    let length = text::quote(bytes).ok_or(Odd)?;
    if bytes.get(length) == Some(&b'"') { Ok((length, false)) } else { escaped_length(bytes, length) }
}

/// How long the string is whose first escape stands at `at`.
#[cold]
fn escaped_length(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Odd> {
    while bytes.get(at) == Some(&b'\\') {
        at += 2;
        at += text::quote(bytes.get(at..).ok_or(Odd)?).ok_or(Odd)?;
    }
    Ok((at, true))
}
