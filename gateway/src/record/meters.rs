//! Counters on the request path.
//!
//! Each worker has its own copy of every counter, on cache lines that no other worker writes; a scrape adds them up.

use super::handshakes::Handshakes;
use super::requests::Requests;
use super::tally::{Histogram, LastTime, Tally, tallies};
use super::tools::{ToolCalls, ToolNames};
use super::{End, Limit, Outcome};
use crate::access::{Access, ClientId, KeyId};
use std::collections::HashMap;
use std::sync::Arc;

/// What one worker counts of one client.
#[derive(Default)]
#[repr(align(128))]
pub struct ClientShard {
    /// Finished requests.
    pub requests: Requests,
    /// Finished calls of tools.
    pub tools: ToolCalls,
    /// Event streams that are open now.
    pub streams_open: Tally,
}

/// What one worker counts of all requests together.
#[repr(align(128))]
pub struct WorkerMeters {
    /// Requests of no client: public routes and refusals before a key was accepted.
    pub anonymous: ClientShard,
    /// Accepted keys.
    pub accepted: Tally,
    /// Finished requests by [`Outcome::index`]. Unlike the clients' they stay when a client goes.
    pub outcomes: Box<[Tally]>,
    /// From the request's head to the end of the reply.
    pub request_duration: Histogram,
    /// From the request's way to the upstream to the reply's head.
    pub upstream_head: Histogram,
    /// Replies that the upstream cut.
    pub upstream_cuts: Tally,
    /// What there is to say of event streams.
    pub streams: StreamMeters,
    /// Connections that are open now.
    pub connections_open: Tally,
    /// Streams of h2 connections that are open now, each of which is a task.
    pub h2_streams_open: Tally,
    /// TLS handshakes.
    pub handshakes: Handshakes,
    /// Heads that hyper refused before there was a request.
    pub heads_refused: Tally,
    /// Requests and streams that are not over.
    pub in_flight: Tally,
    /// Comments put into silent event streams.
    pub keep_alives: Tally,
    /// 1 while requests are told that the upstream cannot be reached.
    pub breaker_open: Tally,
    limits: [Tally; Limit::ALL.len()],
}

impl WorkerMeters {
    /// Somebody ran into a limit.
    #[cold]
    pub fn hit(&self, limit: Limit) {
        if let Some(tally) = self.limits.get(limit as usize) {
            tally.add(1);
        }
    }

    /// How often somebody ran into it.
    pub fn hits(&self, limit: Limit) -> u64 {
        self.limits.get(limit as usize).map_or(0, Tally::get)
    }
}

/// What one worker counts of event streams.
#[derive(Default)]
pub struct StreamMeters {
    /// From the request's head to the stream's end.
    pub duration: Histogram,
    /// From the request's head to the end of the stream's first event.
    pub first_event: Histogram,
    /// Whole events.
    pub events: Tally,
    /// Streams that ended, by [`End`].
    pub ends: [Tally; End::ALL.len()],
}

impl Default for WorkerMeters {
    fn default() -> Self {
        Self {
            anonymous: ClientShard::default(),
            accepted: Tally::default(),
            outcomes: tallies(Outcome::WORDS),
            request_duration: Histogram::default(),
            upstream_head: Histogram::default(),
            upstream_cuts: Tally::default(),
            streams: StreamMeters::default(),
            connections_open: Tally::default(),
            h2_streams_open: Tally::default(),
            handshakes: Handshakes::default(),
            heads_refused: Tally::default(),
            in_flight: Tally::default(),
            keep_alives: Tally::default(),
            breaker_open: Tally::default(),
            limits: Default::default(),
        }
    }
}

/// Counters of one client, kept over reloads.
pub struct ClientMeters {
    /// Whose they are.
    pub id: ClientId,
    /// One for each worker.
    pub shards: Box<[ClientShard]>,
}

impl ClientMeters {
    /// Most bytes that one worker's part takes, with so many routes and tools.
    pub fn size(routes: usize, tools: usize) -> usize {
        size_of::<ClientShard>() + Requests::size(routes) + ToolCalls::size(tools)
    }
}

/// The counters of a snapshot: of its clients and its keys by slot, of tools by number.
#[derive(Default)]
pub struct Meters {
    clients: Vec<Arc<ClientMeters>>,
    last_used: Vec<(KeyId, Arc<LastTime>)>,
    tools: ToolNames,
}

impl Meters {
    /// Before the first snapshot: `tools` are told apart whoever may call them.
    pub fn naming(tools: &[String]) -> Self {
        Self { tools: ToolNames::default().with(tools.iter().map(String::as_str)), ..Self::default() }
    }

    /// For the clients and keys of `access`; those that `previous` knew keep their counts.
    pub fn build(access: &Access, workers: usize, previous: &Meters) -> Self {
        let known: HashMap<&ClientId, &Arc<ClientMeters>> =
            previous.clients.iter().map(|meters| (&meters.id, meters)).collect();
        let of = |id: &ClientId| match known.get(id) {
            Some(meters) => Arc::clone(meters),
            None => {
                let shards = (0..workers).map(|_| ClientShard::default()).collect();
                Arc::new(ClientMeters { id: id.clone(), shards })
            }
        };
        let used: HashMap<&KeyId, &Arc<LastTime>> = previous.last_used.iter().map(|(id, last)| (id, last)).collect();
        let last = |id: &KeyId| used.get(id).map_or_else(Arc::default, |last| Arc::clone(last));
        Self {
            clients: access.clients().iter().map(|client| of(client.id())).collect(),
            last_used: access.keys().map(|(_, key)| (key.id().clone(), last(key.id()))).collect(),
            tools: previous.tools.with(access.clients().iter().flat_map(|client| client.policy().tool_names())),
        }
    }

    /// The part of `worker` in the counters of the client in `slot`.
    pub fn shard(&self, slot: usize, worker: usize) -> Option<&ClientShard> {
        self.clients.get(slot)?.shards.get(worker)
    }

    /// When the key in `slot` was last accepted.
    pub fn last_used(&self, slot: usize) -> Option<&LastTime> {
        self.last_used.get(slot).map(|(_, last)| &**last)
    }

    /// The tools that are told apart.
    pub fn tools(&self) -> &ToolNames {
        &self.tools
    }

    /// All clients, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &ClientMeters> {
        self.clients.iter().map(|meters| &**meters)
    }
}
