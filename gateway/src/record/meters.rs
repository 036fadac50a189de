//! Counters on the request path.
//!
//! Each worker has its own copy of every counter, on cache lines that no other worker writes; a scrape adds them up.
//! A counter has one writer, so counting is a load and a store, no locked instruction.

use super::Outcome;
use crate::access::{Access, ClientId};
use http::Method;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A number that one thread writes and any thread reads.
#[derive(Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds to it. Only for the one worker that owns it.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes from it, as a gauge does.
    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// The HTTP methods that are told apart; the label set is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// Any other.
    Other,
}

impl HttpMethod {
    /// All of them, in the order of their declaration.
    pub const ALL: [HttpMethod; 6] = [
        HttpMethod::Get,
        HttpMethod::Head,
        HttpMethod::Post,
        HttpMethod::Delete,
        HttpMethod::Options,
        HttpMethod::Other,
    ];

    /// Which one `method` is.
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET => HttpMethod::Get,
            Method::HEAD => HttpMethod::Head,
            Method::POST => HttpMethod::Post,
            Method::DELETE => HttpMethod::Delete,
            Method::OPTIONS => HttpMethod::Options,
            _ => HttpMethod::Other,
        }
    }

    /// Its name, `other` for the rest.
    pub const fn as_str(self) -> &'static str {
        match self {
            HttpMethod::Get => "GET",
            HttpMethod::Head => "HEAD",
            HttpMethod::Post => "POST",
            HttpMethod::Delete => "DELETE",
            HttpMethod::Options => "OPTIONS",
            HttpMethod::Other => "other",
        }
    }
}

/// Finished requests by route, method and outcome.
#[derive(Default)]
pub struct Requests(OnceLock<Box<[Tally]>>);

/// Where one combination is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Number of the route; see [`Meters::routes`].
    pub route: usize,
    /// HTTP method.
    pub method: HttpMethod,
    /// [`Outcome::index`].
    pub outcome: usize,
}

const PER_ROUTE: usize = HttpMethod::ALL.len() * Outcome::WORDS;

impl Requests {
    /// Counts one request. The table is made at a client's first request, so that silent clients cost nothing.
    pub fn count(&self, routes: usize, cell: Cell) {
        let table = self.0.get_or_init(|| (0..routes * PER_ROUTE).map(|_| Tally::default()).collect());
        let at = cell.route * PER_ROUTE + cell.method as usize * Outcome::WORDS + cell.outcome;
        if let Some(tally) = table.get(at) {
            tally.add(1);
        }
    }

    /// All combinations that were counted at least once.
    pub fn iter(&self) -> impl Iterator<Item = (Cell, u64)> {
        self.0.get().into_iter().flatten().enumerate().filter_map(|(at, tally)| {
            let count = tally.get();
            let (route, rest) = (at / PER_ROUTE, at % PER_ROUTE);
            let method = *HttpMethod::ALL.get(rest / Outcome::WORDS)?;
            (count > 0).then_some((Cell { route, method, outcome: rest % Outcome::WORDS }, count))
        })
    }
}

/// Seconds in buckets whose bounds double, from 1 ms to 131 s.
#[derive(Default)]
pub struct Histogram {
    buckets: [Tally; Self::BOUNDS + 1],
    micros: Tally,
}

impl Histogram {
    /// Finite buckets.
    pub const BOUNDS: usize = 18;

    /// Upper bound of a bucket, in seconds.
    pub fn bound(index: usize) -> f64 {
        0.001 * f64::from(1u32 << index)
    }

    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let index = (64 - (micros.saturating_sub(1) / 1000).leading_zeros() as usize).min(Self::BOUNDS);
        if let Some(bucket) = self.buckets.get(index) {
            bucket.add(1);
        }
        self.micros.add(micros);
    }

    /// Counts by bucket, the last one without bound, and the sum in seconds.
    pub fn read(&self) -> ([u64; Self::BOUNDS + 1], f64) {
        (std::array::from_fn(|i| self.buckets.get(i).map_or(0, Tally::get)), self.micros.get() as f64 / 1e6)
    }
}

/// What one worker counts of one client.
#[derive(Default)]
#[repr(align(128))]
pub struct ClientShard {
    /// Finished requests.
    pub requests: Requests,
    /// Event streams that are open now.
    pub streams_open: Tally,
}

/// What one worker counts of nobody in particular.
#[derive(Default)]
#[repr(align(128))]
pub struct WorkerMeters {
    /// Requests of no client: public routes and refusals before a key was accepted.
    pub anonymous: ClientShard,
    /// Accepted keys.
    pub accepted: Tally,
    /// From the request's head to the end of the reply.
    pub request_duration: Histogram,
    /// Connections that are open now.
    pub connections_open: Tally,
    /// Connections that ended before they became HTTP: failed or timed out handshakes.
    pub handshakes_failed: Tally,
    /// Heads that hyper refused before there was a request.
    pub heads_refused: Tally,
}

/// Counters of one client, kept over reloads.
pub struct ClientMeters {
    /// Whose they are.
    pub id: ClientId,
    /// One for each worker.
    pub shards: Box<[ClientShard]>,
}

/// The counters of all clients of a snapshot, by slot.
#[derive(Default)]
pub struct Meters(Vec<Arc<ClientMeters>>);

impl Meters {
    /// For the clients of `access`; those that `previous` knew keep their counts.
    pub fn build(access: &Access, workers: usize, previous: &Meters) -> Self {
        let known: HashMap<&ClientId, &Arc<ClientMeters>> =
            previous.0.iter().map(|meters| (&meters.id, meters)).collect();
        let of = |id: &ClientId| match known.get(id) {
            Some(meters) => Arc::clone(meters),
            None => {
                let shards = (0..workers).map(|_| ClientShard::default()).collect();
                Arc::new(ClientMeters { id: id.clone(), shards })
            }
        };
        Self(access.clients().iter().map(|client| of(client.id())).collect())
    }

    /// The part of `worker` in the counters of the client in `slot`.
    pub fn shard(&self, slot: usize, worker: usize) -> Option<&ClientShard> {
        self.0.get(slot)?.shards.get(worker)
    }

    /// All clients, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &ClientMeters> {
        self.0.iter().map(|meters| &**meters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_duration_falls_into_the_bucket_whose_bound_it_does_not_pass(micros in 0u64..200_000_000) {
            let histogram = Histogram::default();
            histogram.observe(Duration::from_micros(micros));
            let (buckets, sum) = histogram.read();
            let index = buckets.iter().position(|n| *n == 1).unwrap();
            let seconds = micros as f64 / 1e6;
            prop_assert!((sum - seconds).abs() < 1e-9);
            prop_assert!(index == Histogram::BOUNDS || seconds <= Histogram::bound(index) + 1e-12);
            prop_assert!(index == 0 || seconds > Histogram::bound(index - 1) - 1e-12);
        }

        #[test]
        fn what_is_counted_is_read_back(route in 0usize..3, method in 0usize..6, outcome in 0..Outcome::WORDS, times in 1u64..5) {
            let requests = Requests::default();
            prop_assert_eq!(requests.iter().count(), 0);
            let cell = Cell { route, method: HttpMethod::ALL[method], outcome };
            (0..times).for_each(|_| requests.count(3, cell));
            prop_assert_eq!(requests.iter().collect::<Vec<_>>(), vec![(cell, times)]);
        }
    }
}
