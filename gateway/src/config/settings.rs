//! `gateway.toml` as meant. `config/gateway.toml` has every member with its default and a comment.

mod levels;
mod names;
mod written;

pub(crate) use levels::levels;
pub use names::host as host_name;

use super::error::ConfigError;
use super::{Fingerprint, reader};
use crate::access::{Network, PerSource, Rate};
use crate::upstream::Address;
use rustls::ProtocolVersion;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything `serve` reads once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Worker threads; `None` (written `workers = "auto"`, the default) is one for each CPU this process may use.
    pub workers: Option<NonZeroUsize>,
    /// Where connections are accepted, and for which names.
    pub listen: Listen,
    /// Certificate and key of the public listener.
    pub tls: Tls,
    /// `keys.file`, default `keys.toml`, resolved against the directory of the settings file.
    pub keys_file: PathBuf,
    /// `keys.expiry_notice`, default 14 d: how long before a key's end its replies say when that is; zero is never.
    pub expiry_notice: Duration,
    /// `keys.session_secret_file`, none by default: what tells whose a session is, on all replicas alike.
    pub session_secret_file: Option<PathBuf>,
    /// The MCP server behind the gateway.
    pub upstream: Upstream,
    /// Paths and who may use them.
    pub routes: Routes,
    /// Bounds on what a peer may do.
    pub limits: Limits,
    /// How the process stops.
    pub drain: Drain,
    /// What is logged, and how.
    pub log: Log,
    /// Where the audit goes.
    pub audit: Audit,
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// A file that cannot be read, and the first thing in it that is not as it should be.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Ok(Self::read_known(file)?.0)
    }

    /// Reads a settings file, and tells which contents of it.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn read_known(file: &Path) -> Result<(Self, Fingerprint), ConfigError> {
        let text = reader::text_of(file)?;
        Ok((Self::parse(&text, file)?, Fingerprint::of(text.as_bytes())))
    }

    /// Reads the text of the settings file `file`; relative paths in it are relative to its directory. Empty text gives
    /// the defaults.
    ///
    /// # Errors
    /// The first thing that is not as it should be.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        written::settings(text, file)
    }
}

/// `[listen]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// TLS listener for clients, default `0.0.0.0:8443`.
    pub public: SocketAddr,
    /// Plain HTTP listener for metrics and probes, default `127.0.0.1:9464`.
    pub admin: SocketAddr,
    /// Listener without TLS beside the public one; loopback only, none by default.
    pub plaintext: Option<SocketAddr>,
    /// Host names that clients may use, without port, lower case (IPv6 without brackets, `*.` for one label); empty means
    /// the names in the certificate.
    pub public_hosts: Vec<String>,
    /// Proxies that say where a request comes from; none by default.
    pub trusted_proxies: Vec<Network>,
    /// Origins that browsers may come from, as a browser sends them: `scheme://host[:port]`, lower case, without the
    /// scheme's own port; none by default.
    pub allowed_origins: Vec<String>,
}

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// PEM chain, leaf first; default `server.pem` beside the settings file.
    pub certificate: PathBuf,
    /// PEM private key; default `server.key` beside the settings file.
    pub private_key: PathBuf,
    /// `"1.2"` (default) or `"1.3"`.
    pub min_version: ProtocolVersion,
    /// `client_auth` and `client_ca`.
    pub client_auth: ClientAuth,
}

/// Whether clients show a certificate beside their key, and the PEM file of the authorities that sign theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// `"off"` (default): none is asked for.
    Off,
    /// `"optional"`: one that is shown must be good.
    Optional(PathBuf),
    /// `"required"`: no handshake without a good one.
    Required(PathBuf),
}

impl ClientAuth {
    /// The file of the authorities.
    pub fn file(&self) -> Option<&Path> {
        match self {
            ClientAuth::Off => None,
            ClientAuth::Optional(file) | ClientAuth::Required(file) => Some(file),
        }
    }
}

/// `[upstream]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where the MCP server listens, default `http://127.0.0.1:8081`.
    pub address: Address,
    /// PEM file of the authorities that an `https://` upstream is checked against; default the platform's.
    pub ca: Option<PathBuf>,
    /// Longest wait for a response head, default 75 s.
    pub head_timeout: Duration,
    /// How long an idle connection is kept, default 4 s.
    pub idle_timeout: Duration,
    /// Names of the tools it offers, for metric labels and `check`.
    pub tools: Vec<String>,
    /// Where its own metrics are, to be shown at `/upstream-metrics`; nowhere by default.
    pub metrics: Option<MetricsSource>,
    /// Whether the gateway is only ready while it can be reached, default false.
    pub required: bool,
}

/// `upstream.metrics`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsSource {
    /// Where they are offered: on loopback or a Unix socket.
    pub address: Address,
    /// By which path, `/metrics` if none is written.
    pub path: String,
}

/// `[routes]`: exact paths, kept without the slash at their end; `/mcp` and `/mcp/` are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Paths that need a key, default `/mcp`.
    pub protected: Vec<String>,
    /// Paths forwarded without a key (GET and HEAD only), default `/` and `/health`.
    pub public: Vec<String>,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body in bytes, default 4 MiB (written as a number or as text such as `"4MiB"`).
    pub max_body: u64,
    /// Largest list that is cut down to what a client may use, and largest event of a stream that may hold one, in bytes,
    /// default 4 MiB.
    pub max_list: u64,
    /// Most bytes that are held whole or wait to be taken, of the whole process, default 128 MiB.
    pub max_held: u64,
    /// Longest TLS handshake, default 10 s.
    pub handshake_timeout: Duration,
    /// What one address may do before it has proved who it is: `failures_per_address`, default 60/min,
    /// `max_connections_per_address`, default 1024, and `handshakes_per_address`, without limit by default.
    pub per_address: PerSource,
    /// Largest request head in bytes, default 32 KiB.
    pub max_head: u64,
    /// Most fields of a request, default 100.
    pub max_fields: usize,
    /// Largest list of fields over h2, as RFC 9113, section 6.5.2 counts it, default 16 KiB.
    pub max_header_list: usize,
    /// Longest time from the first byte of a head to its last, default 10 s.
    pub header_timeout: Duration,
    /// Longest wait for a request on a connection that has none, default 75 s.
    pub idle_timeout: Duration,
    /// Least bytes a second of a request body that is waited for, over 10 s; default 1 KiB, 0 is none.
    pub min_body_rate: u64,
    /// Longest time in which a client takes nothing of what is written to it, default 60 s.
    pub stall_timeout: Duration,
    /// Most client connections of the process, default 4096.
    pub max_connections: usize,
    /// Most requests and streams of the process at once, default 4096.
    pub max_in_flight: u64,
    /// Most streams that one h2 connection may have open, default 100.
    pub max_streams: u32,
    /// Most h2 frames a second that ask for nothing (RST_STREAM, PING, SETTINGS, PRIORITY), default 100; ten times as many
    /// at once.
    pub max_control_frames: u32,
    /// Longest silence of an event stream before a comment is put in, default 15 s; zero is never.
    pub keep_alive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 4 << 20,
            max_list: 4 << 20,
            max_held: 128 << 20,
            handshake_timeout: Duration::from_secs(10),
            per_address: PerSource {
                failures: Rate::parse("60/min").ok().map(Rate::at_once),
                connections: NonZeroU32::new(1024),
                handshakes: None,
            },
            max_head: 32 << 10,
            max_fields: 100,
            max_header_list: 16 << 10,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            min_body_rate: 1 << 10,
            stall_timeout: Duration::from_secs(60),
            max_connections: 4096,
            max_in_flight: 4096,
            max_streams: 100,
            max_control_frames: 100,
            keep_alive: Duration::from_secs(15),
        }
    }
}

/// `[drain]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// How long new connections are still accepted after the signal, default 0 s.
    pub delay: Duration,
    /// How long running requests and streams may go on after that, default 25 s.
    pub timeout: Duration,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A `tracing` filter such as `info` (default) or `warn,gateway=debug`; the variable `GATEWAY_LOG` wins over it.
    pub level: String,
    /// One JSON object a line, or text.
    pub format: LogFormat,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people (default).
    Text,
    /// For machines.
    Json,
}

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Where lines go, default standard output.
    pub output: AuditOutput,
    /// Whether the values of arguments are written, default false: only their names are.
    pub audit_arguments: bool,
    /// What happens while the queue is over its mark, default [`Overflow::Block`].
    pub overflow: Overflow,
    /// Bytes that may wait to be written before the queue is over its mark, default 8 MiB.
    pub queue: u64,
    /// Size at which a file is put aside for a new one, default 100 MiB; 0 is never.
    pub rotate_size: u64,
    /// Age at which a file is put aside for a new one, default a day; zero is never.
    pub rotate_every: Duration,
    /// Files put aside that are kept, default 30; 0 is all.
    pub keep: usize,
    /// How long written lines may stay in the kernel's memory, default 1 s (written `"always"` for zero); nothing (written
    /// `"never"`) for as long as it likes.
    pub fsync: Option<Duration>,
}

/// `audit.output`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditOutput {
    /// Nowhere.
    Off,
    /// Standard output, for whoever runs the process to collect.
    Stdout,
    /// A file of our own.
    File(PathBuf),
}

/// `audit.overflow`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// New requests wait.
    Block,
    /// Lines are dropped and counted.
    Drop,
}

#[cfg(test)]
mod tests;
