//! What to do when no connection can be accepted.

use rustix::io::Errno;
use std::io;
use std::time::Duration;
use tracing::error;

const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// An accept that failed is no reason to stop accepting. When the process has run out of descriptors or memory, the next
/// try would fail as well, and the one after it: each waits twice as long as the one before, up to a second, and only the
/// first is logged.
#[derive(Debug, Default)]
pub(super) struct Breath(Option<Duration>);

impl Breath {
    /// After a try that failed because of `cause`.
    pub(super) async fn take(&mut self, cause: &io::Error) {
        // the kernel tells of what has already gone
        if matches!(cause.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if self.0.is_none() {
            error!(%cause, "cannot accept connections; trying again until it works");
        }
        let wait = self.0.map_or(FIRST, |last| (last * 2).min(LONGEST));
        self.0 = Some(wait);
        tokio::time::sleep(wait).await;
    }

    /// Whether it failed because the process, or the machine, can have no more open files.
    pub(super) fn is_exhausted(cause: &io::Error) -> bool {
        cause.raw_os_error().is_some_and(|code| [Errno::MFILE, Errno::NFILE].iter().any(|e| e.raw_os_error() == code))
    }

    /// After one that did not.
    pub(super) fn taken(&mut self) {
        self.0 = None;
    }
}
