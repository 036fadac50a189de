//! What replies wear, and those that are our own.

use super::origin::cors;
use super::ratelimit::RateLimit;
use super::refusal::{Refusal, X_REQUEST_ID};
use super::reply::{ReplyBody, X_API_KEY_EXPIRES};
use crate::record::Exchange;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

/// What every reply wears, refusals too.
pub(super) struct Dress {
    pub(super) id: [u8; 32],
    pub(super) page: Option<HeaderValue>,
    pub(super) key_ends: Option<HeaderValue>,
    pub(super) limits: Option<Box<RateLimit>>,
}

impl Dress {
    pub(super) fn on(self, response: &mut Response<ReplyBody>) {
        let headers = response.headers_mut();
        if let Ok(mut id) = HeaderValue::from_bytes(&self.id) {
            id.set_sensitive(true); // it never comes again: h2 need not remember it
            headers.insert(X_REQUEST_ID, id);
        }
        if let Some(ends) = self.key_ends {
            headers.insert(X_API_KEY_EXPIRES, ends);
        }
        if let Some(limits) = self.limits {
            limits.on(headers);
        }
        if let Some(page) = self.page {
            cors::expose(headers, page);
        }
    }
}

/// The answer to a browser that asks what it may send: these fields.
pub(super) fn preflight(mut exchange: Exchange, dress: Dress, fields: HeaderValue) -> Response<ReplyBody> {
    exchange.answered(StatusCode::NO_CONTENT);
    let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::preflight(response.headers_mut(), fields);
    ours(response.headers_mut(), &exchange);
    dress.on(&mut response);
    response
}

/// The answer that is our no.
pub(super) fn refuse(refusal: &Refusal, mut exchange: Exchange, mut dress: Dress) -> Response<ReplyBody> {
    exchange.rejected(refusal.reject);
    if let (None, Some(principal)) = (&dress.limits, exchange.principal()) {
        dress.limits = RateLimit::of(principal.client(), None, Some(refusal.reject));
    }
    let mut response = refusal.response().map(ReplyBody::Whole);
    ours(response.headers_mut(), &exchange);
    dress.on(&mut response);
    response
}

/// Fields of every reply that is our own. Whoever came over TLS is told to stay with it, and nobody else is (RFC 6797, section
/// 7.2): for a year, and for this name alone, since those below it are not ours to speak for.
fn ours(headers: &mut HeaderMap, exchange: &Exchange) {
    const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    const YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    if exchange.is_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, YEAR);
    }
}
