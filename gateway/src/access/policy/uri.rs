//! URIs that two readers could take for two resources.

/// Whether a URI has one reading only. `file:///public/../etc/passwd` begins like everything under `file:///public/`, and
/// a server may well open something else: such a URI is never what a `*` stands for, only what somebody wrote out.
///
/// Not plain are dot segments, backslashes, control characters, an upper-case scheme, and percent-encoded forms of what need
/// not be encoded or would be a separator: letters, digits, `-`, `.`, `_`, `~` (RFC 3986, section 6.2.2), `%`, `/`, `\` and
/// control characters.
pub(super) fn is_plain(uri: &str) -> bool {
    let bytes = uri.as_bytes();
    let mut scheme = bytes.iter().take_while(|b| !matches!(b, b':' | b'/'));
    let coded = memchr::memchr_iter(b'%', bytes).all(|at| match bytes.get(at + 1..at + 3) {
        Some([high, low]) => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => may_be_encoded(high << 4 | low),
            _ => false,
        },
        _ => false,
    });
    coded
        && !bytes.iter().any(|b| *b == b'\\' || b.is_ascii_control())
        && !scheme.any(u8::is_ascii_uppercase)
        && !uri.split(['/', ':', '?', '#', ';']).any(|segment| matches!(segment, "." | ".."))
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).and_then(|n| u8::try_from(n).ok())
}

fn may_be_encoded(byte: u8) -> bool {
    let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !unreserved && !byte.is_ascii_control() && !matches!(byte, b'%' | b'/' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_two_readings_is_not_plain() {
        for uri in [
            "file:///public/a.txt",
            "file:///public/a..b/.hidden/...",
            "weather://CA/alerts?since=2026",
            "weather://{state}/alerts{?since}",
            "https://example.com/a%20b%3Fc%C3%BC",
            "note:1",
            "",
        ] {
            assert!(is_plain(uri), "{uri}");
        }
        for uri in [
            "file:///public/../etc/passwd",
            "file:///public/./a",
            "file:///public/..",
            "file:///public/..;a/b",
            "file:///public/..?a",
            "file:///public/%2e%2e/etc",
            "file:///public/%2E./etc",
            "file:///public/..%2fetc",
            "file:///public/..%5Cetc",
            "file:///public/%252e%252e/etc",
            "file:///%65tc/passwd",
            "file:///public\\..\\etc",
            "FILE:///etc/passwd",
            "file:///a%00.txt",
            "file:///a\n",
            "file:///a%2",
            "file:///a%zz",
            "note:..",
        ] {
            assert!(!is_plain(uri), "{uri}");
        }
    }
}
