//! `[upstream]`.

use super::super::{MetricsSource, Upstream, names};
use super::{path, texts};
use crate::config::error::ConfigError;
use crate::config::reader::{Table, Value};
use crate::upstream::Address;
use std::path::Path;
use std::time::Duration;

const METRICS: &str = "must be on loopback or a Unix socket, such as \"http://127.0.0.1:9465/metrics\" or \"unix:metrics.sock\"; what is elsewhere can be scraped there";

const URL: &str = "http://127.0.0.1:8081";

pub(super) fn upstream(mut table: Table<'_>, base: &Path) -> Result<Upstream, ConfigError> {
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
    if path.contains('#') {
        return Err(value.error("has a `#`, and what stands behind one is never sent to a server; remove it"));
    }
    let target: http::Uri = path.parse().map_err(|_| value.error(METRICS))?;
    Ok(MetricsSource { address, path: target.to_string() })
}
