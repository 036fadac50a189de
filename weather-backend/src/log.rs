//! The log: text or JSON, on standard error.

use std::io;

use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::{LogFormat, LogLevel};

/// Starts the log of this process.
pub(crate) fn start(format: LogFormat, level: LogLevel) {
    let log = fmt().with_env_filter(filter(level)).with_writer(io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

fn filter(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        // The SDK says at this level that a request came, for each.
        LogLevel::Info => "info,rmcp=warn",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    })
}
