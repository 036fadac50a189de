//! The strict walk over a JSON document: nothing that two parsers could read differently gets through.
//!
//! Beyond RFC 8259: no white space before the document, at most [`MAX_DEPTH`] containers inside each other, no member
//! twice in an object, no half surrogate pair, no U+0000 in a member name.

mod escape;
mod id;

pub(super) use id::id;

use std::borrow::Cow;

use super::flaw::{Flaw, Wanted};
use super::member::Member;
use super::names::Names;
use super::text;

/// How many containers may stand inside each other, the outermost included.
const MAX_DEPTH: u32 = 64;

/// A walk over one document; `at` is where it stands.
///
/// Each method expects the walk at the first byte of what it reads and leaves it right behind.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

/// Where a string stands, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) escaped: bool,
}

impl Span {
    /// Where its opening quote stands.
    pub(super) fn at(self) -> u32 {
        self.from - 1
    }

    /// What it says in `text`, escapes resolved.
    #[inline]
    pub(super) fn read(self, text: &str) -> Cow<'_, str> {
        let raw = text.get(self.from as usize..self.to as usize).unwrap_or_default();
        if self.escaped { Cow::Owned(text::unescape(raw).unwrap_or_default()) } else { Cow::Borrowed(raw) }
    }
}

impl<'a> Walk<'a> {
    /// Opens a document, which has to be one object and to begin with it.
    pub(super) fn open(body: &'a [u8]) -> Result<Self, Flaw> {
        let walk = Self::before(body)?;
        if walk.peek() == Some(b'{') { Ok(walk) } else { Err(Flaw::NotAnObject) }
    }

    /// Opens a document, which has to be one object; white space may come before it.
    pub(super) fn open_reply(body: &'a [u8]) -> Result<Self, Flaw> {
        let mut walk = Self::before(body)?;
        walk.space();
        if walk.peek() == Some(b'{') { Ok(walk) } else { Err(Flaw::NotAnObject) }
    }

    fn before(body: &'a [u8]) -> Result<Self, Flaw> {
        if u32::try_from(body.len()).is_err() {
            return Err(Flaw::TooLong);
        }
        let text = std::str::from_utf8(body).map_err(|flaw| Flaw::NotUtf8 { at: flaw.valid_up_to() as u32 })?;
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// Ends the walk: nothing but white space may follow.
    pub(super) fn close(mut self) -> Result<(), Flaw> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Flaw::Trailing { at: self.at() }) }
    }

    /// Where the walk stands.
    #[inline]
    pub(super) fn at(&self) -> u32 {
        self.at as u32
    }

    /// The next byte, without moving.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What was walked since `from`.
    #[inline]
    pub(super) fn since(&self, from: u32) -> &'a str {
        self.text.get(from as usize..self.at).unwrap_or_default()
    }

    /// What a string says, escapes resolved.
    #[inline]
    pub(super) fn read(&self, span: Span) -> Cow<'a, str> {
        span.read(self.text)
    }

    /// Reads an object. `member` is called at each value, which it has to read.
    #[inline]
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, Span) -> Result<(), Flaw>) -> Result<(), Flaw> {
        if !self.enter(b'{', b'}')? {
            return Ok(());
        }
        let mut names = Names::default();
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.odd());
            }
            let name = self.string()?;
            names.add(self.text, name)?;
            self.space();
            self.expect(b':')?;
            self.space();
            member(self, name)?;
            if !self.another(b'}')? {
                return names.close();
            }
        }
    }

    /// Reads an array. `element` is called at each value, which it has to read.
    #[inline]
    pub(super) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Result<(), Flaw>) -> Result<(), Flaw> {
        if !self.enter(b'[', b']')? {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.another(b']')? {
                return Ok(());
            }
        }
    }

    /// Reads a value of any type.
    #[inline]
    pub(super) fn value(&mut self) -> Result<(), Flaw> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{' | b'[') => self.container(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.odd()),
        }
    }

    /// Reads an object or an array; apart from [`Walk::value`], so that the others need no room for names.
    fn container(&mut self) -> Result<(), Flaw> {
        if self.peek() == Some(b'{') { self.object(|walk, _| walk.value()) } else { self.array(Self::value) }
    }

    /// Reads the value of `member`, which has to be a string.
    pub(super) fn string_of(&mut self, member: Member) -> Result<Cow<'a, str>, Flaw> {
        if self.peek() == Some(b'"') {
            return self.string().map(|span| self.read(span));
        }
        Err(Flaw::Wrong { member, wanted: Wanted::String, at: self.at() })
    }

    /// Reads a string.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Span, Flaw> {
        let from = self.at + 1;
        let mut escaped = false;
        self.at = from;
        loop {
            self.at += text::stop(self.rest());
            match self.peek() {
                Some(b'"') => {
                    let to = self.at;
                    self.at += 1;
                    return Ok(Span { from: from as u32, to: to as u32, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(Flaw::Control { at: self.at() }),
                None => return Err(Flaw::Truncated { at: self.at() }),
            }
        }
    }

    /// What is wrong when the next byte fits nothing.
    #[cold]
    pub(super) fn odd(&self) -> Flaw {
        let at = self.at();
        if self.at < self.text.len() { Flaw::Unexpected { at } } else { Flaw::Truncated { at } }
    }

    /// Steps into a container; false when it is empty, and then the walk is behind it already.
    #[inline]
    fn enter(&mut self, open: u8, close: u8) -> Result<bool, Flaw> {
        if self.depth == MAX_DEPTH {
            return Err(Flaw::TooDeep { at: self.at() });
        }
        self.expect(open)?;
        self.space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        self.depth += 1;
        Ok(true)
    }

    /// Behind a value of a container: whether another one follows. If not, the walk leaves the container.
    #[inline]
    fn another(&mut self, close: u8) -> Result<bool, Flaw> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.odd()),
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.peek() != Some(byte) {
            return Err(self.odd());
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Flaw> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Flaw> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        if bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        at = if bytes.get(at) == Some(&b'0') { at + 1 } else { self.digits(at)? };
        if bytes.get(at) == Some(&b'.') {
            at = self.digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
            at = self.digits(at + 1 + usize::from(signed))?;
        }
        self.at = at;
        Ok(())
    }

    /// Where the digits end, of which there has to be one, that begin at `from`.
    #[inline(always)]
    fn digits(&mut self, from: usize) -> Result<usize, Flaw> {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(b'0'..=b'9') = bytes.get(at) {
            at += 1;
        }
        if at > from {
            return Ok(at);
        }
        self.at = from;
        Err(self.odd())
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}
