//! The most memory that the settings allow clients to take, whatever they do all at once.

use super::worker::{BUFFER, STREAM_WINDOW, WINDOW};
use crate::config::settings::Limits;
use std::fmt;

/// What rustls keeps of one connection: a record that came in parts, what waits to be written, and its keys.
const TLS: u64 = (18 + 64 + 16) << 10;
/// Heads, tasks and records of one request.
const REQUEST: u64 = 16 << 10;
/// Largest piece of a reply that is read at once. One may wait to be written, and one behind it.
const PIECE: u64 = 128 << 10;

/// An upper bound. What the process takes for itself is not in it: a few MiB for each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstCase {
    connections: u64,
    connection: u64,
    requests: u64,
    request: u64,
}

impl WorstCase {
    /// With these limits.
    pub fn of(limits: &Limits) -> Self {
        let buffers = 2 * u64::from(BUFFER) + PIECE; // over HTTP/1.1, one for each direction
        let window = u64::from(WINDOW.max(STREAM_WINDOW)) + limits.max_head; // over h2
        Self {
            connections: limits.max_connections as u64,
            connection: TLS + buffers.max(window),
            requests: limits.max_in_flight,
            request: REQUEST + limits.max_head + limits.max_body + limits.max_list + 2 * PIECE,
        }
    }

    /// In bytes.
    pub fn bytes(&self) -> u64 {
        self.connections.saturating_mul(self.connection).saturating_add(self.requests.saturating_mul(self.request))
    }
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let Self { connections, connection, requests, request } = *self;
        write!(
            f,
            "{:.0} MiB: {connections} connections of {:.1} MiB, {requests} requests of {:.1} MiB",
            mib(self.bytes()),
            mib(connection),
            mib(request)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_grows_with_what_is_allowed() {
        let limits = Limits::default();
        let worst = WorstCase::of(&limits).bytes();
        for more in [
            Limits { max_connections: limits.max_connections * 2, ..limits.clone() },
            Limits { max_in_flight: limits.max_in_flight * 2, ..limits.clone() },
            Limits { max_body: limits.max_body * 2, ..limits.clone() },
            Limits { max_list: limits.max_list * 2, ..limits.clone() },
        ] {
            assert!(WorstCase::of(&more).bytes() > worst);
        }
        let small = Limits { max_connections: 1, max_in_flight: 1, max_body: 1 << 20, max_list: 1 << 20, ..limits };
        assert_eq!(WorstCase::of(&small).to_string(), "3 MiB: 1 connections of 0.6 MiB, 1 requests of 2.3 MiB");
    }
}
