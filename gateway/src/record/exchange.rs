//! The record of one request, written when it is dropped: whatever happens to the request, its record happens.

use super::requests::{Cell, HttpMethod};
use super::tools::ToolNames;
use super::{End, Live, Metrics, Outcome, Snapshot};
use crate::access::{Client, Decision, Hold, Key, Lease, LeaseEnd, Principal, Proof, Slot};
use crate::mcp::{Call, Method as Rpc};
use crate::reject::Reject;
use http::StatusCode;
use std::cell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tracing::{enabled, info};

/// The name under which request lines are logged; `log.level = "warn"` or `"info,gateway::request=off"` silences them.
macro_rules! request_target {
    () => {
        "gateway::request"
    };
}

/// Longest tool name that is logged, in bytes.
const LONGEST_NAME: usize = 128;

/// One worker's recorder.
pub struct Recorder {
    metrics: Arc<Metrics>,
    worker: usize,
    seed: [u64; 2],
    opened: cell::Cell<u64>,
}

impl Recorder {
    /// For `worker`; `seed` is random, and makes request ids of different workers and processes differ.
    pub fn new(metrics: Arc<Metrics>, worker: usize, seed: [u64; 2]) -> Self {
        Self { metrics, worker, seed, opened: cell::Cell::new(0) }
    }

    /// This worker's counters.
    pub fn meters(&self) -> &super::WorkerMeters {
        self.metrics.worker(self.worker)
    }
}

/// The record of one request, from its head to its last byte.
///
/// It is settled once, with an [`Outcome`], and ended once, with an [`End`]. One that is dropped unsettled was abandoned
/// by the client, or, while the thread panics, crashed. Dropping counts and logs; it never waits.
pub struct Exchange {
    recorder: Rc<Recorder>,
    live: Snapshot<Live>,
    opened: Instant,
    /// When it left for the upstream: microseconds after it was opened.
    sent: Option<u32>,
    peer: SocketAddr,
    number: u64,
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
    streaming: bool,
    long: bool,
    bytes: u64,
    events: u64,
    /// By number, if it calls one.
    tool: Option<u8>,
    name: Option<Box<str>>,
}

impl Exchange {
    /// Begins the record of a request that has just been read.
    pub fn open(recorder: &Rc<Recorder>, live: Snapshot<Live>, peer: SocketAddr, method: HttpMethod) -> Self {
        let number = recorder.opened.get();
        recorder.opened.set(number.wrapping_add(1));
        Self {
            recorder: recorder.clone(),
            live,
            opened: Instant::now(),
            sent: None,
            peer,
            number,
            who: None,
            sender: None,
            slot: None,
            route: u16::MAX,
            method,
            rpc: None,
            decision: None,
            outcome: None,
            end: None,
            streaming: false,
            long: false,
            bytes: 0,
            events: 0,
            tool: None,
            name: None,
        }
    }

    /// The request's id: 32 hexadecimal digits, unique in this fleet for all that chance allows.
    pub fn request_id(&self) -> [u8; 32] {
        let [high, low] = self.recorder.seed;
        let mut text = [0; 32];
        let (first, second) = text.split_at_mut(16);
        first.copy_from_slice(&hex(high));
        second.copy_from_slice(&hex(spread(low.wrapping_add(self.number))));
        text
    }

    /// The snapshot that this request is judged by.
    pub fn live(&self) -> Snapshot<Live> {
        self.live.clone()
    }

    /// Which route it took, by number; see [`Metrics::new`].
    pub fn routed(&mut self, route: Option<usize>) {
        self.route = route.and_then(|n| u16::try_from(n).ok()).unwrap_or(u16::MAX);
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

    /// Where it comes from.
    pub fn sender(&self) -> SocketAddr {
        self.sender.as_deref().copied().unwrap_or(self.peer)
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
        if enabled!(target: request_target!(), tracing::Level::INFO) {
            self.name = call.name().map(loggable);
        }
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
        }
    }

    /// The gateway said no.
    pub fn rejected(&mut self, reject: Reject) {
        self.outcome = Some(Outcome::Rejected(reject));
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

    fn shard(&self) -> Option<&super::meters::ClientShard> {
        match self.principal() {
            Some(principal) => self.live.meters.shard(principal.client().slot(), self.recorder.worker),
            None => Some(&self.recorder.meters().anonymous),
        }
    }

    fn count(&self, outcome: Outcome, end: Option<End>) {
        let (routes, meters) = (self.recorder.metrics.routes(), self.recorder.meters());
        let (route, outcome) = (usize::from(self.route).min(routes - 1), outcome.index());
        if let Some(tally) = meters.outcomes.get(outcome) {
            tally.add(1);
        }
        if let Some(shard) = self.shard() {
            shard.requests.count(routes, Cell { route, method: self.method, outcome });
            if let Some(tool) = self.tool {
                shard.tools.count(tool, outcome);
            }
            if self.streaming {
                shard.streams_open.sub(1);
            }
        }
        let took = self.opened.elapsed();
        if !self.long {
            meters.request_duration.observe(took);
        }
        if end == Some(End::UpstreamCut) {
            meters.upstream_cuts.add(1);
        }
        if self.streaming {
            meters.streams.duration.observe(took);
            if let Some(tally) = end.and_then(|end| meters.streams.ends.get(end as usize)) {
                tally.add(1);
            }
        }
    }

    #[cold]
    fn log(&self, outcome: Outcome, end: Option<End>) {
        let principal = self.principal();
        let reason = self.lease_ended().filter(|_| end == Some(End::LeaseEnded));
        let id = self.request_id();
        info!(
            target: request_target!(),
            request_id = std::str::from_utf8(&id).unwrap_or_default(),
            client = principal.map(|p| p.client().id().as_str()),
            key_id = self.key().map(|k| k.id().as_str()),
            peer = %self.sender(),
            method = self.method.as_str(),
            rpc = self.rpc.map(Rpc::as_str),
            tool = self.name.as_deref(),
            decision = self.decision.map(tracing::field::display),
            status = outcome.status(),
            outcome = outcome.word(),
            end = end.map(End::word),
            reason = reason.map(LeaseEnd::word),
            bytes = self.bytes,
            ms = self.opened.elapsed().as_secs_f64() * 1e3,
        );
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let crashed = std::thread::panicking();
        let outcome = self.outcome.unwrap_or(if crashed { Outcome::Crashed } else { Outcome::Abandoned });
        let relayed = matches!(outcome, Outcome::Relayed(_));
        let end = self.end.or(relayed.then_some(End::ClientLeft));
        self.count(outcome, end);
        if enabled!(target: request_target!(), tracing::Level::INFO) {
            self.log(outcome, end);
        }
    }
}

/// A name from a request, made safe for a log line: no control characters, bounded.
fn loggable(name: &str) -> Box<str> {
    let mut text = String::with_capacity(name.len().min(LONGEST_NAME));
    for c in name.chars() {
        if text.len() >= LONGEST_NAME {
            text.push('…');
            break;
        }
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            let _ = write!(text, "{}", c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text.into()
}

/// Numbers in a row become numbers that share nothing; no two become one (splitmix64's finalizer is a bijection).
fn spread(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Sixteen digits without a loop over bytes: each nibble is spread into a byte of a 128-bit word, and all are turned into
/// digits at once.
fn hex(n: u64) -> [u8; 16] {
    const LOW: u128 = 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f;
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let mut x = u128::from(n);
    x = (x | x << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    x = (x | x << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
    x = (x | x << 4) & LOW;
    let letters = (x + ONES * 6) >> 4 & ONES; // 1 where the nibble is 10 or more
    (x + ONES * u128::from(b'0') + letters * u128::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_logged_name_cannot_break_its_line(name: String) {
            let text = loggable(&name);
            prop_assert!(!text.chars().any(char::is_control));
            prop_assert!(text.len() <= LONGEST_NAME + 12);
        }

        #[test]
        fn hex_is_hex(n: u64) {
            let digits = format!("{n:016x}");
            prop_assert!(hex(n) == digits.as_bytes());
        }

        #[test]
        fn neighbours_get_different_ids(n: u64) {
            prop_assert_ne!(spread(n), spread(n.wrapping_add(1)));
        }
    }

    #[test]
    fn names_keep_what_is_harmless() {
        assert_eq!(&*loggable("get_alerts"), "get_alerts");
        assert_eq!(&*loggable("a\nb\u{202e}c"), "a\\u{a}b\\u{202e}c");
    }
}
