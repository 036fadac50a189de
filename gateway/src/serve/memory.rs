//! The most memory that the settings allow clients to take, whatever they do all at once.

use super::worker::{BUFFERED, RECORDS, WINDOW};
use crate::config::settings::{AuditOutput, Settings};
use crate::stock::{FREE, PIECE};
use std::fmt;

/// The process by itself, measured: 8 MiB, with a few hundred keys.
const OWN: u64 = 16 << 20;
/// One more worker: what it reads into, what it has at hand for its next requests, and those that are answered beyond the limit.
const WORKER: u64 = 2 << 20;
/// What rustls keeps of one connection beside what waits to be written: a record that came in parts, one that was not read
/// yet, and its keys.
const TLS: u64 = (18 + 16) << 10;
/// Frames that are read or written, and tables of fields, of one h2 connection.
const FRAMES: u64 = 48 << 10;
/// Heads, tasks and records of one request.
const REQUEST: u64 = 16 << 10;
/// Pieces of a reply that hyper takes before it writes, over HTTP/1.1.
const PIECES: u64 = 16;

/// An upper bound, without what the kernel keeps for sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorstCase {
    connections: u64,
    connection: u64,
    requests: u64,
    request: u64,
    held: u64,
    own: u64,
}

impl WorstCase {
    /// With these settings and so many workers.
    pub fn of(settings: &Settings, workers: usize) -> Self {
        let (limits, piece) = (&settings.limits, PIECE as u64);
        // a head that comes, and a reply that is not taken
        let http1 = limits.max_head + PIECES * piece;
        // bodies that nobody read yet, a head that comes, and of each stream the end of a reply that is not taken
        let http2 = u64::from(WINDOW) + FRAMES + limits.max_head + u64::from(limits.max_streams) * (BUFFERED + piece);
        let audit = if settings.audit.output == AuditOutput::Off { 0 } else { settings.audit.queue };
        Self {
            connections: limits.max_connections as u64,
            connection: TLS + RECORDS + http1.max(http2),
            requests: limits.max_in_flight,
            request: REQUEST + limits.max_head + FREE as u64 + BUFFERED + piece,
            held: limits.max_held,
            own: OWN + workers as u64 * WORKER + audit,
        }
    }

    /// In bytes.
    pub fn bytes(&self) -> u64 {
        let Self { connections, connection, requests, request, held, own } = *self;
        let each = connections.saturating_mul(connection).saturating_add(requests.saturating_mul(request));
        each.saturating_add(held).saturating_add(own)
    }
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let kib = |bytes: u64| bytes.div_ceil(1 << 10);
        let Self { connections, connection, requests, request, held, own } = *self;
        write!(
            f,
            "{} MiB: {connections} connections of {} KiB, {requests} requests of {} KiB, {} MiB held, {} MiB of its own",
            mib(self.bytes()),
            kib(connection),
            kib(request),
            mib(held),
            mib(own)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn worst(limits: &str) -> WorstCase {
        WorstCase::of(&Settings::parse(&format!("[limits]\n{limits}"), Path::new("gateway.toml")).unwrap(), 2)
    }

    #[test]
    fn the_bound_grows_with_what_is_allowed() {
        for more in ["max_connections = 10000", "max_in_flight = 10000", "max_held = \"1GiB\"", "max_head = \"64KiB\""]
        {
            assert!(worst(more).bytes() > worst("").bytes(), "{more}");
        }
        // these are bounded by max_held, however many there are
        for other in ["max_body = \"1GiB\"", "max_list = \"1GiB\""] {
            assert_eq!(worst(other), worst(""), "{other}");
        }
    }

    #[test]
    fn a_pod_has_a_limit_that_holds_it() {
        let pod = worst("max_connections = 256\nmax_in_flight = 256\nmax_held = \"32MiB\"");
        assert_eq!(
            pod.to_string(),
            "187 MiB: 256 connections of 392 KiB, 256 requests of 114 KiB, 32 MiB held, 28 MiB of its own"
        );
    }

    #[test]
    fn so_do_those_that_we_ship() {
        for text in [
            include_str!("../../../deploy/kubernetes/base/gateway.toml"),
            include_str!("../../../deploy/kubernetes/overlays/your-server/gateway.toml"),
            include_str!("../../../deploy/compose/settings/gateway.toml"),
        ] {
            let worst = WorstCase::of(&Settings::parse(text, Path::new("gateway.toml")).unwrap(), 16);
            assert!(worst.bytes() <= 512 << 20, "{worst}");
        }
    }

    #[test]
    fn the_readme_says_how_much_it_is() {
        let shipped = include_str!("../../../deploy/compose/settings/gateway.toml");
        let shipped = WorstCase::of(&Settings::parse(shipped, Path::new("gateway.toml")).unwrap(), 2);
        let mib = |worst: WorstCase| worst.bytes().div_ceil(1 << 20);
        let said = format!("{} MiB by default and {} MiB in `deploy/`, with two workers", mib(worst("")), mib(shipped));
        assert!(include_str!("../../../README.md").contains(&said), "{said}");
    }
}
