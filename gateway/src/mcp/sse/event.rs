//! One event: its fields, and the same event with other data.

use std::borrow::Cow;

use memchr::memchr2;

/// A piece of an event stream as it came: an event with its blank line, or what stands between events, which is a comment
/// line, a blank line or the byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    bytes: &'a [u8],
}

impl<'a> Event<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The piece as it came. All pieces one after the other are the stream.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The values of the `data` lines, joined by LF; `None` when there is no such line, and a client then sees no event.
    pub fn data(&self) -> Option<Cow<'a, [u8]>> {
        let mut values = lines(self.bytes).filter_map(|line| line.field(b"data"));
        let mut data = Cow::Borrowed(values.next()?);
        for value in values {
            data.to_mut().push(b'\n');
            data.to_mut().extend_from_slice(value);
        }
        Some(data)
    }

    /// The type of the event, which is the value of the last `event` line; `None` means `message`.
    pub fn kind(&self) -> Option<&'a [u8]> {
        lines(self.bytes).filter_map(|line| line.field(b"event")).last().filter(|kind| !kind.is_empty())
    }
}

/// An event with other data. All other lines stay as they are and where they are; the new data, a line for each of its
/// lines, takes the place of the first `data` line. An event without a `data` line stays as it is.
pub fn rewrite_data(event: &[u8], data: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(event.len() + data.len());
    let mut replaced = false;
    for line in lines(event) {
        if line.field(b"data").is_none() {
            append(&mut written, line.text);
            append(&mut written, line.end);
        } else if !replaced {
            replaced = true;
            // The last line of the stream may lack its end.
            let end = if line.end.is_empty() { b"\n" } else { line.end };
            for value in values(data) {
                append(&mut written, b"data: ");
                append(&mut written, value);
                append(&mut written, end);
            }
        }
    }
    written
}

/// Appends a text or a line end. Where the end of one line and a blank line would make one CRLF, because the lines between
/// them are gone, the first of them becomes CRLF.
fn append(written: &mut Vec<u8>, part: &[u8]) {
    if written.last() == Some(&b'\r') && part.first() == Some(&b'\n') {
        written.push(b'\n');
    }
    written.extend_from_slice(part);
}

/// The lines of new data, of which there is always one.
fn values(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let open = matches!(data.last(), None | Some(b'\n' | b'\r'));
    lines(data).map(|line| line.text).chain(open.then_some(&[][..]))
}

struct Line<'a> {
    text: &'a [u8],
    /// LF, CRLF, CR, or nothing at the end of the stream.
    end: &'a [u8],
}

impl<'a> Line<'a> {
    /// The value, if this line is the field `name`.
    #[inline]
    fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        match self.text.strip_prefix(name)? {
            [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
            [] => Some(&[]),
            _ => None,
        }
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (text, behind) = rest.split_at_checked(memchr2(b'\n', b'\r', rest).unwrap_or(rest.len()))?;
        let end = match behind {
            [b'\r', b'\n', ..] => 2,
            [_, ..] => 1,
            [] => 0,
        };
        let (end, behind) = behind.split_at_checked(end)?;
        rest = behind;
        Some(Line { text, end })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(event: &str) -> Option<String> {
        Event::new(event.as_bytes()).data().map(|data| String::from_utf8(data.into_owned()).unwrap())
    }

    #[test]
    fn data_lines_are_joined() {
        for (event, expected) in [
            ("data: a\n\n", Some("a")),
            ("data:a\r\n\r\n", Some("a")),
            ("data:  a \r\r", Some(" a ")),
            ("data: a\r\nid: 1\ndata: b\rdata:c\n\n", Some("a\nb\nc")),
            ("data\ndata\n\n", Some("\n")),
            ("data:\n\n", Some("")),
            ("id: 1\nretry: 5\n\n", None),
            ("datas: a\ndat\n data: a\n:data: a\n\n", None),
            (": comment\n", None),
            ("\n", None),
            ("", None),
            ("data: cut", Some("cut")),
        ] {
            assert_eq!(data(event).as_deref(), expected, "{event:?}");
        }
    }

    #[test]
    fn the_last_event_line_is_the_kind() {
        let kind = |event: &'static str| Event::new(event.as_bytes()).kind();
        assert_eq!(kind("event: endpoint\ndata: /x\n\n"), Some(&b"endpoint"[..]));
        assert_eq!(kind("event: a\nevent: b\n\n"), Some(&b"b"[..]));
        assert_eq!(kind("event: a\nevent\n\n"), None);
        assert_eq!(kind("data: a\n\n"), None);
    }

    #[test]
    fn new_data_keeps_every_other_line() {
        for (event, data, expected) in [
            (
                "id: 1\nevent: message\ndata: a\ndata: b\n: c\nretry: 5\n\n",
                "x",
                "id: 1\nevent: message\ndata: x\n: c\nretry: 5\n\n",
            ),
            ("data:a\r\n\r\n", "x\ny", "data: x\r\ndata: y\r\n\r\n"),
            ("data:a\r\r", "x", "data: x\r\r"),
            ("data: a\n\n", "", "data: \n\n"),
            ("data: a\n\n", "x\r\n", "data: x\ndata: \n\n"),
            ("data: a", "x", "data: x\n"),
            ("id: 1\n\n", "x", "id: 1\n\n"),
            // A CR and the LF of the blank line never stand side by side.
            ("id: 1\rdata: a\n\n", "x", "id: 1\rdata: x\n\n"),
            ("data: a\rdata: b\n\n", "x", "data: x\r\n\n"),
            ("data: a\nid: 1\rdata: b\n\n", "x", "data: x\nid: 1\r\n\n"),
        ] {
            let written = rewrite_data(event.as_bytes(), data.as_bytes());
            assert_eq!(String::from_utf8(written).unwrap(), expected, "{event:?}");
        }
    }
}
