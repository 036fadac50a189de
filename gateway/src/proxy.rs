//! How one request moves. [`Gateway::pass`] is the policy, top-down, on one screen.

pub mod headers;
pub mod origin;
pub mod refusal;
pub mod reply;
pub mod routes;
pub mod target;

use crate::access::{Permit, Principal, Shown};
use crate::mcp::{Call, Mirrored};
use crate::record::{Exchange, HttpMethod, Recorder, Snapshots};
use crate::reject::Reject;
use crate::upstream::{Failure, Reply, Streamed, Upstream};
use bytes::Bytes;
use headers::Length;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use origin::{Origins, cors};
use refusal::{Refusal, X_REQUEST_ID};
use reply::{Relay, ReplyBody};
use routes::{Route, Routes};
use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::ready;
use std::time::SystemTime;

/// Bodies up to this size are read whole, so that what they ask can be recorded and they leave in one write.
const WHOLE: u64 = 64 * 1024;

/// One worker's gateway.
pub struct Gateway {
    /// Who may do what, now.
    pub snapshots: Snapshots,
    /// Names and pages; shared, since a new certificate may bring new names.
    pub origins: Arc<arc_swap::ArcSwap<Origins>>,
    /// Paths.
    pub routes: Arc<Routes>,
    /// The way to the backend.
    pub upstream: Rc<Upstream>,
    /// `Host` for the backend.
    pub upstream_host: Box<str>,
    /// This worker's records.
    pub recorder: Rc<Recorder>,
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// Set when streams have to end because the process does.
    pub closing: Rc<Cell<bool>>,
}

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether it came by TLS.
    pub secure: bool,
}

/// A reply that may be passed on, or a preflight's answer.
enum Passed {
    Reply(Reply),
    Preflight,
}

impl Gateway {
    /// Answers one request. From here on it is recorded, whatever happens.
    pub async fn handle(self: Rc<Self>, door: Door, request: Request<Incoming>) -> Response<ReplyBody> {
        let (request, body) = request.into_parts();
        let method = HttpMethod::of(&request.method);
        let mut exchange = Exchange::open(&self.recorder, self.snapshots.load(), door.peer, door.secure, method);
        let id = HeaderValue::from_bytes(&exchange.request_id());
        let passed = self.pass(&mut exchange, &request, body).await;
        let mut response = match passed {
            Ok(Passed::Reply(reply)) => relay(reply, exchange),
            Ok(Passed::Preflight) => preflight(exchange),
            Err(refusal) => refuse(&refusal, exchange),
        };
        let headers = response.headers_mut();
        if let Ok(id) = id {
            headers.insert(X_REQUEST_ID, id);
        }
        if let Ok(Some(origin)) = self.origins.load().origin(&request.headers) {
            cors::expose(headers, origin.clone());
        }
        response
    }

    /// The policy: each step may refuse, and only what passes all of them is forwarded.
    async fn pass(&self, exchange: &mut Exchange, request: &Parts, body: Incoming) -> Result<Passed, Refusal> {
        let path = target::path(request)?;
        self.origins.load().host(request)?;
        let origin = self.origins.load().origin(&request.headers)?;
        if origin.is_some() && cors::is_preflight(request) {
            return Ok(Passed::Preflight);
        }
        let route = self.routes.find(path);
        exchange.routed(route.number());
        match route {
            Route::Unknown => Err(self.unknown()),
            Route::Public(_) if !matches!(request.method, Method::GET | Method::HEAD) => Err(self.unknown()),
            Route::Public(_) => {
                headers::unambiguous(&request.headers)?;
                self.forward(Permit::public(), exchange, request, None, Asked::Nothing).await
            }
            Route::Protected(_) => {
                let live = exchange.live();
                let principal = live.access.authenticate(&Shown { headers: &request.headers }, SystemTime::now())?;
                exchange.authenticated(&principal);
                headers::unambiguous(&request.headers)?;
                if request.headers.contains_key(header::UPGRADE) {
                    return Err(Reject::Upgrade.into());
                }
                let asked = self.read(principal.client().has_policy(), body).await?;
                let permit = judge(&principal, exchange, request, &asked)?;
                self.forward(permit, exchange, request, Some(&principal), asked).await
            }
        }
    }

    /// Reads a short body whole; a long or chunked one stays a stream, unless a policy needs to see it.
    async fn read(&self, policy: bool, mut body: Incoming) -> Result<Asked, Reject> {
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > self.max_body) {
            return Err(Reject::BodyTooLarge);
        }
        if body.is_end_stream() {
            return Ok(Asked::Nothing);
        }
        if !policy && length.is_none_or(|length| length > WHOLE) {
            return Ok(Asked::Streamed(Streamed { body, length, most: self.max_body }));
        }
        let mut whole = Whole::default();
        poll_fn(|cx| {
            loop {
                match ready!(Pin::new(&mut body).poll_frame(cx)) {
                    Some(Ok(frame)) => whole.push(frame.into_data().unwrap_or_default(), self.max_body)?,
                    Some(Err(_)) => return Err(Reject::BodyIncomplete).into(),
                    None => return Ok(()).into(),
                }
                if body.is_end_stream() {
                    return Ok(()).into();
                }
            }
        })
        .await?;
        Ok(Asked::Whole(whole.into_bytes()))
    }

    /// Sends what has been judged, and nothing else. Taking a [`Permit`] is what makes that hold.
    async fn forward(
        &self,
        _permit: Permit,
        exchange: &Exchange,
        request: &Parts,
        who: Option<&Principal<'_>>,
        asked: Asked,
    ) -> Result<Passed, Refusal> {
        let (length, whole, rest) = match asked {
            Asked::Nothing if request.method == Method::POST => (Length::Known(0), Bytes::new(), None),
            Asked::Nothing => (Length::None, Bytes::new(), None),
            Asked::Whole(bytes) => (Length::Known(bytes.len() as u64), bytes, None),
            Asked::Streamed(streamed) => {
                (streamed.length.map_or(Length::Unknown, Length::Known), Bytes::new(), Some(streamed))
            }
        };
        let mut out = Vec::with_capacity(1024 + whole.len());
        headers::write_head(request, &self.upstream_host, who, exchange, length, &mut out);
        out.extend_from_slice(&whole);
        drop(whole);
        self.upstream.send(&request.method, out, rest).await.map(Passed::Reply).map_err(|failure| refused(&failure))
    }

    fn unknown(&self) -> Refusal {
        Refusal { detail: Some(self.routes.unknown().clone()), ..Reject::Path.into() }
    }
}

/// A request's body, as far as it has been read.
enum Asked {
    Nothing,
    Whole(Bytes),
    Streamed(Streamed<Incoming>),
}

/// Joins the frames of a short body; the common one is a single frame and is not copied.
#[derive(Default)]
struct Whole {
    first: Bytes,
    joined: Vec<u8>,
}

impl Whole {
    fn push(&mut self, data: Bytes, most: u64) -> Result<(), Reject> {
        if self.first.is_empty() {
            self.first = data;
        } else {
            if self.joined.is_empty() {
                self.joined.extend_from_slice(&self.first);
            }
            self.joined.extend_from_slice(&data);
        }
        let size = self.joined.len().max(self.first.len()) as u64;
        if size > most { Err(Reject::BodyTooLarge) } else { Ok(()) }
    }

    fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.into() }
    }
}

/// What the message asks, and whether this principal may ask it. Without a policy the body is only observed.
fn judge(
    principal: &Principal<'_>,
    exchange: &mut Exchange,
    request: &Parts,
    asked: &Asked,
) -> Result<Permit, Refusal> {
    let body = match asked {
        Asked::Whole(bytes) => bytes,
        Asked::Nothing | Asked::Streamed(_) => return Ok(principal.authorize(None)?),
    };
    if !principal.client().has_policy() {
        let call = Call::observe(body);
        if let Some(call) = &call {
            exchange.asks(call);
        }
        return Ok(principal.authorize(call.as_ref())?);
    }
    media::judgeable(&request.headers)?;
    let call = Call::judge(body).map_err(|_| Reject::Envelope)?;
    exchange.asks(&call);
    let with_id = |reject| Refusal { id: call.id().map(Into::into), ..Refusal::from(reject) };
    mirrored(&request.headers, &call).map_err(with_id)?;
    principal.authorize(Some(&call)).map_err(with_id)
}

/// Headers of revision 2026-07-28 that repeat the body must agree with it.
fn mirrored(headers: &HeaderMap, call: &Call<'_>) -> Result<(), Reject> {
    let agreed = Mirrored::read(headers).and_then(|mirrored| mirrored.agree(call));
    agreed.map_err(|flaw| if flaw.is_header_mismatch() { Reject::HeaderMismatch } else { Reject::Envelope })
}

fn refused(failure: &Failure) -> Refusal {
    let reject = match failure {
        Failure::Unreachable(_) => Reject::UpstreamUnreachable,
        Failure::Closed => Reject::UpstreamClosed,
        Failure::Invalid(_) => Reject::UpstreamInvalid,
        Failure::Timeout => Reject::HeadTimeout,
        Failure::BodyIncomplete => Reject::BodyIncomplete,
        Failure::BodyTooLarge => Reject::BodyTooLarge,
    };
    if !matches!(failure, Failure::BodyIncomplete | Failure::BodyTooLarge) {
        tracing::warn!(word = reject.word(), "{failure}");
    }
    reject.into()
}

fn relay(reply: Reply, mut exchange: Exchange) -> Response<ReplyBody> {
    const NO: HeaderValue = HeaderValue::from_static("no");
    let Reply { status, mut headers, body, deadline } = reply;
    let events = headers.get(header::CONTENT_TYPE).is_some_and(|kind| media::is_event_stream(kind.as_bytes()));
    if events {
        headers.insert("x-accel-buffering", NO);
    }
    exchange.relayed(status, events);
    let mut response = Response::new(ReplyBody::Relayed(Relay::new(body, exchange, deadline)));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn preflight(mut exchange: Exchange) -> Response<ReplyBody> {
    exchange.answered(StatusCode::NO_CONTENT);
    let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::preflight(response.headers_mut());
    response
}

fn refuse(refusal: &Refusal, mut exchange: Exchange) -> Response<ReplyBody> {
    exchange.rejected(refusal.reject);
    refusal.response().map(ReplyBody::Whole)
}

/// Media types, read as RFC 9110, section 8.3 has them.
mod media {
    use super::{HeaderMap, HeaderValue, Reject, header};

    /// Whether the reply is a stream of Server-Sent Events.
    pub(super) fn is_event_stream(value: &[u8]) -> bool {
        essence(value).eq_ignore_ascii_case(b"text/event-stream")
    }

    /// A body that a policy can read: exactly one JSON media type and no content coding.
    pub(super) fn judgeable(headers: &HeaderMap) -> Result<(), Reject> {
        let mut types = headers.get_all(header::CONTENT_TYPE).iter().map(HeaderValue::as_bytes);
        let json = types.next().is_some_and(|value| essence(value).eq_ignore_ascii_case(b"application/json"));
        let sane = json && types.next().is_none() && !headers.contains_key(header::CONTENT_ENCODING);
        if sane { Ok(()) } else { Err(Reject::MediaType) }
    }

    fn essence(value: &[u8]) -> &[u8] {
        value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
    }
}
