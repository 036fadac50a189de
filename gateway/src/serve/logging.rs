//! Where log lines go: standard error, as text or one JSON object a line.

use crate::config::settings::{Log, LogFormat, levels};
use std::io::{self, IsTerminal};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that wins over `log.level`.
const VARIABLE: &str = "GATEWAY_LOG";

/// Starts logging. A second call in one process changes nothing.
pub(super) fn start(log: &Log) {
    let wanted = std::env::var(VARIABLE).ok().and_then(|text| levels(&text));
    let shown = wanted.or_else(|| levels(&log.level)).unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
    };
    let _ = tracing_subscriber::registry().with(shown).with(lines).try_init();
}
