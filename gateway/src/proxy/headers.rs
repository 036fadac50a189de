//! Which header fields pass, and the head that the upstream gets.
//!
//! What is ours is removed from what the client sent and then set by us; what concerns one hop stays on it
//! (RFC 9110, section 7.6.1). All else passes as it came.

use crate::access::Principal;
use crate::record::Exchange;
use crate::reject::Reject;
use http::header::{self, HeaderMap, HeaderName};
use http::request::Parts;
use std::io::Write as _;

/// What becomes of a request header field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is passed on.
    Pass,
    /// It is dropped: for this hop only, or ours to set.
    Drop,
    /// It would be ours if `_` or `.` were read as `-`, as some backends do.
    Ambiguous,
}

/// How long the body is that follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// There is none, and the method does not suggest one.
    None,
    /// So many bytes.
    Known(u64),
    /// Chunked.
    Unknown,
}

/// Refuses names that a backend could take for one of ours. CGI and WSGI read `X_Client_Id` as `X-Client-Id`.
///
/// # Errors
/// [`Reject::HeaderName`].
pub fn unambiguous(headers: &HeaderMap) -> Result<(), Reject> {
    let ambiguous = headers.keys().any(|name| fate(name.as_str()) == Fate::Ambiguous);
    if ambiguous { Err(Reject::HeaderName) } else { Ok(()) }
}

/// Writes the head that the upstream gets: request line, what passes, and what we say about the caller.
pub fn write_head(
    request: &Parts,
    host: &str,
    who: Option<&Principal<'_>>,
    exchange: &Exchange,
    length: Length,
    out: &mut Vec<u8>,
) {
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    put(out, &[request.method.as_str(), " ", target, " HTTP/1.1\r\nhost: ", host, "\r\n"]);
    let nominated = Nominated::of(&request.headers);
    for (name, value) in &request.headers {
        if fate(name.as_str()) == Fate::Pass && !nominated.has(name) {
            put(out, &[name.as_str(), ": "]);
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
    if let Some(principal) = who {
        put(
            out,
            &[
                "x-client-id: ",
                principal.client().id().as_str(),
                "\r\nx-key-id: ",
                principal.key().id().as_str(),
                "\r\n",
            ],
        );
    }
    out.extend_from_slice(b"x-request-id: ");
    out.extend_from_slice(&exchange.request_id());
    let scheme = if exchange.is_secure() { "https" } else { "http" };
    // writing to a Vec cannot fail
    let _ = write!(out, "\r\nx-forwarded-for: {}\r\nx-forwarded-proto: {scheme}\r\n", exchange.peer().ip());
    match length {
        Length::None => out.extend_from_slice(b"\r\n"),
        Length::Known(length) => drop(write!(out, "content-length: {length}\r\n\r\n")),
        Length::Unknown => out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
    }
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
}

/// Names that `Connection` lists. What we judge by or set cannot be listed away: it is written after, or from the parts.
struct Nominated(Vec<HeaderName>);

impl Nominated {
    fn of(headers: &HeaderMap) -> Self {
        let tokens =
            headers.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
        Self(tokens.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok()).collect())
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.0.contains(name) && !matches!(*name, header::CONTENT_TYPE | header::ACCEPT)
    }
}

/// hyper gives names in lower case.
fn fate(name: &str) -> Fate {
    match name {
        "host"
        | "connection"
        | "keep-alive"
        | "proxy-connection"
        | "te"
        | "trailer"
        | "transfer-encoding"
        | "upgrade"
        | "content-length"
        | "expect"
        | "http2-settings"
        | "proxy-authorization"
        | "proxy-authenticate" => Fate::Drop,
        "origin" | "cookie" | "authorization" => Fate::Drop,
        _ if is_ours(name.as_bytes()) => Fate::Drop,
        _ if name.bytes().any(|b| matches!(b, b'_' | b'.')) => ambiguous(name),
        _ => Fate::Pass,
    }
}

#[cold]
fn ambiguous(name: &str) -> Fate {
    let read: Vec<u8> = name.bytes().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b }).collect();
    let also =
        [&b"authorization"[..], b"cookie", b"transfer-encoding", b"content-length", b"host", b"connection", b"origin"];
    if is_ours(&read) || also.contains(&read.as_slice()) { Fate::Ambiguous } else { Fate::Pass }
}

/// Identity and forwarding: what a backend believes because only we can have said it.
fn is_ours(name: &[u8]) -> bool {
    match name {
        [b'x', b'-', rest @ ..] => {
            matches!(
                rest,
                b"api-key" | b"client-id" | b"key-id" | b"request-id" | b"real-ip" | b"original-url" | b"rewrite-url"
            ) || rest.starts_with(b"forwarded")
        }
        b"forwarded" | b"true-client-ip" | b"cf-connecting-ip" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn protocol_headers_pass_and_ours_do_not() {
        let pass = [
            "accept",
            "content-type",
            "mcp-protocol-version",
            "mcp-session-id",
            "last-event-id",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
            "mcp-param-x_y.z",
            "traceparent",
            "tracestate",
            "user-agent",
            "x_custom",
            "x-custom",
            "accept-encoding",
        ];
        for name in pass {
            assert_eq!(fate(name), Fate::Pass, "{name}");
        }
        let dropped = [
            "x-api-key",
            "authorization",
            "cookie",
            "x-client-id",
            "x-key-id",
            "x-request-id",
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-uri",
            "x-forwarded-anything",
            "x-original-url",
            "x-rewrite-url",
            "x-real-ip",
            "host",
            "origin",
            "connection",
            "te",
            "upgrade",
            "transfer-encoding",
            "content-length",
            "keep-alive",
        ];
        for name in dropped {
            assert_eq!(fate(name), Fate::Drop, "{name}");
        }
        for name in [
            "x_api_key",
            "x_client_id",
            "x.client.id",
            "x-client_id",
            "x_forwarded_for",
            "transfer_encoding",
            "content.length",
        ] {
            assert_eq!(fate(name), Fate::Ambiguous, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_spelling_of_ours_gets_through(name in "x[-_.](client|key|request)[-_.]id|x[-_.]api[-_.]key|x[-_.]forwarded[-_.][a-z]{0,5}") {
            prop_assert_ne!(fate(&name), Fate::Pass);
        }
    }
}
