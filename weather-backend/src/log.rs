//! The log: text or JSON, on standard error.

use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

use crate::cli::{LogFormat, LogLevel};

/// Starts the log of this process.
pub(crate) fn start(format: LogFormat, level: LogLevel) {
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(shown(level)).with(lines).init();
}

fn shown(level: LogLevel) -> Targets {
    let all = |level: LevelFilter| Targets::new().with_default(level);
    match level {
        LogLevel::Error => all(LevelFilter::ERROR),
        LogLevel::Warn => all(LevelFilter::WARN),
        // The SDK says at this level that a request came, for each.
        LogLevel::Info => all(LevelFilter::INFO).with_target("rmcp", LevelFilter::WARN),
        LogLevel::Debug => all(LevelFilter::DEBUG),
        LogLevel::Trace => all(LevelFilter::TRACE),
    }
}
