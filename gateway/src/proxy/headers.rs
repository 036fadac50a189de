//! Which header fields pass, and the head that the upstream gets.
//!
//! What is ours is removed from what the client sent and then set by us; what concerns one hop stays on it
//! (RFC 9110, section 7.6.1). All else passes as it came. Each field is looked at once.

use crate::access::{Memory, Principal, Shown, Sole};
use crate::record::{Exchange, decimal};
use crate::reject::Reject;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use std::net::IpAddr;

/// Most fields of one request; HTTP/1.1 heads with more never become a request.
const MOST_FIELDS: usize = 100;

/// What one look at each field of a request found.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    /// `Host`.
    pub host: Sole<'a>,
    /// `Origin`.
    pub origin: Sole<'a>,
    /// `X-API-Key`.
    pub api_key: Sole<'a>,
    /// `Mcp-Session-Id`.
    pub session: Sole<'a>,
    /// `traceparent`, which is never passed on as it is.
    pub traceparent: Sole<'a>,
    /// Whether the client asks for another protocol on this connection.
    pub upgrade: bool,
    /// Whether a browser asks what it may send.
    pub asks_method: bool,
    /// Whether the client announces trailers.
    pub trailers: bool,
    ambiguous: bool,
    framed: bool,
    nominates: bool,
    passing: u128,
    codings: u128,
    /// `tracestate`, which passes only with a `traceparent` that can be read.
    states: u128,
}

/// What becomes of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is passed on.
    Pass,
    /// It is dropped: for this hop only, or ours to set.
    Drop,
    /// It would be ours if `_` or `.` were read as `-`, as some backends do.
    Ambiguous,
    Host,
    Origin,
    ApiKey,
    Session,
    /// `Accept-Encoding`, which is passed on unless the reply has to be read here.
    Coding,
    Traceparent,
    Tracestate,
    Connection,
    Upgrade,
    AsksMethod,
    Trailer,
    Framing,
}

impl<'a> Fields<'a> {
    /// Looks at every field.
    ///
    /// # Errors
    /// [`Reject::TooManyFields`], and [`Reject::Coding`]: hyper takes any list that ends with `chunked` for it alone, and
    /// what the others had done to the body would be lost on the way.
    pub fn read(headers: &'a HeaderMap) -> Result<Self, Reject> {
        if headers.len() > MOST_FIELDS {
            return Err(Reject::TooManyFields);
        }
        let mut fields = Self::default();
        for (index, (name, value)) in headers.iter().enumerate() {
            match fate(name) {
                Fate::Pass => fields.passing |= 1 << index,
                Fate::AsksMethod => {
                    fields.asks_method = true;
                    fields.passing |= 1 << index;
                }
                Fate::Drop => {}
                Fate::Ambiguous => fields.ambiguous = true,
                Fate::Host => fields.host.add(value.as_bytes()),
                Fate::Origin => fields.origin.add(value.as_bytes()),
                Fate::ApiKey => fields.api_key.add(value.as_bytes()),
                Fate::Session => fields.session.add(value.as_bytes()),
                Fate::Coding => fields.codings |= 1 << index,
                Fate::Traceparent => fields.traceparent.add(value.as_bytes()),
                Fate::Tracestate => fields.states |= 1 << index,
                Fate::Connection => fields.nominates |= !is_keep_alive(value),
                Fate::Upgrade => fields.upgrade = true,
                Fate::Framing if fields.framed || !value.as_bytes().eq_ignore_ascii_case(b"chunked") => {
                    return Err(Reject::Coding);
                }
                Fate::Framing => fields.framed = true,
                Fate::Trailer => fields.trailers = true,
            }
        }
        Ok(fields)
    }

    /// The credential, shown by a connection that has a `memory`, which comes from `address`, if that is certain.
    pub fn shown(&self, memory: &'a Memory, address: Option<IpAddr>) -> Shown<'a> {
        Shown { api_key: self.api_key, memory, address }
    }

    /// Refuses names that a backend could take for one of ours. CGI and WSGI read `X_Client_Id` as `X-Client-Id`.
    ///
    /// # Errors
    /// [`Reject::HeaderName`].
    pub fn unambiguous(&self) -> Result<(), Reject> {
        if self.ambiguous { Err(Reject::HeaderName) } else { Ok(()) }
    }
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

/// Writes the head that the upstream gets, but for its end ([`end_head`]): request line, what passes, and what we say about
/// the caller.
pub fn write_head(request: &Parts, fields: &Fields<'_>, host: &str, caller: &Caller<'_>, out: &mut Vec<u8>) {
    let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
    put(
        out,
        &[
            request.method.as_str().as_bytes(),
            b" ",
            target.as_bytes(),
            b" HTTP/1.1\r\nhost: ",
            host.as_bytes(),
            b"\r\n",
        ],
    );
    let nominated = if fields.nominates { nominated(&request.headers) } else { Vec::new() };
    let read_here = caller.principal.is_some_and(|principal| principal.client().policy().reads());
    let codings = if read_here { 0 } else { fields.codings };
    let states = if caller.exchange.is_traced() { fields.states } else { 0 };
    let passing = fields.passing | codings | states;
    for (index, (name, value)) in request.headers.iter().enumerate() {
        if passing >> index & 1 == 1 && !nominated.contains(name) {
            put(out, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        }
    }
    if let Some(principal) = &caller.principal {
        let (client, key) = (principal.client().id().as_str(), principal.key().id().as_str());
        put(out, &[b"x-client-id: ", client.as_bytes(), b"\r\nx-key-id: ", key.as_bytes(), b"\r\n"]);
    }
    if let Some(session) = caller.session {
        put(out, &[b"mcp-session-id: ", session, b"\r\n"]);
    }
    if read_here {
        out.extend_from_slice(b"accept-encoding: identity\r\n");
    }
    let (id, trace) = (caller.exchange.request_id(), caller.exchange.traceparent());
    put(out, &[b"x-request-id: ", &id, b"\r\ntraceparent: ", &trace, b"\r\n", caller.forwarded]);
}

/// Ends the head with what follows it: only now is it certain, since a policy may have had a chunked body read whole.
pub fn end_head(length: Length, out: &mut Vec<u8>) {
    match length {
        Length::None => out.extend_from_slice(b"\r\n"),
        Length::Known(length) => put(out, &[b"content-length: ", decimal(length, &mut [0; 20]), b"\r\n\r\n"]),
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
    fate(name) == Fate::Pass && !of_the_head
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn is_keep_alive(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"keep-alive")
}

/// Names that `Connection` lists. What we judge by cannot be listed away, and what we set is written after.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let tokens = headers.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let names = tokens.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok());
    names.filter(|name| !matches!(*name, header::CONTENT_TYPE | header::ACCEPT)).collect()
}

fn fate(name: &HeaderName) -> Fate {
    match *name {
        header::ACCEPT
        | header::ACCEPT_LANGUAGE
        | header::CONTENT_TYPE
        | header::USER_AGENT
        | header::CACHE_CONTROL => Fate::Pass,
        header::ACCEPT_ENCODING => Fate::Coding,
        header::HOST => Fate::Host,
        header::ORIGIN => Fate::Origin,
        header::CONNECTION => Fate::Connection,
        header::UPGRADE => Fate::Upgrade,
        header::ACCESS_CONTROL_REQUEST_METHOD => Fate::AsksMethod,
        header::CONTENT_LENGTH | header::TE | header::EXPECT => Fate::Drop,
        header::TRANSFER_ENCODING => Fate::Framing,
        header::TRAILER => Fate::Trailer,
        header::COOKIE | header::AUTHORIZATION | header::FORWARDED => Fate::Drop,
        header::PROXY_AUTHORIZATION | header::PROXY_AUTHENTICATE => Fate::Drop,
        _ => fate_of_other(name.as_str()),
    }
}

/// hyper gives names in lower case.
fn fate_of_other(name: &str) -> Fate {
    match name {
        "x-api-key" => Fate::ApiKey,
        "mcp-session-id" => Fate::Session,
        "traceparent" => Fate::Traceparent,
        "tracestate" => Fate::Tracestate,
        _ if name.starts_with("mcp-param-") => Fate::Pass, // MCP lets a tool name any token here
        "keep-alive" | "proxy-connection" | "http2-settings" => Fate::Drop,
        _ if is_ours(name.as_bytes()) => Fate::Drop,
        _ if name.bytes().any(|b| matches!(b, b'_' | b'.')) => ambiguous(name),
        _ => Fate::Pass,
    }
}

#[cold]
fn ambiguous(name: &str) -> Fate {
    let read: Vec<u8> = name.bytes().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b }).collect();
    if is_ours(&read) || is_judged(&read) { Fate::Ambiguous } else { Fate::Pass }
}

/// What decides here where a request goes, what frames it, whose session it is in, or how its body is read.
fn is_judged(name: &[u8]) -> bool {
    matches!(name, b"authorization" | b"cookie" | b"host" | b"connection" | b"origin")
        || matches!(name, b"transfer-encoding" | b"content-length" | b"content-type" | b"content-encoding")
        || matches!(name, b"mcp-session-id" | b"mcp-protocol-version" | b"mcp-method" | b"mcp-name" | b"last-event-id")
}

/// Identity, forwarding and another method than the one that was judged: what a backend believes because only we can have
/// said it.
fn is_ours(name: &[u8]) -> bool {
    match name {
        [b'x', b'-', rest @ ..] => {
            matches!(
                rest,
                b"api-key" | b"client-id" | b"key-id" | b"request-id" | b"real-ip" | b"original-url" | b"rewrite-url"
            ) || matches!(rest, b"http-method" | b"http-method-override" | b"method-override")
                || rest.starts_with(b"forwarded")
        }
        b"forwarded" | b"true-client-ip" | b"cf-connecting-ip" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fate_of(name: &str) -> Fate {
        fate(&name.parse().unwrap())
    }

    #[test]
    fn protocol_headers_pass_and_ours_do_not() {
        let pass = [
            "accept",
            "content-type",
            "mcp-protocol-version",
            "last-event-id",
            "mcp-method",
            "mcp-name",
            "mcp-param-region",
            "mcp-param-x_y.z",
            "mcp-other",
            "user-agent",
            "x_custom",
            "x-custom",
        ];
        for name in pass {
            assert_eq!(fate_of(name), Fate::Pass, "{name}");
        }
        let dropped = [
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
            "x-http-method",
            "x-http-method-override",
            "x-method-override",
            "x-rewrite-url",
            "x-real-ip",
            "te",
            "content-length",
            "keep-alive",
        ];
        for name in dropped {
            assert_eq!(fate_of(name), Fate::Drop, "{name}");
        }
        for name in [
            "x_api_key",
            "x_client_id",
            "x.client.id",
            "x-client_id",
            "x_forwarded_for",
            "transfer_encoding",
            "content.length",
            "mcp_session_id",
            "mcp-session.id",
            "mcp.method",
            "content_type",
        ] {
            assert_eq!(fate_of(name), Fate::Ambiguous, "{name}");
        }
        let others = ["connection", "upgrade", "mcp-session-id", "accept-encoding", "traceparent", "tracestate"];
        for name in ["x-api-key", "host", "origin", "transfer-encoding", "trailer"].into_iter().chain(others) {
            assert_ne!(fate_of(name), Fate::Pass, "{name}");
        }
    }

    #[test]
    fn a_name_that_comes_twice_is_several() {
        let mut headers = HeaderMap::new();
        headers.append("x-api-key", "a".parse().unwrap());
        assert!(matches!(Fields::read(&headers).unwrap().api_key, Sole::One(b"a")));
        headers.append("x-api-key", "a".parse().unwrap());
        assert!(matches!(Fields::read(&headers).unwrap().api_key, Sole::Several));
        (0..MOST_FIELDS).for_each(|i| {
            assert!(!headers.append(HeaderName::try_from(format!("a{i}")).unwrap(), "b".parse().unwrap()))
        });
        assert_eq!(Fields::read(&headers).map(|_| ()), Err(Reject::TooManyFields));
    }

    proptest! {
        #[test]
        fn no_spelling_of_ours_gets_through(name in "x[-_.](client|key|request)[-_.]id|x[-_.]api[-_.]key|x[-_.]forwarded[-_.][a-z]{1,5}") {
            prop_assert_ne!(fate_of(&name), Fate::Pass);
        }
    }
}
