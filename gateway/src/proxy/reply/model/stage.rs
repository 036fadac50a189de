//! A reply with all that it needs: a backend that has sent its head, a client with a key, and a record.

use super::{Broken, KEEP_ALIVE, Kind};
use crate::access::{Access, ClientId, ClientRow, KeyDigest, KeyId, KeyRow, Lease, Memory, Shown, Sole};
use crate::clock::{Clock, TICK, Ticks};
use crate::proxy::reply::{Relay, ReplyBody};
use crate::proxy::source::Source;
use crate::proxy::turn::Turn;
use crate::record::{
    Certificate, End, Exchange, Follow, Hall, HttpMethod, Live, Meters, Metrics, Peer, Recorder, WorkerMeters,
};
use crate::stock::Stock;
use crate::upstream::{Address, Reply, Upstream, write_chunk};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body::{Body as _, Frame};
use http_body_util::Empty;
use std::future::Future;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

pub(super) struct Stage {
    backend: Option<UnixStream>,
    chunked: bool,
    events: bool,
    body: Option<ReplyBody>,
    recorder: Rc<Recorder>,
    pub(super) lease: Arc<Lease>,
    pub(super) clock: Clock,
    pub(super) turn: Rc<Turn>,
}

impl Stage {
    pub(super) async fn set(kind: Kind, length: usize) -> Self {
        let clock = Clock::new();
        let (reply, backend) = reply(&clock, kind, length).await;
        let recorder = recorder();
        let mut exchange = exchange(&recorder);
        exchange.relayed(reply.status, reply.events);
        let (events, lease) = (reply.events, exchange.lease().unwrap().clone());
        let turn = Rc::new(Turn::new(Some(Ticks::of(TICK * (KEEP_ALIVE - 1)))));
        let source = Source::new(reply.body, None, 0);
        let body = ReplyBody::Relayed(Relay::new(source, events, exchange, reply.deadline, turn.clone()));
        let chunked = kind != Kind::Told;
        Self { backend: Some(backend), chunked, events, body: Some(body), recorder, lease, clock, turn }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Pin::new(self.body.as_mut().unwrap()).poll_frame(cx)
    }

    /// Whether nothing more will come.
    pub(super) fn is_end(&self) -> bool {
        self.body.as_ref().unwrap().is_end_stream()
    }

    pub(super) fn says(&mut self, data: &[u8]) {
        let mut text = Vec::new();
        if self.chunked {
            write_chunk(data, &mut text)
        } else {
            text.extend_from_slice(data)
        }
        self.backend.as_ref().unwrap().write_all(&text).unwrap();
    }

    pub(super) fn ends(&mut self) {
        self.backend.as_ref().unwrap().write_all(b"0\r\n\r\n").unwrap();
    }

    pub(super) fn cuts(&mut self) {
        self.backend = None;
    }

    /// The reply is dropped: its record says one of these `ends`, and how many comments were put in.
    pub(super) fn over(&mut self, ends: &[End], comments: u64) {
        let streams = |meters: &WorkerMeters| End::ALL.map(|end| (end, meters.streams.ends[end as usize].get()));
        let meters = self.recorder.meters();
        assert!(streams(meters).iter().all(|(_, count)| *count == 0), "it is not over before");
        drop(self.body.take());
        let counted: Vec<End> =
            streams(meters).into_iter().filter(|(_, count)| *count == 1).map(|(end, _)| end).collect();
        assert!(
            !self.events || counted.len() == 1 && ends.contains(&counted[0]),
            "{counted:?} instead of one of {ends:?}"
        );
        assert_eq!((meters.keep_alives.get(), meters.in_flight.get()), (comments, 0));
    }
}

/// A reply whose head has just come, and the backend that is to send its body.
async fn reply(clock: &Clock, kind: Kind, length: usize) -> (Reply, UnixStream) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backend");
    let listener = UnixListener::bind(&path).unwrap();
    let (wait, stock) = (Duration::from_secs(60), Stock::new(1 << 30));
    let upstream = Rc::new(Upstream::new(Address::Unix(path), wait, wait, None, clock.clone(), stock));
    let ask = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    let mut trip = upstream.send::<Empty<Bytes>>(Method::GET, ask, HeaderMap::new(), None);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut trip).poll(&mut cx).is_pending());
    let mut backend = listener.accept().unwrap().0;
    let fields = match kind {
        Kind::Events => "content-type: text/event-stream\r\ntransfer-encoding: chunked".to_owned(),
        Kind::Told => format!("content-type: text/event-stream\r\ncontent-length: {length}"),
        Kind::Json => "content-type: application/json\r\ntransfer-encoding: chunked".to_owned(),
    };
    backend.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes()).unwrap();
    loop {
        if let Poll::Ready(reply) = Pin::new(&mut trip).poll(&mut cx) {
            return (reply.unwrap(), backend);
        }
        turn().await;
    }
}

/// The records of a worker that knows one client with one key.
fn recorder() -> Rc<Recorder> {
    let key = KeyRow {
        id: KeyId::parse("aaaaaaaa").unwrap(),
        digest: KeyDigest::of(SECRET),
        not_before: None,
        expires_at: None,
        disabled: false,
    };
    let client = ClientRow { keys: vec![key], ..ClientRow::new(ClientId::parse("client").unwrap()) };
    let access = Access::build(vec![client]).unwrap();
    let meters = Meters::build(&access, 1, &Meters::naming(&[]));
    let live = Arc::new(ArcSwap::from_pointee(Live { access, meters }));
    let certificate = Certificate { name: "localhost".to_owned(), not_after: SystemTime::now() };
    let (routes, kept) = (vec!["other".to_owned()], (Stock::new(1 << 20), Arc::default()));
    let metrics = Arc::new(Metrics::new(1, routes, live.clone(), certificate, Arc::default(), kept));
    Rc::new(Recorder::new(metrics, 0, Follow::new(live), [1, 2], None, Hall::new(9).seats(9, 1)))
}

const SECRET: &[u8] = b"secret";

/// The record of a request with that key.
fn exchange(recorder: &Rc<Recorder>) -> Exchange {
    let live = recorder.snapshots.load();
    let peer = Rc::new(Peer::new(([127, 0, 0, 1], 40000).into(), None));
    let mut exchange = Exchange::open(recorder, live.clone(), &peer, HttpMethod::Get);
    let (memory, now) = (Memory::default(), SystemTime::now());
    let shown = Shown { api_key: Sole::One(SECRET), memory: &memory, address: None };
    exchange.authenticated(&live.access.authenticate(&shown, now).unwrap(), now);
    exchange
}

/// Lets the runtime learn what has happened on its sockets.
pub(super) async fn turn() {
    tokio::task::yield_now().await;
}
