//! Cuts a stream into its events.

use super::super::flaw::Flaw;
use super::event::Event;
use super::lines::{Line, Lines};

/// What a splitter may keep of its memory after a long event, in bytes.
const KEPT: usize = 64 * 1024;

/// Cuts a stream into its events.
///
/// An event is given out as soon as its blank line is there, and comment lines between events one by one as soon as they
/// are whole, so that keep-alives are not held back. An LF that comes in a later chunk than the CR it belongs to is a piece
/// of its own if the event has been given out: apart from such pieces, which are blank, it makes no difference where chunks
/// end.
#[derive(Clone, Debug)]
pub struct Splitter {
    /// What of the current piece came in earlier chunks.
    held: Vec<u8>,
    max_event: usize,
    lines: Lines,
    /// Whether the current piece has whole lines.
    inside: bool,
}

impl Splitter {
    /// Splits a stream of which no event may be longer than `max_event` bytes.
    pub fn new(max_event: usize) -> Self {
        Self { held: Vec::new(), max_event, lines: Lines::default(), inside: false }
    }

    /// Takes the next chunk and gives out each piece that it completes.
    ///
    /// # Errors
    ///
    /// [`Flaw::EventTooLong`], or what `each` returns. The stream must not be split on after that.
    pub fn feed<E: From<Flaw>>(
        &mut self,
        chunk: &[u8],
        mut each: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let begun = self.lines.begun();
        // Where the line goes on, and where the piece does.
        let mut line = self.lines.before(chunk);
        let mut piece = 0;
        if line > 0 && self.lines.begun() && (!begun || self.held.is_empty()) {
            self.give(chunk.get(..line).unwrap_or_default(), &mut each)?;
            piece = line;
        }
        while self.lines.begun() {
            let Some((kind, end)) = self.lines.next(chunk, line) else { break };
            line = end;
            if kind == Line::Blank || (kind == Line::Comment && !self.inside) {
                self.inside = false;
                self.give(chunk.get(piece..end).unwrap_or_default(), &mut each)?;
                piece = end;
            } else {
                self.inside = true;
            }
        }
        self.hold(chunk.get(piece..).unwrap_or_default())?;
        Ok(())
    }

    /// How many bytes of a piece that is not whole are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// What came after the last whole piece: at the end of a stream an event without its blank line, which a client that
    /// follows the standard drops.
    pub fn rest(&self) -> Option<Event<'_>> {
        (!self.held.is_empty()).then(|| Event::new(&self.held))
    }

    fn give<E: From<Flaw>>(&mut self, end: &[u8], each: impl FnOnce(Event<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.held.is_empty() {
            self.limit(end.len())?;
            return each(Event::new(end));
        }
        self.hold(end)?;
        each(Event::new(&self.held))?;
        if self.held.capacity() > KEPT {
            self.held = Vec::new();
        }
        self.held.clear();
        Ok(())
    }

    fn hold(&mut self, more: &[u8]) -> Result<(), Flaw> {
        self.limit(self.held.len() + more.len())?;
        self.held.extend_from_slice(more);
        Ok(())
    }

    fn limit(&self, length: usize) -> Result<(), Flaw> {
        if length > self.max_event {
            return Err(Flaw::EventTooLong { limit: u32::try_from(self.max_event).unwrap_or(u32::MAX) });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(chunks: &[&[u8]], max_event: usize) -> Result<(Vec<Vec<u8>>, Vec<u8>), Flaw> {
        let mut splitter = Splitter::new(max_event);
        let mut pieces = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, |event| {
                pieces.push(event.bytes().to_vec());
                Ok::<_, Flaw>(())
            })?;
        }
        Ok((pieces, splitter.rest().map_or(Vec::new(), |event| event.bytes().to_vec())))
    }

    #[test]
    fn a_stream_is_cut_behind_its_blank_lines() {
        let stream: &[u8] =
            b"\xef\xbb\xbf: hello\ndata: a\n\n\nid: 1\r\n: in\r\ndata: b\r\n\r\ndata: c\r\r:\r\ndata: d";
        let expected: Vec<Vec<u8>> = [
            &b"\xef\xbb\xbf"[..],
            b": hello\n",
            b"data: a\n\n",
            b"\n",
            b"id: 1\r\n: in\r\ndata: b\r\n\r\n",
            b"data: c\r\r",
            b":\r\n",
        ]
        .map(<[u8]>::to_vec)
        .into();
        assert_eq!(pieces(&[stream], 100).unwrap(), (expected.clone(), b"data: d".to_vec()));
        for cut in 0..stream.len() {
            let (one, other) = stream.split_at(cut);
            let (found, rest) = pieces(&[one, other], 100).unwrap();
            assert_eq!(rest, b"data: d");
            assert_eq!(found.concat(), expected.concat(), "{cut}");
            // A late LF is all that may be apart.
            assert!(found == expected || found.contains(&b"\n".to_vec()), "{cut}: {found:?}");
        }
    }

    #[test]
    fn an_event_is_given_out_at_once() {
        assert_eq!(pieces(&[b"data: a\r\n\r"], 100).unwrap().0, [b"data: a\r\n\r"]);
        assert_eq!(pieces(&[b"data: a\r\n\r", b"\n"], 100).unwrap().0, [&b"data: a\r\n\r"[..], b"\n"]);
        assert_eq!(pieces(&[b":", b"\n"], 100).unwrap().0, [b":\n"]);
        assert_eq!(pieces(&[b"data: a\r", b"\n\n"], 100).unwrap().0, [b"data: a\r\n\n"]);
    }

    #[test]
    fn a_mark_that_is_none_is_part_of_a_line() {
        assert_eq!(pieces(&[b"\xef\xbb", b"x\n\n"], 100).unwrap().0, [b"\xef\xbbx\n\n"]);
        assert_eq!(pieces(&[b"\xef", b"\xbb", b"\xbf", b"\n"], 100).unwrap().0, [&b"\xef\xbb\xbf"[..], b"\n"]);
        assert_eq!(pieces(&[b"\xef\xbb"], 100).unwrap().1, b"\xef\xbb");
    }

    #[test]
    fn an_event_has_a_limit_however_it_comes() {
        assert!(pieces(&[b"data: 78\n\n"], 10).is_ok());
        let flaw = Err(Flaw::EventTooLong { limit: 10 });
        assert_eq!(pieces(&[b"data: 789\n\n"], 10), flaw);
        assert_eq!(pieces(&[b"data: 7", b"89\n\n"], 10), flaw);
        assert_eq!(pieces(&[b"data: 7", b"8\n", b"id"], 10), flaw);
        assert_eq!(pieces(&[b"data: 7890123"], 10), flaw);
    }
}
