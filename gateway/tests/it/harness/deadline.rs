//! Waiting, but not for ever.

use std::fmt::Display;
use std::panic::Location;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Far longer than anything takes on a busy machine: it is only ever reached by a fault.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Between two looks of [`eventually`].
const PAUSE: Duration = Duration::from_millis(5);

/// Waits for `wait`; fails with what was waited for, and where, when it does not come.
#[track_caller]
pub(crate) fn within<T>(what: impl Display, wait: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        match timeout(DEADLINE, wait).await {
            Ok(value) => value,
            Err(_) => panic!("{place}: waited {DEADLINE:?} in vain: {what}"),
        }
    }
}

/// Asks again and again until the answer is there. For states that can only be looked at.
#[track_caller]
pub(crate) fn eventually<T>(what: impl Display, mut look: impl AsyncFnMut() -> Option<T>) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(value) = look().await {
                return value;
            }
            assert!(Instant::now() < end, "{place}: waited {DEADLINE:?} in vain: {what}");
            sleep(PAUSE).await;
        }
    }
}
