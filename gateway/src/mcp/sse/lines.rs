//! The lines of a stream that comes in chunks.

use memchr::memchr2;

const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// As many bytes of a line as it takes to know what it is.
const HEAD: usize = 5;

/// What a whole line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Empty: the end of an event.
    Blank,
    /// Begins with a colon.
    Comment,
    /// A `data` field.
    Data,
    /// Any other field.
    Field,
}

/// Where a stream stands between two chunks.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    /// Whether a byte order mark may still come.
    begun: bool,
    /// How many bytes of the byte order mark came.
    mark: u8,
    /// Whether the last byte was a CR, so that an LF now belongs to it.
    after_cr: bool,
    /// The first bytes of the line that is not at its end yet.
    head: [u8; HEAD],
    head_len: u8,
}

impl Lines {
    /// How many bytes at the start of a new chunk are part of no new line: of the byte order mark, or the LF of a line whose
    /// CR came before.
    #[inline]
    pub(super) fn before(&mut self, chunk: &[u8]) -> usize {
        if !self.begun {
            return self.byte_order_mark(chunk);
        }
        if !self.after_cr || chunk.is_empty() {
            return 0;
        }
        self.after_cr = false;
        usize::from(chunk.first() == Some(&b'\n'))
    }

    /// Whether it is settled that a byte order mark came or not.
    #[inline]
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    /// Whether no byte of a new line has come.
    #[inline]
    pub(super) fn at_start(&self) -> bool {
        self.head_len == 0 && (self.begun || self.mark == 0)
    }

    /// Finds the end of the current line, which goes on at `from`: what the line is, and where the next one begins. When
    /// the line does not end in this chunk, what of it is there is remembered.
    #[inline]
    pub(super) fn next(&mut self, chunk: &[u8], from: usize) -> Option<(Line, usize)> {
        let rest = chunk.get(from..).unwrap_or_default();
        // A blank line is too short for a search, and so is nothing.
        let length = match rest.first()? {
            b'\n' | b'\r' => Some(0),
            _ => memchr2(b'\n', b'\r', rest),
        };
        let Some(length) = length else {
            self.remember(rest);
            return None;
        };
        let (text, end) = rest.split_at_checked(length)?;
        let line = if self.head_len == 0 {
            classify(text)
        } else {
            self.remember(text);
            classify(self.head.get(..usize::from(self.head_len)).unwrap_or_default())
        };
        self.head_len = 0;
        self.after_cr = end == b"\r";
        let end = if end.starts_with(b"\r\n") { 2 } else { 1 };
        Some((line, from + length + end))
    }

    fn byte_order_mark(&mut self, chunk: &[u8]) -> usize {
        let earlier = BYTE_ORDER_MARK.get(..usize::from(self.mark)).unwrap_or_default();
        let wanted = BYTE_ORDER_MARK.get(earlier.len()..).unwrap_or_default();
        let common = wanted.iter().zip(chunk).take_while(|(one, other)| one == other).count();
        if common == wanted.len() {
            self.begun = true;
            common
        } else if common == chunk.len() {
            self.mark += common as u8;
            common
        } else {
            // No mark: what looked like one is the beginning of a line.
            self.begun = true;
            self.remember(earlier);
            0
        }
    }

    #[inline]
    fn remember(&mut self, text: &[u8]) {
        let free = self.head.get_mut(usize::from(self.head_len)..).unwrap_or_default();
        let mut count = 0;
        for (slot, byte) in free.iter_mut().zip(text) {
            *slot = *byte;
            count += 1;
        }
        self.head_len += count;
    }
}

/// What the line is that begins with `head`, which is all of it if it is shorter than [`HEAD`].
#[inline]
fn classify(head: &[u8]) -> Line {
    match head {
        [] => Line::Blank,
        [b':', ..] => Line::Comment,
        b"data" | [b'd', b'a', b't', b'a', b':', ..] => Line::Data,
        _ => Line::Field,
    }
}
