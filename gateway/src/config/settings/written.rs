//! From `gateway.toml` as written to [`Settings`] as meant: every member, its default and its rule.

use super::names;
use super::{
    Audit, AuditOutput, ClientAuth, Drain, Limits, Listen, Log, LogFormat, MetricsSource, Overflow, Routes, Settings,
    Tls, Upstream, levels,
};
use crate::access::{Network, PerSource, Quota, Rate};
use crate::config::error::ConfigError;
use crate::config::reader::{Members, Source, Table, Value};
use crate::upstream::Address;
use rustls::ProtocolVersion;
use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const MEMBERS: Members = &[
    ("", &["workers", "listen", "tls", "keys", "upstream", "routes", "limits", "drain", "log", "audit"]),
    ("listen", &["public", "admin", "plaintext", "public_hosts", "allowed_origins", "trusted_proxies"]),
    ("tls", &["certificate", "private_key", "min_version", "client_ca", "client_auth"]),
    ("keys", &["file", "expiry_notice", "session_secret_file"]),
    ("upstream", &["url", "allow_remote", "ca", "head_timeout", "idle_timeout", "tools", "metrics", "required"]),
    ("routes", &["protected", "public"]),
    (
        "limits",
        &[
            "max_body",
            "max_list",
            "max_held",
            "handshake_timeout",
            "failures_per_address",
            "max_connections_per_address",
            "handshakes_per_address",
            "max_head",
            "max_fields",
            "max_header_list",
            "header_timeout",
            "idle_timeout",
            "min_body_rate",
            "stall_timeout",
            "max_connections",
            "max_in_flight",
            "max_streams",
            "max_control_frames",
            "keep_alive",
        ],
    ),
    ("drain", &["delay", "timeout"]),
    ("log", &["level", "format"]),
    ("audit", &["output", "audit_arguments", "overflow", "queue", "rotate_size", "rotate_every", "keep", "fsync"]),
];

/// What a limit is called that is none.
const UNLIMITED: &str = "unlimited";

const METRICS: &str = "must be on loopback or a Unix socket, such as \"http://127.0.0.1:9465/metrics\" or \"unix:metrics.sock\"; what is elsewhere can be scraped there";

const URL: &str = "http://127.0.0.1:8081";

pub(super) fn settings(text: &str, file: &Path) -> Result<Settings, ConfigError> {
    let base = file.parent().unwrap_or(Path::new(""));
    let mut root = Source::new(file, text, MEMBERS).root()?;
    let mut keys = root.table("keys")?;
    Ok(Settings {
        workers: root.read("workers", None, workers)?,
        listen: listen(root.table("listen")?)?,
        tls: tls(root.table("tls")?, base)?,
        keys_file: keys.read("file", base.join("keys.toml"), |v| path(v, base))?,
        expiry_notice: keys.read("expiry_notice", Duration::from_secs(14 * 86_400), Value::wait_or_zero)?,
        session_secret_file: keys.read_optional("session_secret_file", |v| path(v, base))?,
        upstream: upstream(root.table("upstream")?, base)?,
        routes: routes(root.table("routes")?)?,
        limits: limits(root.table("limits")?)?,
        drain: drain(root.table("drain")?)?,
        log: log(root.table("log")?)?,
        audit: audit(root.table("audit")?, base)?,
    })
}

fn workers(value: &Value<'_>) -> Result<Option<NonZeroUsize>, ConfigError> {
    if value.is_text() {
        return value.parsed("\"auto\" or a number of threads", |text| (text == "auto").then_some(None));
    }
    let workers = usize::try_from(value.number()?).ok().filter(|n| *n <= 1024).and_then(NonZeroUsize::new);
    workers.map(Some).ok_or_else(|| value.error("must be \"auto\" or 1 to 1024 threads"))
}

fn listen(mut table: Table<'_>) -> Result<Listen, ConfigError> {
    let public = table.read("public", (Ipv4Addr::UNSPECIFIED, 8443).into(), address)?;
    let admin_value = table.take("admin");
    let admin = admin_value.as_ref().map_or(Ok((Ipv4Addr::LOCALHOST, 9464).into()), address)?;
    let plaintext_value = table.take("plaintext");
    let plaintext = plaintext_value.as_ref().map(plaintext_address).transpose()?;
    if same_socket(public, admin) {
        let why = "`listen.admin` and `listen.public` are one address; metrics never go on the public port";
        return Err(admin_value.map_or_else(|| table.error(why), |value| value.complaint(why)));
    }
    if let (Some(value), Some(plaintext)) = (plaintext_value, plaintext)
        && (same_socket(plaintext, public) || same_socket(plaintext, admin))
    {
        return Err(value.error("is the address of another listener"));
    }
    Ok(Listen {
        public,
        admin,
        plaintext,
        public_hosts: table.read("public_hosts", Vec::new(), |v| texts(v, names::HOST, names::host))?,
        allowed_origins: table.read("allowed_origins", Vec::new(), |v| texts(v, names::ORIGIN, names::origin))?,
        trusted_proxies: table.read("trusted_proxies", Vec::new(), networks)?,
    })
}

fn plaintext_address(value: &Value<'_>) -> Result<SocketAddr, ConfigError> {
    let address = address(value)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(value.error("may only be on loopback, such as 127.0.0.1:8080: keys would cross the network in the clear"))
}

fn tls(mut table: Table<'_>, base: &Path) -> Result<Tls, ConfigError> {
    let version = |text: &str| match text {
        "1.2" => Some(ProtocolVersion::TLSv1_2),
        "1.3" => Some(ProtocolVersion::TLSv1_3),
        _ => None,
    };
    Ok(Tls {
        certificate: table.read("certificate", base.join("server.pem"), |v| path(v, base))?,
        private_key: table.read("private_key", base.join("server.key"), |v| path(v, base))?,
        min_version: table
            .read("min_version", ProtocolVersion::TLSv1_2, |v| v.parsed("\"1.2\" or \"1.3\"", version))?,
        client_auth: client_auth(&mut table, base)?,
    })
}

fn client_auth(table: &mut Table<'_>, base: &Path) -> Result<ClientAuth, ConfigError> {
    let (auth, ca) = (table.take("client_auth"), table.take("client_ca"));
    let kind = |text: &str| match text {
        "off" => Some(None),
        "optional" => Some(Some(ClientAuth::Optional as fn(PathBuf) -> ClientAuth)),
        "required" => Some(Some(ClientAuth::Required as fn(PathBuf) -> ClientAuth)),
        _ => None,
    };
    let form = "\"off\", \"optional\" or \"required\"";
    let kind = auth.as_ref().map_or(Ok(None), |value| value.parsed(form, kind))?;
    match (kind, ca, auth) {
        (Some(kind), Some(ca), _) => Ok(kind(path(&ca, base)?)),
        (Some(_), None, Some(auth)) => {
            Err(auth.error("needs `client_ca`, the PEM file of the authorities that sign clients' certificates"))
        }
        (None, Some(ca), _) => Err(ca.error(
            "is of no use while `client_auth` is \"off\"; write \"optional\" or \"required\" there, or remove it",
        )),
        (None | Some(_), None, _) => Ok(ClientAuth::Off),
    }
}

fn upstream(mut table: Table<'_>, base: &Path) -> Result<Upstream, ConfigError> {
    let allow_remote = table.read("allow_remote", false, Value::flag)?;
    let read = |text: &str| Address::parse(text, base, allow_remote);
    let address = match table.take("url") {
        Some(value) => read(value.text()?).map_err(|e| value.error(format!("cannot be used: {e}")))?,
        None => read(URL).map_err(|e| table.error(e))?,
    };
    let ca = table.take("ca");
    if let Some(value) = &ca
        && !matches!(address, Address::Remote { https: true, .. })
    {
        return Err(value.error("is for an https:// upstream, and this one is not; remove it"));
    }
    Ok(Upstream {
        address,
        ca: ca.map(|v| path(&v, base)).transpose()?,
        head_timeout: table.read("head_timeout", Duration::from_secs(75), Value::wait)?,
        idle_timeout: table.read("idle_timeout", Duration::from_secs(4), Value::wait)?,
        tools: table.read("tools", Vec::new(), |v| texts(v, names::TOOL, names::tool))?,
        metrics: table.read_optional("metrics", |v| metrics(v, base))?,
        required: table.read("required", false, Value::flag)?,
    })
}

fn metrics(value: &Value<'_>, base: &Path) -> Result<MetricsSource, ConfigError> {
    let text = value.text()?;
    let (origin, path) = match text.strip_prefix("http://").and_then(|rest| rest.find('/')) {
        Some(slash) => text.split_at("http://".len() + slash),
        None => (text, "/metrics"),
    };
    let address = Address::parse(origin, base, false);
    let address = address.map_err(|_| value.error(METRICS))?;
    let target: http::Uri = path.parse().map_err(|_| value.error(METRICS))?;
    Ok(MetricsSource { address, path: target.to_string() })
}

fn routes(mut table: Table<'_>) -> Result<Routes, ConfigError> {
    let paths = |v: &Value<'_>| texts(v, names::PATH, names::path);
    let protected_value = table.take("protected");
    let protected = protected_value.as_ref().map_or(Ok(vec!["/mcp".to_owned()]), paths)?;
    if let (Some(value), true) = (&protected_value, protected.is_empty()) {
        return Err(value.error("is empty; name at least one path that needs a key, such as \"/mcp\""));
    }
    let public_value = table.take("public");
    let public = public_value.as_ref().map_or(Ok(vec!["/".to_owned(), "/health".to_owned()]), paths)?;
    if public.iter().any(|path| protected.contains(path)) {
        let why = "a path is in both `routes.protected` and `routes.public`; it can need a key or not, not both";
        let value = public_value.or(protected_value);
        return Err(value.map_or_else(|| table.error(why), |value| value.complaint(why)));
    }
    Ok(Routes { protected, public })
}

fn limits(mut table: Table<'_>) -> Result<Limits, ConfigError> {
    let above_zero = |value: &Value<'_>| match value.size()? {
        0 => Err(value.error("must be more than zero: every message and every list has a body")),
        size => Ok(size),
    };
    let head = |value: &Value<'_>| within(value, value.size()?, (8 << 10, 128 << 10), "8KiB to 128KiB");
    let held = |value: &Value<'_>| within(value, value.size()?, (1 << 20, 1 << 50), "1MiB or more");
    let list = |value: &Value<'_>| within(value, value.size()?, (4 << 10, 128 << 10), "4KiB to 128KiB");
    let fields = |value: &Value<'_>| within(value, value.number()?, (10, 100), "10 to 100");
    let streams = |value: &Value<'_>| within(value, value.number()?, (1, 1000), "1 to 1000");
    let or = Limits::default();
    Ok(Limits {
        max_body: table.read("max_body", or.max_body, above_zero)?,
        max_list: table.read("max_list", or.max_list, above_zero)?,
        max_held: table.read("max_held", or.max_held, held)?,
        handshake_timeout: table.read("handshake_timeout", or.handshake_timeout, Value::wait)?,
        per_address: per_address(&mut table, or.per_address)?,
        max_head: table.read("max_head", or.max_head, head)?,
        max_fields: table.read("max_fields", or.max_fields, fields)?,
        max_header_list: table.read("max_header_list", or.max_header_list, list)?,
        header_timeout: table.read("header_timeout", or.header_timeout, Value::wait)?,
        idle_timeout: table.read("idle_timeout", or.idle_timeout, Value::wait)?,
        min_body_rate: table.read("min_body_rate", or.min_body_rate, Value::size)?,
        stall_timeout: table.read("stall_timeout", or.stall_timeout, Value::wait)?,
        max_connections: table.read("max_connections", or.max_connections, count::<usize>)?,
        max_in_flight: table.read("max_in_flight", or.max_in_flight, count::<u64>)?,
        max_streams: table.read("max_streams", or.max_streams, streams)?,
        max_control_frames: table.read("max_control_frames", or.max_control_frames, count::<u32>)?,
        keep_alive: table.read("keep_alive", or.keep_alive, Value::wait_or_zero)?,
    })
}

fn count<T: TryFrom<u64>>(value: &Value<'_>) -> Result<T, ConfigError> {
    within(value, value.number()?, (1, 10_000_000), "1 to 10000000")
}

/// A number that may be from the one to the other of `bounds`, which `form` says in words.
fn within<T: TryFrom<u64>>(value: &Value<'_>, number: u64, bounds: (u64, u64), form: &str) -> Result<T, ConfigError> {
    let number = Some(number).filter(|number| (bounds.0..=bounds.1).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| value.error(format!("must be {form}")))
}

fn per_address(table: &mut Table<'_>, or: PerSource) -> Result<PerSource, ConfigError> {
    Ok(PerSource {
        failures: table.read("failures_per_address", or.failures, quota)?,
        connections: table.read("max_connections_per_address", or.connections, connections)?,
        handshakes: table.read("handshakes_per_address", or.handshakes, quota)?,
    })
}

fn connections(value: &Value<'_>) -> Result<Option<NonZeroU32>, ConfigError> {
    if value.is_text() {
        return value.parsed("\"unlimited\" or a number", |text| (text == UNLIMITED).then_some(None));
    }
    count(value).map(NonZeroU32::new)
}

fn quota(value: &Value<'_>) -> Result<Option<Quota>, ConfigError> {
    value.parsed("a rate such as \"60/min\", with the unit s, min, h or day, or \"unlimited\"", |text| match text {
        UNLIMITED => Some(None),
        rate => Some(Some(Rate::parse(rate).ok()?.at_once())),
    })
}

fn networks(value: &Value<'_>) -> Result<Vec<Network>, ConfigError> {
    let network = |item: Value<'_>| Network::parse(item.text()?).map_err(|error| item.complaint(error));
    value.list()?.into_iter().map(network).collect()
}

fn drain(mut table: Table<'_>) -> Result<Drain, ConfigError> {
    Ok(Drain {
        delay: table.read("delay", Duration::ZERO, Value::wait_or_zero)?,
        timeout: table.read("timeout", Duration::from_secs(25), Value::wait_or_zero)?,
    })
}

fn log(mut table: Table<'_>) -> Result<Log, ConfigError> {
    let filter = "a log filter such as \"info\" or \"warn,gateway=debug\"";
    let level = |text: &str| levels(text).map(|_| text.to_owned());
    let format = |text: &str| match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    };
    Ok(Log {
        level: table.read("level", "info".to_owned(), |v| v.parsed(filter, level))?,
        format: table.read("format", LogFormat::Text, |v| v.parsed("\"text\" or \"json\"", format))?,
    })
}

fn audit(mut table: Table<'_>, base: &Path) -> Result<Audit, ConfigError> {
    let form = "\"stdout\", \"off\", or the path of a file with a `/` or a `.` in it, such as \"./audit.jsonl\"";
    let output = |text: &str| match text {
        "stdout" => Some(AuditOutput::Stdout),
        "off" => Some(AuditOutput::Off),
        _ if text.contains(['/', '.']) && !text.ends_with('/') => Some(AuditOutput::File(base.join(text))),
        _ => None,
    };
    let overflow = |text: &str| match text {
        "block" => Some(Overflow::Block),
        "drop" => Some(Overflow::Drop),
        _ => None,
    };
    let fsync = |value: &Value<'_>| match value.text()? {
        "never" => Ok(None),
        "always" => Ok(Some(Duration::ZERO)),
        _ => value.wait_or_zero().map(Some),
    };
    let keep = |value: &Value<'_>| {
        usize::try_from(value.number()?).map_err(|_| value.error("must be a number of files; 0 keeps all"))
    };
    Ok(Audit {
        output: table.read("output", AuditOutput::Stdout, |v| v.parsed(form, output))?,
        audit_arguments: table.read("audit_arguments", false, Value::flag)?,
        overflow: table.read("overflow", Overflow::Block, |v| v.parsed("\"block\" or \"drop\"", overflow))?,
        queue: table.read("queue", 8 << 20, Value::size)?,
        rotate_size: table.read("rotate_size", 100 << 20, Value::size)?,
        rotate_every: table.read("rotate_every", Duration::from_secs(86_400), Value::wait_or_zero)?,
        keep: table.read("keep", 30, keep)?,
        fsync: table.read("fsync", Some(Duration::from_secs(1)), fsync)?,
    })
}

fn address(value: &Value<'_>) -> Result<SocketAddr, ConfigError> {
    value.parsed("an IP address with a port, such as \"0.0.0.0:8443\" or \"[::]:8443\"", |text| text.parse().ok())
}

fn path(value: &Value<'_>, base: &Path) -> Result<PathBuf, ConfigError> {
    value.parsed("the path of a file", |text| (!text.is_empty()).then(|| base.join(text)))
}

/// A list of texts, each read by `read` into its one spelling, none of them twice.
fn texts(value: &Value<'_>, form: &str, read: fn(&str) -> Option<String>) -> Result<Vec<String>, ConfigError> {
    let mut seen = HashSet::new();
    let one = |item: Value<'_>| {
        let text = item.parsed(form, read)?;
        if seen.insert(text.clone()) { Ok(text) } else { Err(item.error("has this entry twice")) }
    };
    value.list()?.into_iter().map(one).collect()
}

/// Whether one listener would take the other's connections. Port 0 is a fresh port each time.
fn same_socket(a: SocketAddr, b: SocketAddr) -> bool {
    let covers = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && covers
}
