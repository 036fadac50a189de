//! Whether a stream stands between two events.

use super::lines::{Line, Lines};

/// Follows a stream that is passed on as it comes, to know where it may end or be added to, and how many events it had.
///
/// Keeps a few bytes, whatever comes.
#[derive(Clone, Debug, Default)]
pub struct Boundary {
    lines: Lines,
    /// Whether the current event has a whole line.
    inside: bool,
    /// Whether the current event has data.
    data: bool,
    events: u64,
}

impl Boundary {
    /// Takes the next chunk: see [`Boundary::is_between`].
    #[inline]
    pub fn feed(&mut self, chunk: &[u8]) -> bool {
        let mut from = self.lines.before(chunk);
        while let Some((line, next)) = self.lines.next(chunk, from) {
            from = next;
            match line {
                Line::Blank => {
                    self.events += u64::from(self.data);
                    self.inside = false;
                    self.data = false;
                }
                Line::Comment => {}
                Line::Data => {
                    self.inside = true;
                    self.data = true;
                }
                Line::Field => self.inside = true,
            }
        }
        self.is_between()
    }

    /// Whether the stream may end here, or a comment line be put in, without harm to an event: nothing has come since the
    /// last blank line but whole comment lines.
    ///
    /// True before the first byte. A byte order mark that comes behind something put in there is none.
    #[inline]
    pub fn is_between(&self) -> bool {
        !self.inside && self.lines.at_start()
    }

    /// How many events were whole: those with data, which a client sees.
    #[inline]
    pub fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_between_events_behind_blank_lines() {
        for (stream, between, events) in [
            ("", true, 0),
            ("data: a\n\n", true, 1),
            ("data: a\r\n\r\n", true, 1),
            ("data: a\r\r", true, 1),
            ("data: a\r\n\r", true, 1),
            ("data: a\r\n", false, 0),
            ("data: a\n", false, 0),
            ("data: a", false, 0),
            (":\n", true, 0),
            (":", false, 0),
            ("data: a\n:\n", false, 0),
            ("id: 1\n\n", true, 0),
            ("id: 1\ndata\n\nretry: 1\n\ndata:\n\n", true, 2),
            ("datas: 1\n\ndat\n\n:data: 1\n\n", true, 0),
            ("\u{feff}data: a\n\n", true, 1),
            ("\u{feff}", true, 0),
            ("data: a\n\n\u{feff}data: a\n\n", true, 1),
        ] {
            for cut in 0..=stream.len() {
                let (one, other) = stream.as_bytes().split_at(cut);
                let mut boundary = Boundary::default();
                boundary.feed(one);
                assert_eq!(boundary.feed(other), between, "{stream:?} {cut}");
                assert_eq!(boundary.events(), events, "{stream:?} {cut}");
            }
            let mut boundary = Boundary::default();
            for byte in stream.bytes() {
                boundary.feed(&[byte]);
            }
            assert_eq!((boundary.is_between(), boundary.events()), (between, events), "{stream:?}");
        }
        let mut boundary = Boundary::default();
        assert!(!boundary.feed(b"\xef\xbb"));
        assert!(!boundary.feed(b"x"));
    }
}
