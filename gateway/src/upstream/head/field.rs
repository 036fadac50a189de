//! One field of a head: its name and its value.

use super::Lie;
use http::header::{self, HeaderName, HeaderValue};
use memchr::memchr;

/// The name of a field.
#[derive(Debug)]
pub(super) enum Name {
    Known(Known),
    Other(HeaderName),
}

/// The few that MCP servers send with every reply: they are recognised without building them anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Date,
    Server,
    ContentType,
    CacheControl,
    ContentLength,
    SessionId,
    TransferEncoding,
}

/// How many they are.
pub(super) const KNOWN: usize = 7;

pub(super) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

impl Known {
    /// The one whose name stands before the colon of this line, and where the colon is.
    fn read(line: &[u8]) -> Option<(Self, usize)> {
        let ends_at = |at: usize| line.get(at) == Some(&b':');
        let (known, text): (_, &[u8]) = match line.first()?.to_ascii_lowercase() {
            b'd' if ends_at(4) => (Known::Date, b"date"),
            b's' if ends_at(6) => (Known::Server, b"server"),
            b'c' if ends_at(12) => (Known::ContentType, b"content-type"),
            b'c' if ends_at(13) => (Known::CacheControl, b"cache-control"),
            b'c' if ends_at(14) => (Known::ContentLength, b"content-length"),
            b'm' if ends_at(14) => (Known::SessionId, b"mcp-session-id"),
            b't' if ends_at(17) => (Known::TransferEncoding, b"transfer-encoding"),
            _ => return None,
        };
        let name = line.get(..text.len())?;
        (name == text || name.eq_ignore_ascii_case(text)).then_some((known, text.len()))
    }

    pub(super) fn name(self) -> HeaderName {
        match self {
            Known::Date => header::DATE,
            Known::Server => header::SERVER,
            Known::ContentType => header::CONTENT_TYPE,
            Known::CacheControl => header::CACHE_CONTROL,
            Known::ContentLength => header::CONTENT_LENGTH,
            Known::SessionId => MCP_SESSION_ID,
            Known::TransferEncoding => header::TRANSFER_ENCODING,
        }
    }
}

/// A field line (RFC 9112, section 5): no white space before the colon, none that folds two lines into one.
pub(super) fn field(line: &[u8]) -> Result<(Name, &[u8]), Lie> {
    let (name, colon) = match Known::read(line) {
        Some((known, colon)) => (Name::Known(known), colon),
        None => {
            let colon = memchr(b':', line).ok_or(Lie::Syntax)?;
            let name = HeaderName::from_bytes(line.get(..colon).unwrap_or_default()).map_err(|_| Lie::Syntax)?;
            (Name::Other(name), colon)
        }
    };
    let mut value = line.get(colon + 1..).unwrap_or_default();
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    Ok((name, value))
}

/// Whether a byte may stand in a field's value or a reason.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// A kind of content that MCP servers send with every reply, ready made.
pub(super) fn usual(value: &[u8]) -> Option<&'static HeaderValue> {
    static JSON: HeaderValue = HeaderValue::from_static("application/json");
    static EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
    match value {
        b"application/json" => Some(&JSON),
        b"text/event-stream" => Some(&EVENTS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_field_is_what_it_says(
            text in "(?i)date|server|content-(type|length|langth)|cache-control|mcp-session-id|mcp-session-xd|transfer-encoding|x[a-z]{3,16}",
            before in "[ \t]{0,2}", value in "([!-~]([ -~]{0,4}[!-~])?)?", after in "[ \t]{0,2}",
        ) {
            let line = format!("{text}:{before}{value}{after}");
            let read = field(line.as_bytes()).ok().map(|(name, said)| match name {
                Name::Known(known) => (known.name(), said),
                Name::Other(name) => (name, said),
            });
            // in whatever letters: some that are none of ours make no name
            prop_assert_eq!(read, HeaderName::from_bytes(text.as_bytes()).ok().map(|name| (name, value.as_bytes())));
        }
    }
}
