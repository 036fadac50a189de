//! How one request moves. `Gateway::pass` is the policy, top-down, on one screen.

pub mod answer;
mod asked;
mod delivery;
pub mod forwarded;
pub mod headers;
mod media;
pub mod origin;
mod ratelimit;
pub mod refusal;
pub mod reply;
pub mod routes;
mod session;
pub mod sieve;
mod sifting;
pub mod target;
pub mod turn;
pub mod upload;
pub mod ward;

use crate::access::{
    Decision, Hold, Limited, Memory, Network, Paid, Permit, Principal, RecentSessions, Sole, Strangers, Uptime,
};
use crate::clock::Clock;
use crate::mcp::{Call, ListKind, Method as Rpc, Mirrored};
use crate::record::{Exchange, Follow, HttpMethod, Limit, Live, Peer, Recorder, Trace};
use crate::reject::Reject;
use crate::upstream::{Failure, Reply, Streamed, Trip, Upstream, write_chunk, write_last_chunk};
use answer::{Answer, Waiting};
use asked::Asked;
use bytes::Bytes;
use delivery::Delivery;
use forwarded::Sender;
use headers::{Caller, Fields, Length};
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use origin::{Origins, cors};
use ratelimit::RateLimit;
use refusal::{Refusal, X_REQUEST_ID};
use reply::{Relay, ReplyBody, Source, X_API_KEY_EXPIRES};
use routes::{Route, Routes};
use sieve::{Lists, Sieve};
use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use turn::Turn;
use upload::Upload;

/// One worker's gateway.
pub struct Gateway {
    /// Who may do what, now.
    pub snapshots: Follow<Live>,
    /// Names and pages; a new certificate may bring new names.
    pub origins: Follow<Origins>,
    /// Proxies whose word on where a request comes from is taken.
    pub trusted: Arc<[Network]>,
    /// Whom nobody knows yet.
    pub strangers: Arc<Strangers>,
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
    /// Largest list that is cut down to what a client may use, in bytes.
    pub max_list: usize,
    /// Whose a session is.
    pub sessions: RecentSessions,
    /// How long before a key's end its replies say when that is.
    pub expiry_notice: Duration,
    /// This worker's deadlines.
    pub clock: Clock,
    /// What the task waits for that is polled now.
    pub turn: Rc<Turn>,
}

/// Where a connection came in; what its requests have in common.
#[derive(Debug)]
pub struct Door {
    /// Whoever holds the connection.
    peer: Rc<Peer>,
    secure: bool,
    forwarded: Box<[u8]>,
    asked: Cell<u32>,
    surplus: bool,
    memory: Memory,
}

impl Door {
    /// For a connection from `peer`, by this version of TLS if by any. A `surplus` one is only told that there are too many.
    pub fn new(peer: SocketAddr, tls: Option<&str>, surplus: bool) -> Self {
        let secure = tls.is_some();
        let (forwarded, peer) = (headers::forwarded(peer.ip(), secure), Rc::new(Peer::new(peer, tls)));
        Self { peer, secure, forwarded, asked: Cell::new(0), surplus, memory: Memory::default() }
    }

    /// What the upstream is told of where a request comes from.
    fn says_of(&self, sender: &Sender) -> Cow<'_, [u8]> {
        if sender.address == self.peer.address() {
            return Cow::Borrowed(&self.forwarded);
        }
        Cow::Owned(headers::forwarded(sender.address.ip(), self.secure).into())
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// How many requests have come by it.
    #[inline]
    pub fn asked(&self) -> u32 {
        self.asked.get()
    }

    /// How many requests that came by it are not over.
    #[inline]
    pub fn open(&self) -> usize {
        Rc::strong_count(&self.peer) - 1
    }

    /// Whether it is only told that there are too many.
    #[inline]
    pub fn is_surplus(&self) -> bool {
        self.surplus
    }
}

/// What the head of a request leads to.
enum Onward {
    /// Something may be asked of the upstream.
    Letter(Letter),
    /// A browser is told what it may send.
    Preflight,
}

impl Gateway {
    /// Answers one request. From here on it is recorded, whatever happens.
    ///
    /// All that the head decides is decided at once, so that nothing of it is kept while the upstream works.
    pub fn handle(self: &Rc<Self>, door: &Rc<Door>, request: Request<Incoming>) -> Answer {
        door.asked.set(door.asked.get().wrapping_add(1));
        match self.recorder.room() {
            None => self.answer(door, request),
            Some(room) => {
                let (door, peer) = (door.clone(), door.peer.clone());
                let waiting = Waiting { gateway: self.clone(), door, _peer: peer, request: Some(request), room };
                Answer::waiting(waiting)
            }
        }
    }

    fn answer(self: &Rc<Self>, door: &Door, request: Request<Incoming>) -> Answer {
        let (request, body) = request.into_parts();
        let sender = Sender::read(door.peer.address(), &request.headers, &self.trusted);
        let mut exchange =
            Exchange::open(&self.recorder, self.snapshots.load(), &door.peer, HttpMethod::of(&request.method));
        if sender.address != door.peer.address() {
            exchange.came_from(sender.address);
        }
        let mut dress = Dress { id: exchange.request_id(), page: None, key_ends: None, limits: None };
        let many_streams = request.version == Version::HTTP_2;
        let passed = self.pass(&mut exchange, &mut dress, door, &sender, request);
        let key_ends = exchange.key().and_then(|key| key.ends_within(self.expiry_notice, SystemTime::now));
        dress.key_ends = key_ends.cloned();
        match passed {
            Ok(Onward::Letter(letter)) => Answer::later(Delivery::new(self, exchange, dress, letter, body)),
            // over HTTP/1.1 hyper drains a short body or closes the connection
            Err(refusal) if (many_streams || echoes(&refusal)) && !body.is_end_stream() => {
                Answer::later(Delivery::refusal(self, exchange, dress, refusal, body))
            }
            Ok(Onward::Preflight) => Answer::now(preflight(exchange, dress)),
            Err(refusal) => {
                let mut response = refuse(&refusal, exchange, dress);
                if !many_streams && refusal.reject.ends_connection() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Answer::now(response)
            }
        }
    }

    /// The policy: each step may refuse, and only what passes all of them is written down for the upstream. What a message
    /// asks is left to [`judge`], which needs the body.
    fn pass(
        &self,
        exchange: &mut Exchange,
        dress: &mut Dress,
        door: &Door,
        sender: &Sender,
        request: Parts,
    ) -> Result<Onward, Refusal> {
        if door.surplus || self.recorder.is_crowded() {
            return Err(self.too_many(door));
        }
        let fields = Fields::read(&request.headers)?;
        if let Sole::One(parent) = fields.traceparent
            && let Some(trace) = Trace::read(parent)
        {
            exchange.traced(trace);
        }
        let path = target::path(&request)?;
        let origins = self.origins.load();
        origins.host(&request.uri, fields.host)?;
        dress.page = origins.page(fields.origin)?;
        if dress.page.is_some() && fields.asks_method && request.method == Method::OPTIONS {
            return Ok(Onward::Preflight);
        }
        let route = self.routes.find(path);
        exchange.routed(route.number());
        let live = exchange.live();
        let principal = match route {
            Route::Unknown => return Err(self.unknown()),
            Route::Public(_) if matches!(request.method, Method::GET | Method::HEAD) => None,
            Route::Public(_) => return Err(self.unknown()),
            Route::Protected(_) => {
                exchange.challenged();
                let now = SystemTime::now();
                let shown = fields.shown(&door.memory, sender.certain.then(|| sender.address.ip()));
                let known = live.access.authenticate(&shown, now);
                let principal = known.map_err(|reject| self.stranger(reject, sender))?;
                exchange.authenticated(&principal, now);
                Some(principal)
            }
        };
        fields.unambiguous()?;
        let forwarded = door.says_of(sender);
        let Some(principal) = principal else {
            let caller = Caller { principal: None, exchange, session: None, forwarded: &forwarded };
            let mut letter = self.letter(&request, &fields, &caller);
            letter.keep(request.headers, false);
            return Ok(Onward::Letter(letter));
        };
        if fields.upgrade {
            return Err(Reject::Upgrade.into());
        }
        let session = self.own_session(fields.session, principal.client())?;
        if principal.client().allowance().is_some() {
            exchange.holds(principal.admit(promised(&request))?);
        }
        let policy = principal.client().has_policy();
        if policy {
            media::judgeable(&request)?;
        }
        let caller = Caller { principal: Some(principal), exchange, session, forwarded: &forwarded };
        let mut letter = self.letter(&request, &fields, &caller);
        letter.keep(request.headers, policy);
        Ok(Onward::Letter(letter))
    }

    /// A key was refused. Whoever has tried too many is told to wait, whatever was wrong with this one; a request without a
    /// key tried none.
    #[cold]
    fn stranger(&self, reject: Reject, sender: &Sender) -> Refusal {
        if reject == Reject::KeyMissing {
            return reject.into();
        }
        match self.strangers.fail(sender.address.ip(), Uptime::now()) {
            Ok(()) => reject.into(),
            Err(wait) => Limited { reject: Reject::FailuresLimited, wait }.into(),
        }
    }

    /// Writes the head for the upstream, so that the client's can be let go.
    fn letter(&self, request: &Parts, fields: &Fields<'_>, caller: &Caller<'_>) -> Letter {
        let mut text = self.upstream.buffer();
        headers::write_head(request, fields, &self.upstream_host, caller, &mut text);
        let (public, trailers) = (caller.principal.is_none(), fields.trailers);
        Letter { public, trailers, method: request.method.clone(), text, ..Letter::default() }
    }

    /// Sends what has been judged and paid for, and nothing else. Taking [`Paid`] is what makes that hold.
    fn forward(&self, _paid: Paid, letter: Letter, asked: Asked) -> Trip<Upload> {
        let Letter { method, mut text, fields: room, .. } = letter;
        let length = match &asked {
            Asked::Nothing if method == Method::POST => Length::Known(0),
            Asked::Nothing => Length::None,
            Asked::Whole(bytes, None, _) => Length::Known(bytes.len() as u64),
            Asked::Whole(_, Some(_), _) => Length::Unknown,
            Asked::Streamed(streamed) => streamed.length.map_or(Length::Unknown, Length::Known),
        };
        headers::end_head(length, &mut text);
        let rest = match asked {
            Asked::Nothing => None,
            Asked::Whole(bytes, trailers, held @ Some(_)) => {
                let most = bytes.len() as u64;
                let (length, passes) = (trailers.is_none().then_some(most), headers::is_passing_trailer);
                Some(Streamed { body: Upload::whole(bytes, trailers, held), length, most, passes })
            }
            Asked::Whole(bytes, None, None) => {
                text.extend_from_slice(&bytes);
                None
            }
            Asked::Whole(bytes, Some(trailers), None) => {
                write_chunk(&bytes, &mut text);
                write_last_chunk(&trailers, headers::is_passing_trailer, &mut text);
                None
            }
            Asked::Streamed(streamed) => Some(streamed),
        };
        self.upstream.send(method, text, room, rest)
    }

    /// Passes a reply on, its events through a sieve if there is one.
    fn relay(&self, reply: Reply, sieve: Option<Box<Sieve>>, mut exchange: Exchange) -> Response<ReplyBody> {
        const NO: HeaderValue = HeaderValue::from_static("no");
        let Reply { status, mut headers, events, body, deadline } = reply;
        if events {
            headers.insert("x-accel-buffering", NO);
        }
        exchange.relayed(status, events);
        let body = Source::new(body, sieve, self.max_list);
        let legible = events && !headers.contains_key(header::CONTENT_ENCODING);
        let relay = Relay::new(body, legible, exchange, deadline, self.turn.clone());
        let mut response = Response::new(ReplyBody::Relayed(relay));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    #[cold]
    fn too_many(&self, door: &Door) -> Refusal {
        if !door.surplus {
            self.recorder.meters().hit(Limit::InFlight); // a surplus connection was counted when it came
        }
        Reject::Overload.into()
    }

    fn unknown(&self) -> Refusal {
        Refusal { detail: Some(self.routes.unknown().clone()), ..Reject::Path.into() }
    }
}

/// A request's head as the upstream gets it.
#[derive(Default)]
struct Letter {
    /// Whether its route is open to everybody.
    public: bool,
    /// Whether trailers are announced, which only a chunked body can carry on.
    trailers: bool,
    method: Method,
    text: Vec<u8>,
    /// Whether a policy compares the client's fields with the body.
    policy: bool,
    /// The client's fields, if a policy does; else only their room, for the reply's.
    fields: HeaderMap,
}

impl Letter {
    /// Keeps the client's fields if a `policy` needs them. If not, their values, which hold on to the whole buffer that the
    /// head was read into, are let go of.
    fn keep(&mut self, mut fields: HeaderMap, policy: bool) {
        if !policy {
            fields.clear();
        }
        (self.fields, self.policy) = (fields, policy);
    }
}

/// What every reply wears, refusals too.
struct Dress {
    id: [u8; 32],
    page: Option<HeaderValue>,
    key_ends: Option<HeaderValue>,
    limits: Option<Box<RateLimit>>,
}

impl Dress {
    fn on(self, response: &mut Response<ReplyBody>) {
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

/// What the message asks, whether its sender may ask it, and whether it can pay; then which lists the reply may bring that
/// are not for its sender as they are. Without a policy the body is only observed.
fn judge(
    exchange: &mut Exchange,
    dress: &mut Dress,
    letter: &Letter,
    asked: &Asked,
) -> Result<(Paid, Option<Lists>), Refusal> {
    if letter.public {
        return Ok((Permit::public().charge(None, None)?, None));
    }
    let live = exchange.live();
    let principal = exchange.proof().and_then(|proof| live.access.recall(proof)).ok_or(Reject::Denied)?;
    let body = match asked {
        Asked::Whole(bytes, ..) => bytes,
        Asked::Nothing | Asked::Streamed(_) => {
            dress.limits = RateLimit::of(principal.client(), None, None);
            let permit = decided(exchange, principal.authorize(None))?;
            return Ok((permit.charge(Some(&principal), None)?, lists(letter, &principal, None)));
        }
    };
    if !letter.policy {
        let call = Call::observe(body);
        if let Some(call) = &call {
            exchange.asks(call);
        }
        let permit = decided(exchange, principal.authorize(call.as_ref()))?;
        return Ok((permit.charge(Some(&principal), call.as_ref())?, None));
    }
    let call = Call::judge(body).map_err(|_| Reject::Envelope)?;
    exchange.asks(&call);
    let paid = mirrored(&letter.fields, &call).map_err(Refusal::from).and_then(|()| bill(exchange, &principal, &call));
    let tool = call.name().filter(|_| call.method() == Rpc::ToolsCall);
    dress.limits = RateLimit::of(principal.client(), tool, paid.as_ref().err().map(|refusal| refusal.reject));
    let paid = paid.map_err(|refusal| Refusal { id: call.id().map(Into::into), ..refusal })?;
    Ok((paid, lists(letter, &principal, Some(&call))))
}

/// Which lists may come in the reply: the one that a POST asks for, or none. Whatever else comes, a GET above all, may bring
/// those that other requests asked for: it resumes a stream, or says by nothing we read what it wants.
fn lists(letter: &Letter, principal: &Principal<'_>, call: Option<&Call<'_>>) -> Option<Lists> {
    if !principal.client().policy().reads() {
        return None;
    }
    match call {
        Some(call) if letter.method == Method::POST && !letter.fields.contains_key("last-event-id") => {
            ListKind::asked_by(call.method()).map(Lists::Asked)
        }
        _ => Some(Lists::Any),
    }
}

fn decided(exchange: &mut Exchange, decision: Decision) -> Result<Permit, Reject> {
    exchange.decided(decision);
    decision.permit()
}

/// What a request will hold, as far as its head tells. [`bill`] knows better once the message has been read.
fn promised(request: &Parts) -> Hold {
    let listens = || request.headers.get("mcp-method").is_some_and(|m| *m == *Rpc::SubscriptionsListen.as_str());
    let gets = request.method.as_str().eq_ignore_ascii_case("GET"); // some backends put it into capitals
    if gets || listens() { Hold::Stream } else { Hold::Flight }
}

/// Has a call permitted, gives it the slot that it should hold, and takes what it costs, last of all: what is refused costs
/// nothing.
fn bill(exchange: &mut Exchange, principal: &Principal<'_>, call: &Call<'_>) -> Result<Paid, Refusal> {
    let permit = decided(exchange, principal.authorize(Some(call)))?;
    let hold = if call.method() == Rpc::SubscriptionsListen { Hold::Stream } else { Hold::Flight };
    if exchange.held() != Some(hold) {
        exchange.holds(principal.admit(hold)?);
    }
    Ok(permit.charge(Some(principal), Some(call))?)
}

/// Whether a refusal that the head brought about waits for a short body, to repeat its id: the sender is known, and would
/// else wonder which of its calls it is.
fn echoes(refusal: &Refusal) -> bool {
    matches!(refusal.reject, Reject::StreamsLimited | Reject::InFlightLimited)
}

/// The refusal, with the id in as much of the body as came.
fn echoing(refusal: Refusal, body: &[u8]) -> Refusal {
    let id = Call::observe(body).filter(|_| echoes(&refusal)).and_then(|call| call.id().map(Into::into));
    Refusal { id, ..refusal }
}

/// Headers of revision 2026-07-28 that repeat the body must agree with it.
fn mirrored(headers: &HeaderMap, call: &Call<'_>) -> Result<(), Reject> {
    let agreed = Mirrored::read(headers).and_then(|mirrored| mirrored.agree(call));
    agreed.map_err(|flaw| if flaw.is_header_mismatch() { Reject::HeaderMismatch } else { Reject::Envelope })
}

fn refused(failure: &Failure) -> Refusal {
    let reject = match failure {
        Failure::Unreachable(_) => Reject::UpstreamUnreachable,
        Failure::Down => Reject::UpstreamDown,
        Failure::Closed => Reject::UpstreamClosed,
        Failure::Invalid(_) => Reject::UpstreamInvalid,
        Failure::Timeout => Reject::HeadTimeout,
        Failure::BodyIncomplete => Reject::BodyIncomplete,
        Failure::BodyTooLarge => Reject::BodyTooLarge,
    };
    match failure {
        Failure::BodyIncomplete | Failure::BodyTooLarge => {}
        Failure::Down => tracing::debug!(word = reject.word(), "{failure}"), // said once, by the worker
        Failure::Unreachable(_) | Failure::Closed | Failure::Invalid(_) | Failure::Timeout => {
            tracing::warn!(word = reject.word(), "{failure}");
        }
    }
    reject.into()
}

fn preflight(mut exchange: Exchange, dress: Dress) -> Response<ReplyBody> {
    exchange.answered(StatusCode::NO_CONTENT);
    let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::preflight(response.headers_mut());
    dress.on(&mut response);
    response
}

fn refuse(refusal: &Refusal, mut exchange: Exchange, mut dress: Dress) -> Response<ReplyBody> {
    exchange.rejected(refusal.reject);
    if let (None, Some(principal)) = (&dress.limits, exchange.principal()) {
        dress.limits = RateLimit::of(principal.client(), None, Some(refusal.reject));
    }
    let mut response = refusal.response().map(ReplyBody::Whole);
    dress.on(&mut response);
    response
}
