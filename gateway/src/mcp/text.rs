//! JSON strings: where one ends, what it says, and which names a lenient parser would confuse.

use std::borrow::Cow;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// What stands between two quotes of a valid JSON document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    /// As written, without the quotes.
    pub(super) raw: &'a str,
    /// Whether `raw` has escapes.
    pub(super) escaped: bool,
    /// Offset of the opening quote.
    pub(super) at: usize,
}

impl<'a> Text<'a> {
    /// What it says, escapes resolved.
    #[inline]
    pub(super) fn read(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(unescape(self.raw).unwrap_or_default()) } else { Cow::Borrowed(self.raw) }
    }
}

/// The first offset from `at` on that holds a quote, a backslash or a control character; the length when there is none.
#[inline]
pub(super) fn stop(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        // A borrow runs only upwards from a byte that matched, so the lowest mark is exact.
        let marks = (zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | below(word, 0x20)) & HIGH;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        at += 1;
    }
    at
}

/// The first offset from `at` on that holds a quote, a bracket or a brace; the length when there is none.
#[inline]
pub(super) fn structure(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        // `[` and `{`, `]` and `}` differ in one bit.
        let folded = word | (ONES * 0x20);
        let marks =
            (zeros(word ^ (ONES * 0x22)) | zeros(folded ^ (ONES * 0x7b)) | zeros(folded ^ (ONES * 0x7d))) & HIGH;
        if marks != 0 {
            return at + marks.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'{' | b'}' | b'[' | b']') {
            break;
        }
        at += 1;
    }
    at
}

/// Marks the bytes of `word` that are zero.
#[inline]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Marks the bytes of `word` that are below `limit`, which is at most 0x80.
#[inline]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(limit)) & !word
}

/// Resolves the escapes of a JSON string; `None` when one of them is not valid.
#[cold]
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut said = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        said.push_str(plain);
        let mut chars = escape.chars();
        said.push(match chars.next()? {
            letter @ ('"' | '\\' | '/') => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = hex4(chars.as_str())?;
                chars = chars.as_str().get(4..)?.chars();
                if (0xd800..0xdc00).contains(&unit) {
                    let low = chars.as_str().strip_prefix("\\u")?;
                    let unit = pair(unit, hex4(low)?)?;
                    chars = low.get(4..)?.chars();
                    unit
                } else {
                    char::from_u32(u32::from(unit))?
                }
            }
            _ => return None,
        });
        rest = chars.as_str();
    }
    said.push_str(rest);
    Some(said)
}

/// The number that four hexadecimal digits at the start of `text` write.
pub(super) fn hex4(text: &str) -> Option<u16> {
    let digits = text.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

fn pair(high: u16, low: u16) -> Option<char> {
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x1_0000 + ((u32::from(high) & 0x3ff) << 10 | (u32::from(low) & 0x3ff)))
}

/// The member of `known` that a parser without regard to case would take `name` for, unless it is that very member.
///
/// Beyond ASCII these are the characters that Go's `encoding/json` and Java's `equalsIgnoreCase` fold to `s`, `k` and `i`.
pub(super) fn variant(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let same = |of: &&'static str| {
        if name.is_ascii() { name.eq_ignore_ascii_case(of) } else { name.chars().map(fold).eq(of.chars().map(fold)) }
    };
    known.iter().copied().find(same).filter(|of| *of != name)
}

fn fold(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_where_the_first_special_byte_stands() {
        for special in [b'"', b'\\', 0, 0x1f] {
            for at in 0..40 {
                let mut bytes = vec![b'a'; 40];
                bytes[at] = special;
                assert_eq!(stop(&bytes, 0), at);
                bytes[at] = 0xff;
                assert_eq!(stop(&bytes, 0), 40);
            }
        }
        for special in *b"\"{}[]" {
            for at in 0..40 {
                let mut bytes = vec![b'z'; 40];
                bytes[at] = special;
                assert_eq!(structure(&bytes, 0), at);
            }
        }
        // Each other byte value is passed over, wherever it stands.
        for byte in 0..=255u8 {
            let bytes = [byte; 17];
            let special = byte == b'"' || byte == b'\\' || byte < 0x20;
            assert_eq!(stop(&bytes, 0), if special { 0 } else { 17 }, "{byte:#x}");
            let structural = b"\"{}[]".contains(&byte);
            assert_eq!(structure(&bytes, 0), if structural { 0 } else { 17 }, "{byte:#x}");
        }
    }

    #[test]
    fn escapes_resolve_as_rfc_8259_says() {
        assert_eq!(
            unescape(r#"a\"\\\/\b\f\n\r\té\u00e9\ud83d\ude00z"#).unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\té\u{e9}\u{1f600}z"
        );
        for wrong in [r"\x", r"\u12", r"\u+123", r"\ud83d", r"\ud83dx", r"\ud83d\u0041", r"\ude00", "\\"] {
            assert_eq!(unescape(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_that_lenient_parsers_confuse_are_found() {
        let known = ["params", "id", "task"];
        assert_eq!(variant("Params", &known), Some("params"));
        assert_eq!(variant("param\u{17f}", &known), Some("params"));
        assert_eq!(variant("\u{131}D", &known), Some("id"));
        assert_eq!(variant("tas\u{212a}", &known), Some("task"));
        assert_eq!(variant("params", &known), None);
        assert_eq!(variant("param", &known), None);
        assert_eq!(variant("parámetros", &known), None);
    }
}
