//! What keeps requests from asking for an upstream that cannot be reached, each by itself.
//!
//! One that refuses connections says so at once, and the first few requests are told what it says. One that says nothing makes
//! a request wait for as long as connecting may take. Either way it is then the worker that tries again, and requests are told
//! at once that there is nobody, until it has found somebody.

use super::{CONNECT_TIMEOUT, Upstream};
use rustix::io::Errno;
use std::cell::Cell;
use std::io;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// After so many refusals in a row nobody asks any more.
const MOST_REFUSED: u8 = 5;
/// How often the worker tries again.
const PROBE: Duration = Duration::from_millis(250);

/// One worker's breaker.
#[derive(Default)]
pub(super) struct Breaker {
    open: Cell<bool>,
    refused: Cell<u8>,
    opened: Notify,
}

impl Breaker {
    /// Whether no request is to connect.
    pub(super) fn is_open(&self) -> bool {
        self.open.get()
    }

    /// The upstream has taken a connection.
    pub(super) fn reached(&self) {
        self.refused.set(0);
        self.open.set(false);
    }

    /// It has not, and said so.
    pub(super) fn refused(&self, cause: &io::Error) {
        if is_ours(cause) {
            return;
        }
        self.refused.set(self.refused.get().saturating_add(1));
        if self.refused.get() >= MOST_REFUSED {
            self.opens();
        }
    }

    /// It said nothing within the time for it.
    pub(super) fn opens(&self) {
        if !self.open.replace(true) {
            self.opened.notify_one();
        }
    }
}

/// Whether a connection failed for want of something that the upstream has no part in.
fn is_ours(cause: &io::Error) -> bool {
    const OURS: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL];
    Errno::from_io_error(cause).is_some_and(|errno| OURS.contains(&errno))
}

impl Upstream {
    /// Waits until requests are told that there is nobody. Somebody has to wait for [`Upstream::found`] then.
    pub async fn lost(&self) {
        while !self.breaker.is_open() {
            self.breaker.opened.notified().await;
        }
    }

    /// Tries to reach the upstream until it can be. What was reached serves the next request.
    pub async fn found(&self) {
        while self.breaker.is_open() {
            sleep(PROBE).await;
            if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, self.dial()).await {
                self.pool.put(stream);
                self.breaker.reached();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_refusals_in_a_row_and_at_once_after_silence() {
        let breaker = Breaker::default();
        let refused = io::Error::from(Errno::CONNREFUSED);
        for _ in 0..3 {
            (1..MOST_REFUSED).for_each(|_| breaker.refused(&refused));
            assert!(!breaker.is_open());
            breaker.reached();
        }
        (1..MOST_REFUSED).for_each(|_| breaker.refused(&refused));
        (0..9).for_each(|_| breaker.refused(&Errno::MFILE.into())); // says nothing of the upstream
        assert!(!breaker.is_open());
        breaker.refused(&refused);
        assert!(breaker.is_open());
        breaker.reached();
        assert!(!breaker.is_open());
        breaker.opens();
        assert!(breaker.is_open());
    }
}
