//! From `gateway.toml` as written to [`Settings`] as meant: every member, its default and its rule.

mod limits;
mod upstream;

use super::names;
use super::{Audit, AuditOutput, ClientAuth, Drain, Listen, Log, LogFormat, Overflow, Routes, Settings, Tls, levels};
use crate::access::Network;
use crate::config::error::ConfigError;
use crate::config::reader::{Members, Source, Table, Value};
use rustls::ProtocolVersion;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
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
        upstream: upstream::upstream(root.table("upstream")?, base)?,
        routes: routes(root.table("routes")?)?,
        limits: limits::limits(root.table("limits")?)?,
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
    a.port() == b.port() && a.port() != 0 && (covers(a.ip(), b.ip()) || covers(b.ip(), a.ip()))
}

/// Whether who listens on `any` gets what comes to `one`: `[::]` is every address of IPv6 and of IPv4, `0.0.0.0` of IPv4 alone.
fn covers(any: IpAddr, one: IpAddr) -> bool {
    let (any, one) = (any.to_canonical(), one.to_canonical());
    any == one || any.is_unspecified() && (any.is_ipv6() || one.is_ipv4())
}
