//! What the fields of a request say that something is decided by, and what becomes of each. Each is looked at once.

use super::bounds::{Bounds, FIELD, MOST_FIELDS};
use crate::access::{Memory, Shown, Sole};
use crate::mcp::Method as Rpc;
use crate::reject::Reject;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

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
    /// `Content-Type`.
    pub kind: Sole<'a>,
    /// Whether the body has a coding of its own.
    pub coded: bool,
    /// Whether the client goes on with a stream that broke off.
    pub resumes: bool,
    /// Whether it says that it asks for a stream of what it subscribes to. The body may say otherwise.
    pub listens: bool,
    /// Whether the client asks for another protocol on this connection.
    pub upgrade: bool,
    /// Whether a browser asks what it may send.
    pub asks_method: bool,
    /// Whether the client announces trailers.
    pub trailers: bool,
    /// Whether `Connection` lists names.
    pub nominates: bool,
    ambiguous: bool,
    framed: bool,
    fates: Fates,
}

/// What becomes of each field, in their order.
#[derive(Debug)]
struct Fates([Fate; MOST_FIELDS]);

impl Default for Fates {
    fn default() -> Self {
        Self([Fate::Drop; MOST_FIELDS])
    }
}

/// What becomes of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
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
    /// `tracestate`, which passes only with a `traceparent` that can be read.
    Tracestate,
    Connection,
    Upgrade,
    AsksMethod,
    Trailer,
    Framing,
    /// `Content-Type`, passed on.
    Kind,
    /// `Content-Encoding`, passed on.
    Coded,
    /// `Last-Event-ID`, passed on.
    Resumes,
    /// `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` are passed on, and compared with the body if a policy reads it.
    Version,
    Method,
    Name,
}

impl Fate {
    /// Whether it is passed on whatever the reply, or the trace, is.
    pub(super) fn passes(self) -> bool {
        match self {
            Fate::Pass | Fate::AsksMethod | Fate::Kind | Fate::Coded | Fate::Resumes => true,
            Fate::Version | Fate::Method | Fate::Name => true,
            Fate::Drop | Fate::Ambiguous | Fate::Host | Fate::Origin | Fate::ApiKey | Fate::Session => false,
            Fate::Coding | Fate::Traceparent | Fate::Tracestate => false,
            Fate::Connection | Fate::Upgrade | Fate::Trailer | Fate::Framing => false,
        }
    }
}

impl<'a> Fields<'a> {
    /// Looks at every field.
    ///
    /// # Errors
    /// [`Reject::TooManyFields`], [`Reject::HeaderList`], and [`Reject::Coding`]: hyper takes any list that ends with
    /// `chunked` for it alone, and what the others had done to the body would be lost on the way.
    pub fn read(headers: &'a HeaderMap, bounds: Bounds) -> Result<Self, Reject> {
        if headers.len() > bounds.fields.min(MOST_FIELDS) {
            return Err(Reject::TooManyFields);
        }
        let (mut fields, mut fates) = (Self::default(), Fates::default());
        let mut size = headers.len() * FIELD;
        for (place, (name, value)) in fates.0.iter_mut().zip(headers) {
            size += name.as_str().len() + value.len();
            *place = fate(name);
            fields.note(*place, value)?;
        }
        fields.fates = fates;
        if size > bounds.list { Err(Reject::HeaderList) } else { Ok(fields) }
    }

    #[inline]
    fn note(&mut self, fate: Fate, value: &'a HeaderValue) -> Result<(), Reject> {
        match fate {
            Fate::Pass | Fate::Drop | Fate::Coding | Fate::Tracestate | Fate::Version | Fate::Name => {}
            Fate::Ambiguous => self.ambiguous = true,
            Fate::Host => self.host.add(value.as_bytes()),
            Fate::Origin => self.origin.add(value.as_bytes()),
            Fate::ApiKey => self.api_key.add(value.as_bytes()),
            Fate::Session => self.session.add(value.as_bytes()),
            Fate::Traceparent => self.traceparent.add(value.as_bytes()),
            Fate::Kind => self.kind.add(value.as_bytes()),
            Fate::Coded => self.coded = true,
            Fate::Resumes => self.resumes = true,
            Fate::Method => self.listens |= value.as_bytes() == Rpc::SubscriptionsListen.as_str().as_bytes(),
            Fate::Connection => self.nominates |= !is_keep_alive(value),
            Fate::Upgrade => self.upgrade = true,
            Fate::AsksMethod => self.asks_method = true,
            Fate::Trailer => self.trailers = true,
            Fate::Framing if self.framed || !value.as_bytes().eq_ignore_ascii_case(b"chunked") => {
                return Err(Reject::Coding);
            }
            Fate::Framing => self.framed = true,
        }
        Ok(())
    }

    /// What becomes of each field, in their order.
    pub(super) fn fates(&self) -> impl Iterator<Item = Fate> {
        self.fates.0.iter().copied()
    }

    /// The credential, shown by a connection that has a `memory`, which comes from `address`, if that is certain.
    pub fn shown(&self, memory: &'a Memory, address: Option<IpAddr>) -> Shown<'a> {
        Shown { api_key: self.api_key, memory, address }
    }

    /// Refuses names that a backend could take for one of ours: CGI and WSGI read `X_Client_Id` as `X-Client-Id`. And a
    /// `Connection` that would have the backend not see what was judged (RFC 9110, section 7.6.1).
    ///
    /// # Errors
    /// [`Reject::HeaderName`], [`Reject::Nominated`].
    pub fn unambiguous(&self, headers: &HeaderMap) -> Result<(), Reject> {
        if self.ambiguous {
            return Err(Reject::HeaderName);
        }
        if self.nominates && nominated(headers).any(|name| goes_by(&name)) {
            return Err(Reject::Nominated);
        }
        Ok(())
    }
}

/// Names that `Connection` lists.
pub(super) fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    let tokens = headers.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    tokens.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
}

/// Whether both go by what it says, the gateway and the backend.
fn goes_by(name: &HeaderName) -> bool {
    let judged = matches!(fate(name), Fate::Kind | Fate::Coded | Fate::Version | Fate::Method | Fate::Name);
    judged || matches!(fate(name), Fate::Session | Fate::Resumes) || *name == header::ACCEPT
}

fn is_keep_alive(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"keep-alive")
}

/// What becomes of a field of this name.
pub(super) fn fate(name: &HeaderName) -> Fate {
    match *name {
        header::ACCEPT | header::ACCEPT_LANGUAGE | header::USER_AGENT | header::CACHE_CONTROL => Fate::Pass,
        header::CONTENT_TYPE => Fate::Kind,
        header::CONTENT_ENCODING => Fate::Coded,
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
        "mcp-protocol-version" => Fate::Version,
        "mcp-method" => Fate::Method,
        "mcp-name" => Fate::Name,
        "last-event-id" => Fate::Resumes,
        _ if name.starts_with("mcp-param-") => Fate::Pass, // MCP lets a tool name any token here
        "keep-alive" | "proxy-connection" | "http2-settings" => Fate::Drop,
        _ if name.bytes().any(|b| matches!(b, b'_' | b'.')) => ambiguous(name),
        _ if is_ours(name.as_bytes()) => Fate::Drop,
        _ => Fate::Pass,
    }
}

#[cold]
fn ambiguous(name: &str) -> Fate {
    let read: Vec<u8> = name.bytes().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { b }).collect();
    if is_ours(&read) || is_judged(&read) { Fate::Ambiguous } else { Fate::Pass }
}

/// What decides here where a request goes, what frames it, whose session it is in, or how its body or its reply is read.
fn is_judged(name: &[u8]) -> bool {
    matches!(name, b"authorization" | b"proxy-authorization" | b"cookie" | b"host" | b"connection" | b"origin")
        || matches!(name, b"transfer-encoding" | b"content-length" | b"content-type" | b"content-encoding")
        || matches!(name, b"accept-encoding" | b"te" | b"trailer" | b"upgrade" | b"expect")
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
mod tests;
