//! The most memory that the settings allow clients to take, whatever they do all at once.

use super::worker::{BUFFERED, RECORDS, SURPLUS, WINDOW};
use crate::access::ClientRow;
use crate::config::settings::{AuditOutput, Settings};
use crate::record::{ClientMeters, ToolNames};
use crate::stock::{FREE, PIECE};
use std::fmt;

/// The process by itself, measured: 10 MiB, and 2 MiB of log lines that nobody reads.
const OWN: u64 = 16 << 20;
/// A key, and a client beside what is counted of it, while the file with them is read again and again. Measured with 10,000 of
/// them: 4.7 KB for a key, and 10 KB for a client. Most of that is the reading: the text, its members and their places, two
/// snapshots, and what the allocator keeps for the next time.
const KEY: u64 = 6 << 10;
const CLIENT: u64 = 12 << 10;
/// One more worker: what it reads into, what it has at hand for its next requests, and those that are answered beyond the limit.
const WORKER: u64 = 2 << 20;
/// What rustls keeps of one connection beside what waits to be written: a record that came in parts, one that was not read
/// yet, and its keys.
const TLS: u64 = (18 + 16) << 10;
/// Frames that are read or written, and tables of fields, of one h2 connection.
const FRAMES: u64 = 48 << 10;
/// Heads, tasks and records of one request.
const REQUEST: u64 = 16 << 10;
/// What the audit keeps of what a request asks until it is over, and how much more if arguments are written.
const ASKED: u64 = 8 << 10;
const ARGUMENTS: u64 = 8 << 10;
/// Rooms that hold what waits for the audit are never larger than this many times what is in them.
const ROOMS: u64 = 2;
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
    keys: u64,
    known: u64,
    own: u64,
}

/// Who is in the keys file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known {
    clients: u64,
    keys: u64,
    /// Names of tools that are told apart.
    tools: usize,
}

impl Known {
    /// These clients; `tools` are told apart whoever may call them.
    pub fn of(clients: &[ClientRow], tools: &[String]) -> Self {
        let named = clients.iter().flat_map(|client| client.policy.tool_names());
        let names = ToolNames::default().with(tools.iter().map(String::as_str).chain(named));
        let keys = clients.iter().map(|client| client.keys.len() as u64).sum();
        Self { clients: clients.len() as u64, keys, tools: names.count() + 1 }
    }
}

impl WorstCase {
    /// With these settings, so many workers, and whom the keys file names now.
    pub fn of(settings: &Settings, workers: usize, known: Known) -> Self {
        let (limits, piece) = (&settings.limits, PIECE as u64);
        // a head that comes, and a reply that is not taken
        let http1 = limits.max_head + PIECES * piece;
        // bodies that nobody read yet, a head that comes, and of each stream the end of a reply that is not taken
        let http2 = u64::from(WINDOW) + FRAMES + limits.max_head + u64::from(limits.max_streams) * (BUFFERED + piece);
        let (audit, asked) = match (&settings.audit.output, settings.audit.audit_arguments) {
            (AuditOutput::Off, _) => (0, 0),
            (_, false) => (settings.audit.queue.saturating_mul(ROOMS), ASKED),
            (_, true) => (settings.audit.queue.saturating_mul(ROOMS), ASKED + ARGUMENTS),
        };
        let (workers, routes) = (workers as u64, settings.routes.protected.len() + settings.routes.public.len() + 1);
        let counters = ClientMeters::size(routes, known.tools) as u64;
        Self {
            connections: limits.max_connections as u64,
            connection: TLS + RECORDS + http1.max(http2),
            requests: limits.max_in_flight,
            request: REQUEST + limits.max_head + FREE as u64 + BUFFERED + piece + asked,
            held: limits.max_held,
            keys: known.keys,
            known: known.keys * KEY + known.clients * (CLIENT + workers * counters),
            own: audit.saturating_add(OWN + workers * WORKER),
        }
    }

    /// In bytes.
    pub fn bytes(&self) -> u64 {
        let Self { connections, connection, requests, request, held, known, own, keys: _ } = *self;
        let connections = connections.saturating_add(SURPLUS as u64);
        let each = connections.saturating_mul(connection).saturating_add(requests.saturating_mul(request));
        each.saturating_add(held).saturating_add(known).saturating_add(own)
    }
}

impl fmt::Display for WorstCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let kib = |bytes: u64| bytes.div_ceil(1 << 10);
        let Self { connections, connection, requests, request, held, keys, known, own } = *self;
        write!(
            f,
            "{} MiB: {connections} + {SURPLUS} connections of {} KiB, {requests} requests of {} KiB, {} MiB held, {} MiB for {keys} keys \
             and their clients, {} MiB of its own",
            mib(self.bytes()),
            kib(connection),
            kib(request),
            mib(held),
            mib(known),
            mib(own)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn worst(limits: &str) -> WorstCase {
        let settings = Settings::parse(&format!("[limits]\n{limits}"), Path::new("gateway.toml")).unwrap();
        WorstCase::of(&settings, 2, Known::default())
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
    fn the_bound_grows_with_the_keys_and_with_who_counts_for_their_clients() {
        let settings = Settings::parse("", Path::new("gateway.toml")).unwrap();
        let bytes = |known, workers| WorstCase::of(&settings, workers, known).bytes();
        let (few, many) = (Known { clients: 2, keys: 2, tools: 1 }, Known { clients: 2, keys: 10_000, tools: 1 });
        assert!(bytes(many, 2) > bytes(few, 2) + 10_000 * 4700, "what was measured");
        let (some, tools) = (Known { clients: 1000, ..few }, Known { clients: 1000, tools: 256, ..few });
        assert!(bytes(some, 16) > bytes(some, 2) + bytes(few, 16) - bytes(few, 2));
        assert!(bytes(tools, 2) > bytes(some, 2));
        let rows = crate::config::keys_file::parse(include_str!("../../../config/keys.toml"), Path::new("keys.toml"));
        let shipped = Known::of(&rows.unwrap(), &["get_alerts".to_owned()]);
        assert!(shipped.clients > 0 && shipped.keys > 0 && shipped.tools > 1, "{shipped:?}");
    }

    #[test]
    fn a_pod_has_a_limit_that_holds_it() {
        let limits = "[limits]\nmax_connections = 256\nmax_in_flight = 256\nmax_held = \"32MiB\"";
        let settings = Settings::parse(limits, Path::new("gateway.toml")).unwrap();
        let pod = WorstCase::of(&settings, 2, Known { clients: 2, keys: 3, tools: 3 });
        assert_eq!(
            pod.to_string(),
            "221 MiB: 256 + 64 connections of 392 KiB, 256 requests of 122 KiB, 32 MiB held, 1 MiB for 3 keys and their \
             clients, 36 MiB of its own"
        );
    }

    #[test]
    fn so_do_those_that_we_ship() {
        for text in [
            include_str!("../../../deploy/kubernetes/base/gateway.toml"),
            include_str!("../../../deploy/kubernetes/overlays/your-server/gateway.toml"),
            include_str!("../../../deploy/compose/settings/gateway.toml"),
        ] {
            let settings = Settings::parse(text, Path::new("gateway.toml")).unwrap();
            let worst = WorstCase::of(&settings, 16, Known { clients: 10, keys: 20, tools: 10 });
            assert!(worst.bytes() <= 512 << 20, "{worst}");
        }
    }

    #[test]
    fn the_readme_says_how_much_it_is() {
        let shipped = include_str!("../../../deploy/compose/settings/gateway.toml");
        let settings = Settings::parse(shipped, Path::new("gateway.toml")).unwrap();
        let shipped = WorstCase::of(&settings, 2, Known::default());
        let mib = |worst: WorstCase| worst.bytes().div_ceil(1 << 20);
        let said = format!("{} MiB by default and {} MiB in `deploy/`, with two workers", mib(worst("")), mib(shipped));
        assert!(include_str!("../../../README.md").contains(&said), "{said}");
    }
}
