//! What the fields of one head say about the connection and the body.

use super::field::MCP_SESSION_ID;
use super::{Framing, Lie};
use crate::upstream::framing::Chunked;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

#[derive(Default)]
pub(super) struct Facts {
    pub(super) length: Option<u64>,
    chunked: bool,
    pub(super) close: bool,
    pub(super) events: bool,
    pub(super) session: Option<HeaderValue>,
    nominated: Vec<HeaderName>,
}

impl Facts {
    /// `Content-Length`.
    pub(super) fn length(&mut self, value: &[u8]) -> Result<(), Lie> {
        let length = number(value).ok_or(Lie::Length)?;
        if self.length.replace(length).is_some() { Err(Lie::Length) } else { Ok(()) }
    }

    /// `Transfer-Encoding`.
    pub(super) fn coding(&mut self, value: &[u8]) -> Result<(), Lie> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Lie::Coding);
        }
        self.chunked = true;
        Ok(())
    }

    /// `Content-Type`.
    pub(super) fn kind(&mut self, value: &[u8]) {
        let essence = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        self.events = essence.eq_ignore_ascii_case(b"text/event-stream");
    }

    /// `Mcp-Session-Id`.
    pub(super) fn session(&mut self, value: HeaderValue) -> Result<(), Lie> {
        if self.session.replace(value).is_some() { Err(Lie::Session) } else { Ok(()) }
    }

    /// Any other field; says whether it is forwarded.
    pub(super) fn passes(&mut self, name: &HeaderName, value: &[u8]) -> bool {
        match *name {
            header::CONNECTION => {
                self.connection(value);
                false
            }
            header::TE | header::UPGRADE | header::PROXY_AUTHENTICATE => false,
            header::VARY => true,
            _ => is_forwarded(name.as_str()),
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for token in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if !token.eq_ignore_ascii_case(b"keep-alive") {
                self.nominated.extend(HeaderName::from_bytes(token).ok());
            }
        }
    }

    /// Fields that `Connection` names concern this hop alone (RFC 9110, section 7.6.1). What the content is read and kept by
    /// does not: without it a reply would be taken for another one.
    pub(super) fn drop_nominated(&mut self, headers: &mut HeaderMap) -> Result<(), Lie> {
        for name in &self.nominated {
            if *name == header::CACHE_CONTROL || name.as_str().starts_with("content-") {
                return Err(Lie::Nominated);
            }
            headers.remove(name);
            if *name == MCP_SESSION_ID {
                self.session = None;
            }
        }
        Ok(())
    }

    /// How the body ends. What `Connection` names does not come behind it either.
    pub(super) fn framing(&mut self, status: StatusCode, method: &Method, old: bool) -> Result<Framing, Lie> {
        if self.chunked && (self.length.is_some() || old) {
            return Err(Lie::Length);
        }
        let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || method == Method::HEAD;
        Ok(match self.length {
            _ if bodyless => Framing::Done,
            _ if self.chunked => Framing::Chunked(Chunked::without(&mut self.nominated)),
            Some(0) => Framing::Done,
            Some(length) => Framing::Length(length),
            None => Framing::ToEof,
        })
    }
}

/// Not what concerns this hop alone, names the product, or says which pages may read the reply: which may is in the settings.
fn is_forwarded(name: &str) -> bool {
    !matches!(name, "keep-alive" | "proxy-connection" | "proxy-authentication-info" | "x-powered-by")
        && !name.starts_with("access-control-")
}

/// Digits and nothing else: no sign, no list, no overflow (RFC 9110, section 8.6).
fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    digits.then(|| value.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}
