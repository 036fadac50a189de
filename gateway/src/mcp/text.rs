//! JSON strings: where one ends, what it says, and which names a lenient parser would confuse.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// How many words are looked at before a call of `memchr` is worth its start.
const NEAR: usize = 3;

/// How many bytes come before the first quote, backslash or control character; all of them when there is none.
#[inline(always)]
pub(super) fn stop(bytes: &[u8]) -> usize {
    match near(bytes, special) {
        Ok(at) => at,
        Err(at) => at + far(bytes.get(at..).unwrap_or_default()),
    }
}

/// The rest of what [`stop`] does, for long strings and for the end of a document.
fn far(bytes: &[u8]) -> usize {
    let stops = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    // Without a branch per byte, so that it is done sixteen at a time.
    let (blocks, _) = bytes.as_chunks::<32>();
    let mut at = 0;
    for block in blocks {
        let mark = |byte: &u8| u8::from(*byte == b'"') | u8::from(*byte == b'\\') | u8::from(*byte < 0x20);
        if block.iter().fold(0, |marks, byte| marks | mark(byte)) != 0 {
            break;
        }
        at += 32;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| stops(*byte)).unwrap_or(rest.len())
}

/// How many bytes come before the first quote or backslash.
#[inline(always)]
pub(super) fn quote(bytes: &[u8]) -> Option<usize> {
    match near(bytes, |word| zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) {
        Ok(at) => Some(at),
        Err(at) => memchr::memchr2(b'"', b'\\', bytes.get(at..)?).map(|more| at + more),
    }
}

/// How many bytes come before the first quote, `open` or `close`.
#[inline(always)]
pub(super) fn bracket(bytes: &[u8], open: u8, close: u8) -> Option<usize> {
    let (opens, closes) = (ONES * u64::from(open), ONES * u64::from(close));
    match near(bytes, |word| zeros(word ^ (ONES * 0x22)) | zeros(word ^ opens) | zeros(word ^ closes)) {
        Ok(at) => Some(at),
        Err(at) => memchr::memchr3(b'"', open, close, bytes.get(at..)?).map(|more| at + more),
    }
}

/// Looks at the first words only, since most strings are short: where the first mark is, or from where on to look.
#[inline(always)]
fn near(bytes: &[u8], marks: impl Fn(u64) -> u64) -> Result<usize, usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    // A borrow runs only upwards from a byte that matched, so the lowest mark is exact.
    for word in words.iter().take(NEAR) {
        let marks = marks(u64::from_le_bytes(*word)) & HIGH;
        if marks != 0 {
            return Ok(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    Err(at)
}

/// Marks quotes, backslashes and control characters.
#[inline]
fn special(word: u64) -> u64 {
    zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | below(word, 0x20)
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

/// Whether a parser without regard to case may take one name for the other.
///
/// Beyond ASCII these are the characters that Go's `encoding/json` and Java's `equalsIgnoreCase` fold to `s`, `k` and `i`.
pub(super) fn alike(name: &str, other: &str) -> bool {
    if name.is_ascii() {
        return name.eq_ignore_ascii_case(other);
    }
    name.chars().map(fold).eq(other.chars().map(fold))
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
                assert_eq!(stop(&bytes), at);
                bytes[at] = 0xff;
                assert_eq!(stop(&bytes), 40);
            }
        }
        // Each other byte value is passed over, wherever it stands.
        for byte in 0..=255u8 {
            let special = byte == b'"' || byte == b'\\' || byte < 0x20;
            assert_eq!(stop(&[byte; 17]), if special { 0 } else { 17 }, "{byte:#x}");
        }
    }

    #[test]
    fn near_and_far_marks_are_found_alike() {
        for length in 0..70 {
            for byte in 0..=255u8 {
                let mut bytes = vec![b'z'; length];
                bytes.push(byte);
                bytes.push(b'z');
                let found = |wanted: &[u8]| wanted.contains(&byte).then_some(length);
                assert_eq!(quote(&bytes), found(b"\"\\"));
                assert_eq!(bracket(&bytes, b'[', b']'), found(b"\"[]"));
                assert_eq!(bracket(&bytes, b'{', b'}'), found(b"\"{}"));
            }
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
    fn names_that_lenient_parsers_confuse_are_alike() {
        assert!(alike("Params", "params"));
        assert!(alike("param\u{17f}", "params"));
        assert!(alike("\u{131}D", "id"));
        assert!(alike("\u{130}d", "id"));
        assert!(alike("tas\u{212a}", "task"));
        assert!(!alike("param", "params"));
        assert!(!alike("paräms", "params"));
    }
}
