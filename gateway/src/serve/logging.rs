//! Where log lines go: standard error, as text or one JSON object a line.

use crate::config::settings::{Log, LogFormat};
use std::io::{self, IsTerminal};
use tracing_subscriber::EnvFilter;

/// The variable that wins over `log.level`.
const VARIABLE: &str = "GATEWAY_LOG";

/// Starts logging. A second call in one process changes nothing.
pub(super) fn start(log: &Log) {
    let level = std::env::var(VARIABLE).ok().and_then(|level| EnvFilter::try_new(level).ok());
    let filter = level.unwrap_or_else(|| EnvFilter::new(&log.level));
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let _ = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
}
