//! How one request moves. `Gateway::pass` is the policy, top-down, on one screen.

pub mod answer;
mod asked;
pub mod bounds;
mod delivery;
mod denial;
mod door;
mod dress;
pub mod fields;
pub mod forwarded;
pub mod headers;
pub mod hush;
mod judgement;
mod letter;
mod media;
pub mod origin;
mod ratelimit;
pub mod refusal;
pub mod reply;
pub mod routes;
mod session;
pub mod sieve;
mod sifting;
mod source;
pub mod target;
pub mod turn;
pub mod upload;
pub mod ward;

pub use door::Door;

use crate::access::{Hold, Network, Paid, RecentSessions, Sole, Strangers};
use crate::clock::Clock;
use crate::record::audit::Room;
use crate::record::{End, Exchange, Follow, HttpMethod, Pause, Recorder, Trace};
use crate::reject::Reject;
use crate::upstream::{Reply, Trip, Upstream};
use answer::{Answer, Waiting};
use asked::Asked;
use bounds::Bounds;
use delivery::Delivery;
use dress::{Dress, preflight, refuse};
use fields::{Fields, nominated};
use forwarded::Sender;
use headers::Caller;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use letter::Letter;
use origin::{Origins, cors};
use refusal::Refusal;
use reply::{Relay, ReplyBody};
use routes::{Route, Routes};
use sieve::Sieve;
use source::Source;
use std::mem::take;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use turn::Turn;
use upload::Upload;

/// One worker's gateway.
pub struct Gateway {
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
    /// What ends the request's line for the backend, and its `Host`.
    pub upstream_host: Box<[u8]>,
    /// This worker's records.
    pub recorder: Rc<Recorder>,
    /// Largest request body, in bytes.
    pub max_body: u64,
    /// How much the fields of a request may be.
    pub bounds: Bounds,
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

/// What the head of a request leads to.
enum Onward {
    /// Something may be asked of the upstream.
    Letter(Letter),
    /// A browser is told which fields it may send.
    Preflight(HeaderValue),
}

impl Gateway {
    /// Answers one request. From here on it is recorded, whatever happens.
    ///
    /// All that the head decides is decided at once, so that nothing of it is kept while the upstream works.
    pub fn handle(self: &Rc<Self>, door: &Rc<Door>, request: Request<Incoming>) -> Answer {
        door.asks();
        match self.recorder.room() {
            None => self.answer(door, request),
            Some(room) => self.wait(door, request, room),
        }
    }

    /// Waits until the audit can take the request's line. What finds no seat to wait in is refused at once, and what needs no
    /// key has no line.
    #[cold]
    fn wait(self: &Rc<Self>, door: &Rc<Door>, request: Request<Incoming>, room: Room) -> Answer {
        let lineless = door.is_surplus() || matches!(self.routes.find(request.uri().path()), Route::Public(_));
        let pause = if lineless { None } else { Pause::begin(&self.recorder, room) };
        match pause {
            None => self.answer(door, request),
            Some(pause) => {
                let (door, peer) = (door.clone(), door.peer.clone());
                let (gateway, request) = (self.clone(), Some(request));
                let deadline = self.clock.deadline();
                Answer::waiting(Waiting { gateway, door, _peer: peer, request, pause: Some(pause), deadline })
            }
        }
    }

    fn answer(self: &Rc<Self>, door: &Door, request: Request<Incoming>) -> Answer {
        let (request, body) = request.into_parts();
        let sender = Sender::read(door.peer.address(), &request.headers, &self.trusted);
        let mut exchange =
            Exchange::open(&self.recorder, self.recorder.snapshots.load(), &door.peer, HttpMethod::of(&request.method));
        if sender.address != door.peer.address() {
            exchange.came_from(sender.address);
        }
        let mut dress = Dress { id: *exchange.request_id(), page: None, key_ends: None, limits: None };
        let many_streams = request.version == Version::HTTP_2;
        let passed = self.pass(&mut exchange, &mut dress, door, &sender, request);
        let key_ends = exchange.key().and_then(|key| key.ends_within(self.expiry_notice, SystemTime::now));
        dress.key_ends = key_ends.cloned();
        match passed {
            Ok(Onward::Letter(_)) if self.turn.is_closing() => {
                exchange.ended(End::Drained);
                Answer::now(refuse(&Reject::Drained.into(), exchange, dress))
            }
            Ok(Onward::Letter(letter)) => Answer::later(Delivery::new(self, exchange, dress, letter, body)),
            // over HTTP/1.1 hyper drains a short body or closes the connection
            Err(refusal) if (many_streams || refusal.echoes()) && !body.is_end_stream() => {
                Answer::later(Delivery::refusal(self, exchange, dress, refusal, body))
            }
            Ok(Onward::Preflight(fields)) => Answer::now(preflight(exchange, dress, fields)),
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
    /// asks is left to [`judgement`], which needs the body.
    fn pass(
        &self,
        exchange: &mut Exchange,
        dress: &mut Dress,
        door: &Door,
        sender: &Sender,
        request: Parts,
    ) -> Result<Onward, Refusal> {
        if door.is_surplus() || exchange.is_surplus() && !self.answers_all_the_same(exchange, &request) {
            return Err(self.too_many(door, dress, &request));
        }
        let fields = Fields::read(&request.headers, self.bounds.of(&request));
        let fields = fields.map_err(|reject| self.early(reject, dress, &request))?;
        if let Sole::One(parent) = fields.traceparent
            && let Some(trace) = Trace::read(parent)
        {
            exchange.traced(trace);
        }
        let path = target::path(&request).map_err(|reject| self.early(reject, dress, &request))?;
        let origins = self.origins.load();
        origins.host(&request.uri, fields.host).map_err(|reject| self.early(reject, dress, &request))?;
        dress.page = origins.page(fields.origin)?;
        if dress.page.is_some() && fields.asks_method && request.method == Method::OPTIONS {
            return Ok(Onward::Preflight(cors::allowed(&request.headers)));
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
        fields.unambiguous(&request.headers)?;
        let forwarded = door.says_of(sender);
        let Some(principal) = principal else {
            let caller = Caller { principal: None, exchange, session: None, forwarded: &forwarded };
            let letter = self.letter(&request, &fields, &caller);
            return Ok(Onward::Letter(letter.with_room(request.headers)));
        };
        if fields.upgrade {
            return Err(Reject::Upgrade.into());
        }
        let session = self.own_session(fields.session, principal.client())?;
        if principal.client().allowance().is_some() {
            exchange.holds(principal.admit(promised(&request, &fields))?);
        }
        let policy = principal.client().has_policy();
        if policy {
            media::judgeable(&request.method, &fields)?;
        }
        let caller = Caller { principal: Some(principal), exchange, session, forwarded: &forwarded };
        let letter = Letter { policy, ..self.letter(&request, &fields, &caller) };
        Ok(Onward::Letter(letter.with_room(request.headers)))
    }

    /// Writes the head for the upstream, so that the client's can be let go.
    fn letter(&self, request: &Parts, fields: &Fields<'_>, caller: &Caller<'_>) -> Letter {
        let mut text = self.upstream.buffer();
        let nominated = if fields.nominates { nominated(&request.headers).collect() } else { Vec::new() };
        let mirrors = headers::write_head(request, fields, &self.upstream_host, caller, &nominated, &mut text);
        Letter {
            public: caller.principal.is_none(),
            trailers: fields.trailers,
            resumes: fields.resumes,
            method: request.method.clone(),
            text,
            mirrors,
            nominated: nominated.into(),
            ..Letter::default()
        }
    }

    /// Sends what has been judged and paid for, and nothing else. Taking [`Paid`] is what makes that hold.
    fn forward(&self, _paid: Paid, letter: &mut Letter, asked: Asked) -> Trip<Upload> {
        let rest = letter.seal(asked);
        self.upstream.send(take(&mut letter.method), take(&mut letter.text), take(&mut letter.room), rest)
    }

    /// Passes a reply on, its events through a sieve if there is one.
    fn relay(&self, reply: Reply, sieve: Option<Box<Sieve>>, mut exchange: Exchange) -> Response<ReplyBody> {
        const NO: HeaderValue = HeaderValue::from_static("no");
        let Reply { status, mut headers, events, body, deadline, session: _ } = reply;
        if events {
            headers.insert("x-accel-buffering", NO);
        }
        exchange.relayed(status, events);
        let body = Source::new(body, sieve, self.max_list);
        let legible = events && !headers.contains_key(header::CONTENT_ENCODING);
        let relay = Relay::new(body, legible, exchange, deadline, self.turn.clone());
        let mut response = Response::new(ReplyBody::Relayed(relay));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        response
    }
}

/// What a request will hold, as far as its head tells. [`judgement`] knows better once the message has been read.
fn promised(request: &Parts, fields: &Fields<'_>) -> Hold {
    if judgement::is_get(&request.method) || fields.listens { Hold::Stream } else { Hold::Flight }
}
