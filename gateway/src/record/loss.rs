//! Lines of the log that nobody took.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many there are.
#[derive(Debug, Default)]
pub struct LogLoss(AtomicU64);

impl LogLoss {
    /// One more.
    pub fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// So far.
    pub fn lines(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
