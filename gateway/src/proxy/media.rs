//! Media types, read as RFC 9110, section 8.3 has them.

use crate::reject::Reject;
use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;

/// A body that a policy can read: exactly one JSON media type and no content coding.
///
/// GET and DELETE have no body and pass.
pub(super) fn judgeable(request: &Parts) -> Result<(), Reject> {
    if request.method != Method::POST {
        return Ok(());
    }
    let headers = &request.headers;
    let mut types = headers.get_all(header::CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
    let json = types.next().is_some_and(|value| essence(value).eq_ignore_ascii_case(b"application/json"));
    let sane = json && types.next().is_none() && !headers.contains_key(header::CONTENT_ENCODING);
    if sane { Ok(()) } else { Err(Reject::MediaType) }
}

/// Whether a reply is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|value| essence(value.as_bytes()).eq_ignore_ascii_case(b"application/json"))
}

fn essence(value: &[u8]) -> &[u8] {
    value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
}
