//! Numbers on the request path: one worker writes them, a scrape reads them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

/// A number that one thread writes and any thread reads: counting is a load and a store, no locked instruction.
#[derive(Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Adds to it. Only for the one worker that owns it.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes from it, as a gauge does.
    pub fn sub(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    /// Its value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A row of tallies that starts at zero.
pub(super) fn tallies(count: usize) -> Box<[Tally]> {
    (0..count).map(|_| Tally::default()).collect()
}

/// When something last happened, in whole seconds: all workers share one, because it is written once a second at most.
#[derive(Default)]
pub struct LastTime(AtomicU64);

impl LastTime {
    /// It happens now.
    pub fn note(&self, now: SystemTime) {
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
        if self.0.load(Relaxed) != seconds {
            self.0.store(seconds, Relaxed);
        }
    }

    /// When that was, if ever since the process started.
    pub fn get(&self) -> Option<SystemTime> {
        let seconds = self.0.load(Relaxed);
        (seconds > 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

/// Seconds in buckets whose bounds double, from 1 ms to 131 s.
#[derive(Default)]
pub struct Histogram {
    buckets: [Tally; Self::BOUNDS + 1],
    micros: Tally,
}

impl Histogram {
    /// Finite buckets.
    pub const BOUNDS: usize = 18;

    /// Upper bound of a bucket, in seconds.
    pub fn bound(index: usize) -> f64 {
        0.001 * f64::from(1u32 << index)
    }

    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let index = (64 - (micros.saturating_sub(1) / 1000).leading_zeros() as usize).min(Self::BOUNDS);
        if let Some(bucket) = self.buckets.get(index) {
            bucket.add(1);
        }
        self.micros.add(micros);
    }

    /// Counts by bucket, the last one without bound, and the sum in seconds.
    pub fn read(&self) -> ([u64; Self::BOUNDS + 1], f64) {
        (std::array::from_fn(|i| self.buckets.get(i).map_or(0, Tally::get)), self.micros.get() as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_duration_falls_into_the_bucket_whose_bound_it_does_not_pass(micros in 0u64..200_000_000) {
            let histogram = Histogram::default();
            histogram.observe(Duration::from_micros(micros));
            let (buckets, sum) = histogram.read();
            let index = buckets.iter().position(|n| *n == 1).unwrap();
            let seconds = micros as f64 / 1e6;
            prop_assert!((sum - seconds).abs() < 1e-9);
            prop_assert!(index == Histogram::BOUNDS || seconds <= Histogram::bound(index) + 1e-12);
            prop_assert!(index == 0 || seconds > Histogram::bound(index - 1) - 1e-12);
        }
    }

    #[test]
    fn the_last_time_is_known_to_the_second() {
        let last = LastTime::default();
        assert_eq!(last.get(), None);
        last.note(SystemTime::UNIX_EPOCH + Duration::from_millis(7900));
        assert_eq!(last.get(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(7)));
    }
}
