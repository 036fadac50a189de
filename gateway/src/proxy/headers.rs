//! What of a request's head the upstream gets.
//!
//! What is ours is removed from what the client sent and then set by us; what concerns one hop stays on it
//! (RFC 9110, section 7.6.1). All else passes as it came.

use super::fields::{Fate, Fields, fate};
use super::letter::Mirrors;
use crate::access::Principal;
use crate::record::{Exchange, decimal};
use http::header::{self, HeaderName};
use http::request::Parts;
use std::net::IpAddr;

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

/// What is said about the caller in every request to the upstream.
pub struct Caller<'a> {
    /// Who it is; public routes know nobody.
    pub principal: Option<Principal<'a>>,
    /// Whose record says the request id.
    pub exchange: &'a Exchange,
    /// What the upstream calls the session that it is in.
    pub session: Option<&'a [u8]>,
    /// The rendered `X-Forwarded-*` lines of the connection.
    pub forwarded: &'a [u8],
}

/// Renders what a connection's requests all say of where they come from.
pub fn forwarded(peer: IpAddr, secure: bool) -> Box<[u8]> {
    let scheme = if secure { "https" } else { "http" };
    format!("x-forwarded-for: {}\r\nx-forwarded-proto: {scheme}\r\n", peer.to_canonical()).into_bytes().into()
}

/// Renders what stands between the target and the first field of a client's: the same for all requests.
pub fn host(name: &str) -> Box<[u8]> {
    format!(" HTTP/1.1\r\nhost: {name}\r\n").into_bytes().into()
}

/// Writes the head that the upstream gets, but for its end ([`end_head`]): request line, what passes, which nothing does that
/// is `nominated`, and what we say about the caller. Says where in it the fields stand that repeat what the body says.
pub(super) fn write_head(
    request: &Parts,
    fields: &Fields<'_>,
    host: &[u8],
    caller: &Caller<'_>,
    nominated: &[HeaderName],
    out: &mut Vec<u8>,
) -> Mirrors {
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    put(out, [request.method.as_str().as_bytes(), b" ", target.as_bytes(), host]);
    let read_here = caller.principal.is_some_and(|principal| principal.client().policy().reads());
    let traced = caller.exchange.is_traced();
    let mut mirrors = Mirrors::default();
    for (fate, (name, value)) in fields.fates().zip(&request.headers) {
        let passes = fate.passes() || fate == Fate::Coding && !read_here || fate == Fate::Tracestate && traced;
        if passes && !nominated.contains(name) {
            put(out, [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
            mirrors.note(fate, value.len(), out);
        }
    }
    if let Some(principal) = &caller.principal {
        let (client, key) = (principal.client().id().as_str(), principal.key().id().as_str());
        put(out, [b"x-client-id: ", client.as_bytes(), b"\r\nx-key-id: ", key.as_bytes(), b"\r\n"]);
    }
    if let Some(session) = caller.session {
        put(out, [b"mcp-session-id: ", session, b"\r\n"]);
    }
    if read_here {
        out.extend_from_slice(b"accept-encoding: identity\r\n");
    }
    let (id, trace) = (caller.exchange.request_id(), caller.exchange.traceparent());
    put(out, [b"x-request-id: ", id, b"\r\ntraceparent: ", &trace, b"\r\n", caller.forwarded]);
    mirrors
}

/// Ends the head with what follows it: only now is it certain, since a policy may have had a chunked body read whole.
pub fn end_head(length: Length, out: &mut Vec<u8>) {
    match length {
        Length::None => out.extend_from_slice(b"\r\n"),
        Length::Known(length) => put(out, [b"content-length: ", decimal(length, &mut [0; 20]), b"\r\n\r\n"]),
        Length::Unknown => out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
    }
}

/// Whether a field that comes behind a body is passed on. What frames, routes, authenticates, identifies, modifies the
/// request or says how to read the body was judged, or set by us, in the head (RFC 9110, section 6.5.1): a backend that
/// joins trailers to the head must not find it there once more.
pub fn is_passing_trailer(name: &HeaderName) -> bool {
    use header as h;
    let of_the_head = match *name {
        h::ACCEPT
        | h::ACCEPT_ENCODING
        | h::ACCEPT_LANGUAGE
        | h::CACHE_CONTROL
        | h::MAX_FORWARDS
        | h::RANGE
        | h::VIA => true,
        h::CONTENT_TYPE | h::CONTENT_ENCODING | h::CONTENT_RANGE | h::CONTENT_LANGUAGE | h::CONTENT_LOCATION => true,
        _ => ["if-", "mcp-", "access-control-"].iter().any(|prefix| name.as_str().starts_with(prefix)),
    };
    fate(name).passes() && !of_the_head
}

#[inline]
fn put<const N: usize>(out: &mut Vec<u8>, parts: [&[u8]; N]) {
    parts.into_iter().for_each(|part| out.extend_from_slice(part));
}
