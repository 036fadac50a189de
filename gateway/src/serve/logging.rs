//! Where log lines go: standard error, as text or one JSON object a line.
//!
//! Nobody waits for whoever reads them. Until the process serves each line is written at once; from then on a thread writes what
//! others leave with it, and what it cannot get rid of in time is dropped, counted, and told of when lines are taken again.

mod spool;

use crate::config::settings::{Log, LogFormat, levels};
use crate::record::LogLoss;
use spool::Spool;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The variable that wins over `log.level`.
const VARIABLE: &str = "GATEWAY_LOG";
/// How long what is left may take to be written when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// The log of this process. When it is dropped, what is left is written, if that can be done soon.
pub(super) struct Logging {
    spool: Arc<Spool>,
}

impl Logging {
    /// Starts logging. A second call in one process changes nothing.
    pub(super) fn start(log: &Log) -> Self {
        let spool = Arc::new(Spool::default());
        let wanted = std::env::var(VARIABLE).ok().and_then(|text| levels(&text));
        let shown = wanted.or_else(|| levels(&log.level)).unwrap_or_default();
        let lines = tracing_subscriber::fmt::layer().with_writer(spool.clone());
        let lines = match log.format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        };
        let _ = tracing_subscriber::registry().with(shown).with(lines).try_init();
        Self { spool }
    }

    /// From now on a thread writes, and nobody waits for it. Whatever restricts the process has to be done by then, to hold for
    /// the thread as well.
    ///
    /// # Errors
    /// There can be no thread.
    pub(super) fn detach(&self) -> io::Result<()> {
        self.spool.detach()
    }

    /// What a scrape shows of it.
    pub(super) fn loss(&self) -> Arc<LogLoss> {
        self.spool.loss()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.spool.finish(FAREWELL);
    }
}
