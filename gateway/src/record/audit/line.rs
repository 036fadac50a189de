//! One line, written behind the others. What comes from outside cannot end it, nor a string in it, nor move a terminal.

use super::Field;
use crate::record::decimal;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// Longest text from outside, in bytes; what is longer is cut, and ends with `…`.
const LONGEST: usize = 256;

/// A line that is being written. What is known of a part while this is compiled, most names above all, is then copied by a
/// few instructions: so all of it is inlined.
pub struct Line<'a>(&'a mut Vec<u8>);

/// The second of the last line, as it is written; most lines share theirs with the one before.
#[derive(Default)]
pub(super) struct Stamp {
    second: u64,
    text: String,
}

impl<'a> Line<'a> {
    /// Begins a line that says when, and what happened.
    pub(super) fn begin(text: &'a mut Vec<u8>, stamp: &mut Stamp, now: SystemTime, event: &'static str) -> Self {
        let mut line = Self(text);
        line.0.extend_from_slice(Field::Time.key().as_bytes());
        line.moment(stamp, now);
        line.word(Field::Event, event);
        line
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.0.extend_from_slice(b"}\n");
    }

    /// A word of ours or of the operator's, that needs no escapes: an id, a word from a closed set.
    #[inline(always)]
    pub fn word(&mut self, field: Field, word: &str) {
        self.put([field.key().as_bytes(), b"\"", word.as_bytes(), b"\""]);
    }

    /// Such a word, with a number behind it if there is one.
    #[inline(always)]
    pub fn numbered(&mut self, field: Field, word: &str, number: Option<u32>) {
        let mut room = [0; 20];
        let digits = number.map_or(&[][..], |number| decimal(number.into(), &mut room));
        self.put([field.key().as_bytes(), b"\"", word.as_bytes(), digits, b"\""]);
    }

    /// Hexadecimal digits.
    #[inline(always)]
    pub fn digits(&mut self, field: Field, digits: &[u8]) {
        self.put([field.key().as_bytes(), b"\"", digits, b"\""]);
    }

    /// Any text.
    pub fn text(&mut self, field: Field, text: &str) {
        self.0.extend_from_slice(field.key().as_bytes());
        put_text(self.0, text);
    }

    /// A list of texts.
    pub fn list<T: AsRef<str>>(&mut self, field: Field, texts: impl IntoIterator<Item = T>) {
        self.0.extend_from_slice(field.key().as_bytes());
        put_list(self.0, texts, usize::MAX);
    }

    /// A number.
    #[inline(always)]
    pub fn number(&mut self, field: Field, number: u64) {
        self.put([field.key().as_bytes(), decimal(number, &mut [0; 20])]);
    }

    /// Milliseconds, to the microsecond.
    pub fn millis(&mut self, field: Field, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let rest = decimal_of::<3>(micros % 1000);
        self.put([field.key().as_bytes(), decimal(micros / 1000, &mut [0; 20]), b".", &rest]);
    }

    /// Members that were written before, each with the comma in front of it.
    pub fn members(&mut self, members: &[u8]) {
        self.0.extend_from_slice(members);
    }

    fn moment(&mut self, stamp: &mut Stamp, now: SystemTime) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if stamp.second != since.as_secs() || stamp.text.is_empty() {
            stamp.second = since.as_secs();
            stamp.text.clear();
            let second = SystemTime::UNIX_EPOCH + Duration::from_secs(stamp.second);
            let _ = write!(stamp.text, "{}", humantime::format_rfc3339_seconds(second));
            stamp.text.pop(); // the Z comes behind the milliseconds
        }
        let millis = decimal_of::<3>(since.subsec_millis().into());
        self.put([b"\"", stamp.text.as_bytes(), b".", &millis, b"Z\""]);
    }

    /// Appends all parts; room is made once.
    #[inline(always)]
    fn put<const N: usize>(&mut self, parts: [&[u8]; N]) {
        self.0.reserve(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.0.extend_from_slice(part);
        }
    }
}

/// A member with any text, to be kept for [`Line::members`].
pub(in crate::record) fn put_member(out: &mut Vec<u8>, field: Field, text: &str) {
    out.extend_from_slice(field.key().as_bytes());
    put_text(out, text);
}

/// A member with a list of any texts, to be kept for [`Line::members`]; with no more of them once it has `most` bytes.
pub(in crate::record) fn put_members<T: AsRef<str>>(
    out: &mut Vec<u8>,
    field: Field,
    texts: impl IntoIterator<Item = T>,
    most: usize,
) {
    out.extend_from_slice(field.key().as_bytes());
    put_list(out, texts, most);
}

/// A member whose value is JSON, if that is a value and not too long.
pub(in crate::record) fn put_json(out: &mut Vec<u8>, field: Field, json: &[u8], most: usize) {
    let mut extent = serde_json::Deserializer::from_slice(json).into_iter::<serde::de::IgnoredAny>();
    let Some(Ok(_)) = extent.next() else { return };
    // as values it would take many times its length
    let json = json.get(..extent.byte_offset()).filter(|json| json.len() <= most.saturating_mul(4));
    let Some(Ok(value)) = json.map(serde_json::from_slice::<serde_json::Value>) else { return };
    let text = value.to_string();
    if text.len() > most {
        return;
    }
    out.extend_from_slice(field.key().as_bytes());
    // only in its strings can there be anything that has to be escaped, and serde_json has done the rest
    text.chars().for_each(|c| put_char(out, c));
}

fn put_list<T: AsRef<str>>(out: &mut Vec<u8>, texts: impl IntoIterator<Item = T>, most: usize) {
    out.push(b'[');
    let empty = out.len();
    for text in texts {
        if out.len() - empty > most {
            break;
        }
        if out.len() > empty {
            out.push(b',');
        }
        put_text(out, text.as_ref());
    }
    out.push(b']');
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.len() <= LONGEST && text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        put_escaped(out, text);
    }
    out.push(b'"');
}

/// Whether a byte may stand in a JSON string as it is, and everywhere else too.
fn is_plain(byte: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "while it is compiled")]
    static PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut byte = b' ';
        while byte <= b'~' {
            plain[byte as usize] = byte != b'"' && byte != b'\\';
            byte += 1;
        }
        plain
    };
    PLAIN.get(usize::from(byte)).is_some_and(|plain| *plain)
}

#[cold]
fn put_escaped(out: &mut Vec<u8>, text: &str) {
    for (at, c) in text.char_indices() {
        if at >= LONGEST {
            out.extend_from_slice("…".as_bytes());
            return;
        }
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c => put_char(out, c),
        }
    }
}

/// Escapes what ends a line somewhere, moves a terminal, or turns the order of what is read.
fn put_char(out: &mut Vec<u8>, c: char) {
    let moves = c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    if moves {
        let mut escape = String::with_capacity(6);
        let _ = write!(escape, "\\u{:04x}", u32::from(c));
        out.extend_from_slice(escape.as_bytes());
    } else {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The last digits of a number, zeros in front.
fn decimal_of<const N: usize>(mut n: u64) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn line(now: SystemTime, fill: impl FnOnce(&mut Line<'_>)) -> String {
        let mut text = Vec::new();
        let mut line = Line::begin(&mut text, &mut Stamp::default(), now, "request");
        fill(&mut line);
        line.end();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_line_is_an_object_in_one_order() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_007);
        let text = line(now, |line| {
            line.digits(Field::RequestId, b"00ff");
            line.text(Field::Tool, "get_alerts");
            line.list(Field::Arguments, ["a", "b"]);
            line.list(Field::Names, Vec::<String>::new());
            line.number(Field::Status, 200);
            line.millis(Field::DurationMs, Duration::from_micros(12_034));
        });
        let expected = r#"{"time":"2027-01-15T08:00:00.007Z","event":"request","request_id":"00ff","tool":"get_alerts","arguments":["a","b"],"names":[],"status":200,"duration_ms":12.034}"#;
        assert_eq!(text, format!("{expected}\n"));
    }

    #[test]
    fn lines_of_one_second_share_it() {
        let (mut stamp, mut text) = (Stamp::default(), Vec::new());
        for millis in [999, 1000, 1001, 999] {
            Line::begin(&mut text, &mut stamp, SystemTime::UNIX_EPOCH + Duration::from_millis(millis), "x").end();
        }
        let text = String::from_utf8(text).unwrap();
        let times: Vec<_> = text.lines().map(|line| &line[26..32]).collect();
        assert_eq!(times, ["00.999", "01.000", "01.001", "00.999"]);
    }

    #[test]
    fn what_is_long_is_cut() {
        let text = line(SystemTime::UNIX_EPOCH, |line| line.text(Field::Tool, &"ä".repeat(1000)));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["tool"], format!("{}…", "ä".repeat(128)));
    }

    #[test]
    fn a_list_that_is_long_has_an_end() {
        let mut out = Vec::new();
        put_members(&mut out, Field::Arguments, (0..).map(|n| n.to_string()), 20);
        assert_eq!(String::from_utf8(out).unwrap(), ",\"arguments\":[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\"]");
    }

    #[test]
    fn values_are_written_only_if_they_are_json() {
        let json = |json: &str| {
            let mut out = Vec::new();
            put_json(&mut out, Field::ArgumentValues, json.as_bytes(), 40);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(json("{\"a\" : 1}, rest"), ",\"argument_values\":{\"a\":1}");
        assert_eq!(json("{\"a\":\"\u{202e}\\n\u{7f}\"}"), ",\"argument_values\":{\"a\":\"\\u202e\\n\\u007f\"}");
        assert_eq!((json("{\"a\":").as_str(), json(&format!("[{}]", "1,".repeat(30))).as_str()), ("", ""));
        assert_eq!(json(&format!("{{\"a\":\"{}\"}}", "x".repeat(40))), "");
        let spaced = |spaces| format!("[1,{}2]", " ".repeat(spaces));
        assert_eq!((&*json(&spaced(100)), &*json(&spaced(200))), (",\"argument_values\":[1,2]", ""));
    }

    proptest! {
        #[test]
        fn no_text_breaks_its_line_and_short_ones_are_all_there(text: String) {
            let line = line(SystemTime::UNIX_EPOCH, |line| {
                line.text(Field::Tool, &text);
                line.list(Field::Arguments, [&text]);
            });
            prop_assert!(!line.trim_end_matches('\n').chars().any(char::is_control));
            let value: Value = serde_json::from_str(&line).unwrap();
            if text.len() <= LONGEST {
                prop_assert_eq!(value["tool"].as_str(), Some(&*text));
                prop_assert_eq!(value["arguments"][0].as_str(), Some(&*text));
            }
        }

        #[test]
        fn numbers_are_numbers(n: u64) {
            let text = line(SystemTime::UNIX_EPOCH, |line| line.number(Field::Bytes, n));
            let ending = format!("\"bytes\":{}}}\n", n);
            prop_assert!(text.ends_with(&ending));
        }
    }
}
