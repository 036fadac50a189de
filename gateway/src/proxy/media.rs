//! Media types, read as RFC 9110, section 8.3 has them.

use super::fields::Fields;
use crate::access::Sole;
use crate::reject::Reject;
use http::Method;
use http::header::{self, HeaderMap};

/// A body that a policy can read: exactly one JSON media type, in UTF-8, and no content coding.
///
/// GET and DELETE have no body, and need no type; one that they name has to be JSON all the same, since a body may come.
pub(super) fn judgeable(method: &Method, fields: &Fields<'_>) -> Result<(), Reject> {
    let json = match fields.kind {
        Sole::One(b"application/json") => true,
        Sole::One(kind) => essence(kind).eq_ignore_ascii_case(b"application/json") && is_utf8(kind),
        Sole::Absent => *method != Method::POST,
        Sole::Several => false,
    };
    if json && !fields.coded { Ok(()) } else { Err(Reject::MediaType) }
}

/// Whether no parameter says another charset. JSON has none (RFC 8259, section 11), but a server may heed it all the same,
/// and read other names than we did.
fn is_utf8(kind: &[u8]) -> bool {
    let parameters = kind.split(|b| *b == b';').skip(1).filter_map(|parameter| {
        let at = memchr::memchr(b'=', parameter)?;
        let (name, value) = parameter.split_at_checked(at)?;
        Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
    });
    let mut charsets = parameters.filter(|(name, _)| name.eq_ignore_ascii_case(b"charset")).map(|(_, value)| value);
    charsets.all(|value| {
        let bare = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value);
        bare.eq_ignore_ascii_case(b"utf-8")
    })
}

/// Whether a reply is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|value| essence(value.as_bytes()).eq_ignore_ascii_case(b"application/json"))
}

fn essence(value: &[u8]) -> &[u8] {
    value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
}
