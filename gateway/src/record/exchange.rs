//! The record of one request, written when it is dropped: whatever happens to the request, its record happens.

mod counts;
mod lines;
mod trace;

use super::audit::Field;
use super::requests::HttpMethod;
use super::seats::Seat;
use super::tools::ToolNames;
use super::{End, Limit, Live, Outcome, Peer, Recorder, Snapshot};
use crate::access::{Client, Decision, Hold, Key, Lease, LeaseEnd, Principal, Proof, Slot};
use crate::mcp::{Call, Method as Rpc};
use crate::reject::Reject;
use http::StatusCode;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The record of one request, from its head to its last byte.
///
/// It is settled once, with an [`Outcome`], and ended once, with an [`End`]. One that is dropped unsettled was abandoned
/// by the client, or, while the thread panics, crashed. Dropping counts and writes the audit line; it never waits.
pub struct Exchange {
    recorder: Rc<Recorder>,
    live: Snapshot<Live>,
    opened: Instant,
    /// When it left for the upstream: microseconds after it was opened.
    sent: Option<u32>,
    peer: Rc<Peer>,
    id: [u8; 32],
    /// All zero if it began no trace of somebody else's.
    trace: [u64; 2],
    trace_flags: u8,
    who: Option<Proof>,
    /// Where it comes from, if that is not whoever holds the connection.
    sender: Option<Box<SocketAddr>>,
    /// What it holds of its client's limits; dropping the record gives that back.
    slot: Option<Slot>,
    route: u16,
    method: HttpMethod,
    rpc: Option<Rpc>,
    decision: Option<Decision>,
    outcome: Option<Outcome>,
    end: Option<End>,
    seat: Seat,
    streaming: bool,
    long: bool,
    bytes: u64,
    events: u64,
    /// By number, if it calls one.
    tool: Option<u8>,
    /// Whether it has come so far that somebody has to show who they are.
    audited: bool,
    /// What the audit line says of what it asks.
    asked: Vec<u8>,
}

impl Exchange {
    /// Begins the record of a request that has just been read.
    pub fn open(recorder: &Rc<Recorder>, live: Snapshot<Live>, peer: &Rc<Peer>, method: HttpMethod) -> Self {
        Self {
            recorder: recorder.clone(),
            live,
            opened: Instant::now(),
            sent: None,
            peer: peer.clone(),
            id: recorder.open(),
            trace: [0; 2],
            trace_flags: 0,
            who: None,
            sender: None,
            slot: None,
            route: u16::MAX,
            method,
            rpc: None,
            decision: None,
            outcome: None,
            end: None,
            seat: recorder.seats.take(),
            streaming: false,
            long: false,
            bytes: 0,
            events: 0,
            tool: None,
            audited: false,
            asked: Vec::new(),
        }
    }

    /// Whether there are too many requests under way for it to be one of them.
    #[inline]
    pub fn is_surplus(&self) -> bool {
        self.seat == Seat::None
    }

    /// Takes one of the few seats that are left for what has to be answered all the same; false if there is none.
    #[cold]
    pub fn takes_reserve(&mut self) -> bool {
        self.seat = self.recorder.seats.take_reserved();
        self.seat != Seat::None
    }

    /// The request's id: 32 hexadecimal digits, unique in this fleet for all that chance allows.
    pub fn request_id(&self) -> &[u8; 32] {
        &self.id
    }

    /// The snapshot that this request is judged by.
    pub fn live(&self) -> Snapshot<Live> {
        self.live.clone()
    }

    /// Goes over to the snapshot of now. A stream may outlive any number of them, and would keep the one it began with, of all
    /// clients and keys, in memory. Of what its record says of its sender, the newer one says the same; if it does not know
    /// the sender, the lease has ended, and the stream is about to.
    #[cold]
    pub fn follow(&mut self) {
        let now = self.recorder.snapshots.load();
        if now.is(&self.live) {
            return;
        }
        let heir = self.who.map(|proof| self.live.access.heir(proof, &now.access));
        if heir != Some(None) {
            (self.live, self.who) = (now, heir.flatten());
        }
    }

    /// Which route it took, by number; see [`Metrics::new`](super::Metrics::new).
    pub fn routed(&mut self, route: Option<usize>) {
        self.route = route.and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX);
    }

    /// It has come to where somebody has to show who they are: from here on it is audited.
    pub fn challenged(&mut self) {
        self.audited = true;
    }

    /// Who sent it, as was found `now`.
    pub fn authenticated(&mut self, principal: &Principal<'_>, now: SystemTime) {
        self.who = Some(principal.proof());
        self.recorder.meters().accepted.add(1);
        if let Some(last) = self.live.meters.last_used(principal.key().slot()) {
            last.note(now);
        }
    }

    /// Where its sender stands in [`Exchange::live`], if that was proved.
    pub fn proof(&self) -> Option<Proof> {
        self.who
    }

    /// A proxy that is trusted says where it comes from.
    pub fn came_from(&mut self, sender: SocketAddr) {
        self.sender = Some(Box::new(sender));
    }

    /// Whether it came over TLS.
    pub fn is_secure(&self) -> bool {
        self.peer.is_secure()
    }

    /// What it holds for as long as it is under way; what it held before is given back.
    pub fn holds(&mut self, slot: Option<Slot>) {
        self.slot = slot;
    }

    /// What it holds.
    pub fn held(&self) -> Option<Hold> {
        self.slot.as_ref().map(Slot::hold)
    }

    /// Who sent it, if that was proved.
    pub fn principal(&self) -> Option<Principal<'_>> {
        self.live.access.recall(self.who?)
    }

    /// What it asks.
    pub fn asks(&mut self, call: &Call<'_>) {
        self.rpc = Some(call.method());
        self.long = call.method() == Rpc::SubscriptionsListen;
        if call.method() == Rpc::ToolsCall {
            let name = call.name().map(|name| self.live.meters.tools().number(name));
            self.tool = Some(name.unwrap_or(ToolNames::OTHER));
        }
        self.describe(call);
    }

    /// It is on its way to the upstream.
    pub fn sent(&mut self) {
        self.sent = u32::try_from(self.opened.elapsed().as_micros()).ok();
    }

    /// Whether it may ask that, and by which rule.
    pub fn decided(&mut self, decision: Decision) {
        self.decision = Some(decision);
    }

    /// The upstream's answer is passed on.
    pub fn relayed(&mut self, status: StatusCode, event_stream: bool) {
        self.outcome = Some(Outcome::Relayed(status));
        if let Some(sent) = self.sent {
            let waited = self.opened.elapsed().saturating_sub(Duration::from_micros(sent.into()));
            self.recorder.meters().upstream_head.observe(waited);
        }
        self.long |= self.method == HttpMethod::Get && event_stream;
        if event_stream && let Some(shard) = self.shard() {
            shard.streams_open.add(1);
            self.streaming = true;
            self.write("stream_start", |line| line.number(Field::Status, status.as_u16().into()));
        }
    }

    /// The gateway said no.
    pub fn rejected(&mut self, reject: Reject) {
        if let Some(limit) = Limit::of(reject) {
            self.recorder.meters().hit(limit);
        }
        self.outcome = Some(Outcome::Rejected(reject));
    }

    /// It came to its end because of a limit.
    pub fn ran_into(&self, limit: Limit) {
        self.recorder.meters().hit(limit);
    }

    /// The gateway answered by itself, and it was no refusal.
    pub fn answered(&mut self, status: StatusCode) {
        self.outcome = Some(Outcome::Answered(status));
    }

    /// Who sent it, if that was proved.
    pub fn client(&self) -> Option<&Client> {
        self.principal().map(|principal| principal.client())
    }

    /// The key that was shown and accepted.
    pub fn key(&self) -> Option<&Key> {
        self.principal().map(|principal| principal.key())
    }

    /// What the reply lives by, if a key was shown.
    pub fn lease(&self) -> Option<&Arc<Lease>> {
        self.key().map(Key::lease)
    }

    /// Why the key that was shown may no longer be used, if so: what it opened has to end. A few instructions.
    #[inline]
    pub fn lease_ended(&self) -> Option<LeaseEnd> {
        self.key()?.lease().ended()
    }

    /// Body bytes were passed on.
    pub fn passed(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Whole events were passed on.
    pub fn passed_events(&mut self, events: u64) {
        let streams = &self.recorder.meters().streams;
        if self.events == 0 {
            streams.first_event.observe(self.opened.elapsed());
        }
        self.events += events;
        streams.events.add(events);
    }

    /// How the body ended; the first word stands.
    pub fn ended(&mut self, end: End) {
        self.end.get_or_insert(end);
    }

    /// A comment was put into its stream.
    pub fn kept_alive(&self) {
        self.recorder.meters().keep_alives.add(1);
    }

    /// The client did not take what was left of the body, whatever seemed before.
    pub fn stalled(&mut self) {
        self.end = Some(End::Stalled);
    }

    /// How a body ended of which nobody said so.
    fn left(&self) -> End {
        if self.peer.has_stalled() { End::Stalled } else { End::ClientLeft }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let crashed = std::thread::panicking();
        let outcome = self.outcome.unwrap_or(if crashed { Outcome::Crashed } else { Outcome::Abandoned });
        let relayed = matches!(outcome, Outcome::Relayed(_));
        let end = self.end.or_else(|| relayed.then(|| self.left()));
        self.recorder.meters().in_flight.sub(1);
        self.recorder.seats.give_back(self.seat);
        let took = self.opened.elapsed();
        self.count(outcome, end, took);
        self.write_end(outcome, end, took);
        if let Some(pen) = &self.recorder.pen {
            pen.give_back(std::mem::take(&mut self.asked));
        }
    }
}
