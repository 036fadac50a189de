//! The strict walk over a JSON document: nothing that two parsers could read differently gets through.
//!
//! Beyond RFC 8259: no white space before the document, at most [`MAX_DEPTH`] containers inside each other, no member
//! twice in an object, no half surrogate pair, no U+0000 in a member name.

use std::hash::{BuildHasher, RandomState};

use super::flaw::Flaw;
use super::text::{self, Text};

/// How many containers may stand inside each other, the outermost included.
const MAX_DEPTH: u32 = 64;

/// Up to here the names of an object are compared with each other, beyond that hashed.
const FEW: usize = 16;

/// A walk over one document; `at` is where it stands.
///
/// Each method expects the walk at the first byte of what it reads and leaves it right behind.
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Walk<'a> {
    /// Opens a document, which has to be one object.
    pub(super) fn open(body: &'a [u8]) -> Result<Self, Flaw> {
        if u32::try_from(body.len()).is_err() {
            return Err(Flaw::TooLong);
        }
        let text = std::str::from_utf8(body).map_err(|flaw| Flaw::NotUtf8 { at: flaw.valid_up_to() })?;
        if text.as_bytes().first() != Some(&b'{') {
            return Err(Flaw::NotAnObject);
        }
        Ok(Self { text, at: 0, depth: 0 })
    }

    /// Ends the walk: nothing but white space may follow.
    pub(super) fn close(mut self) -> Result<(), Flaw> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(Flaw::Trailing { at: self.at }) }
    }

    /// Where the walk stands.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte, without moving.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What was read since `from`.
    #[inline]
    pub(super) fn since(&self, from: usize) -> &'a str {
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// Reads an object. `member` is called at each value, which it has to read.
    #[inline]
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Text<'a>) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        if !self.enter(b'{', b'}')? {
            return Ok(());
        }
        let mut names = Names::new(self.text);
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.odd());
            }
            let name = self.string()?;
            names.add(name)?;
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
    pub(super) fn value(&mut self) -> Result<(), Flaw> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(|walk, _| walk.value()),
            Some(b'[') => self.array(Self::value),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(self.odd()),
        }
    }

    /// Reads a string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'a>, Flaw> {
        let bytes = self.text.as_bytes();
        let at = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            self.at = text::stop(bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    let raw = self.since(at + 1);
                    self.at += 1;
                    return Ok(Text { raw, escaped, at });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(Flaw::Control { at: self.at }),
                None => return Err(Flaw::Truncated { at: self.at }),
            }
        }
    }

    /// What is wrong when the next byte fits nothing.
    #[cold]
    pub(super) fn odd(&self) -> Flaw {
        let at = self.at;
        if at < self.text.len() { Flaw::Unexpected { at } } else { Flaw::Truncated { at } }
    }

    /// Steps into a container; false when it is empty, and then the walk is behind it already.
    #[inline]
    fn enter(&mut self, open: u8, close: u8) -> Result<bool, Flaw> {
        if self.depth == MAX_DEPTH {
            return Err(Flaw::TooDeep { at: self.at });
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
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Flaw> {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == from { Err(self.odd()) } else { Ok(()) }
    }

    /// Reads one escape sequence, or a pair of them that makes one character.
    #[cold]
    fn escape(&mut self) -> Result<(), Flaw> {
        let at = self.at;
        self.at += 2;
        match self.text.as_bytes().get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => return Ok(()),
            Some(b'u') => {}
            Some(_) => return Err(Flaw::Escape { at }),
            None => return Err(Flaw::Truncated { at: at + 1 }),
        }
        match self.unit(at)? {
            0xd800..=0xdbff => {
                let low = self.at;
                if !self.text.as_bytes().get(low..).is_some_and(|rest| rest.starts_with(b"\\u")) {
                    return Err(Flaw::Surrogate { at });
                }
                self.at += 2;
                if (0xdc00..=0xdfff).contains(&self.unit(low)?) { Ok(()) } else { Err(Flaw::Surrogate { at }) }
            }
            0xdc00..=0xdfff => Err(Flaw::Surrogate { at }),
            _ => Ok(()),
        }
    }

    /// Reads the four digits of the escape sequence that starts at `escape`.
    fn unit(&mut self, escape: usize) -> Result<u16, Flaw> {
        let unit = self.text.get(self.at..).and_then(text::hex4).ok_or(Flaw::Escape { at: escape })?;
        self.at += 4;
        Ok(unit)
    }
}

/// The text of a JSON-RPC id, if `value` is exactly that: a string, a number or `null`.
pub(super) fn id(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let mut walk = Walk { text, at: 0, depth: 0 };
    match walk.peek()? {
        b'"' | b'-' | b'0'..=b'9' | b'n' => walk.value().ok()?,
        _ => return None,
    }
    (walk.at == text.len()).then_some(text)
}

/// The member names of one object, to find one that stands there twice.
///
/// A few names are compared with each other. More, or one with escapes, are hashed with a key of their own and the hashes
/// sorted: no choice of names makes that slow, and two names whose 64 bits are equal by chance are refused, never let through.
struct Names<'a> {
    text: &'a str,
    few: [Few; FEW],
    count: usize,
    many: Option<Box<Many>>,
}

/// One name: a glance at its bytes, and where they are.
#[derive(Clone, Copy, Default)]
struct Few {
    print: u32,
    start: u32,
    end: u32,
}

struct Many {
    hasher: RandomState,
    names: Vec<(u64, usize)>,
}

impl<'a> Names<'a> {
    #[inline]
    fn new(text: &'a str) -> Self {
        Self { text, few: [Few::default(); FEW], count: 0, many: None }
    }

    #[inline]
    fn add(&mut self, name: Text<'a>) -> Result<(), Flaw> {
        if name.escaped || self.count == FEW || self.many.is_some() {
            return self.add_to_many(name);
        }
        let print = print(name.raw.as_bytes());
        for other in self.few.iter().take(self.count) {
            if other.print == print && self.text.get(other.start as usize..other.end as usize) == Some(name.raw) {
                return Err(Flaw::Duplicate { at: name.at });
            }
        }
        if let Some(slot) = self.few.get_mut(self.count) {
            let start = name.at + 1;
            *slot = Few { print, start: start as u32, end: (start + name.raw.len()) as u32 };
            self.count += 1;
        }
        Ok(())
    }

    #[cold]
    fn add_to_many(&mut self, name: Text<'a>) -> Result<(), Flaw> {
        let many = self.many.get_or_insert_with(|| {
            let hasher = RandomState::new();
            let plain = |few: &Few| {
                let raw = self.text.get(few.start as usize..few.end as usize).unwrap_or_default();
                (hasher.hash_one(raw), few.start as usize - 1)
            };
            let names = self.few.iter().take(self.count).map(plain).collect();
            Box::new(Many { hasher, names })
        });
        let said = name.read();
        if name.escaped && said.contains('\0') {
            return Err(Flaw::NulInName { at: name.at });
        }
        many.names.push((many.hasher.hash_one(&*said), name.at));
        Ok(())
    }

    #[inline]
    fn close(self) -> Result<(), Flaw> {
        match self.many {
            None => Ok(()),
            Some(many) => many.close(),
        }
    }
}

impl Many {
    fn close(mut self) -> Result<(), Flaw> {
        self.names.sort_unstable();
        let pairs = self.names.iter().zip(self.names.iter().skip(1));
        match pairs.filter(|(one, two)| one.0 == two.0).map(|(_, two)| two.1).min() {
            Some(at) => Err(Flaw::Duplicate { at }),
            None => Ok(()),
        }
    }
}

/// A number that differs for most pairs of names and costs little.
#[inline]
fn print(name: &[u8]) -> u32 {
    match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (Some(head), Some(tail)) => {
            u32::from_le_bytes(*head) ^ u32::from_le_bytes(*tail).rotate_left(11) ^ (name.len() as u32).rotate_left(24)
        }
        _ => name.iter().fold(name.len() as u32, |print, byte| print << 8 | u32::from(*byte)),
    }
}
