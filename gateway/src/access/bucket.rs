//! A bucket of units that fills by itself: GCRA (ITU-T I.371, "virtual scheduling") in one word.

use super::Quota;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Nanoseconds on the machine's monotonic clock since the process first asked. A wall clock that jumps does not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(u64);

impl Uptime {
    /// Now.
    pub fn now() -> Self {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        let since = BEGIN.get_or_init(Instant::now).elapsed();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX >> 1))
    }

    /// So long after the process first asked.
    pub fn after(since: Duration) -> Self {
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX >> 1))
    }
}

/// A bucket that many threads take from without a lock.
///
/// The word is the moment at which the bucket will be full again. Taking a unit moves it by one interval, and it may never
/// be further away than the whole bucket takes to fill: so in any span of time no more is taken than the burst and what
/// the rate gives in that span. How large the bucket is and how fast it fills is not kept here: a changed quota changes how
/// the debt is judged, and never forgives it.
#[derive(Debug, Default)]
pub struct Bucket(AtomicU64);

/// What was taken, for as long as it may have to be given back.
#[derive(Debug)]
pub struct Taken {
    before: u64,
    after: u64,
}

/// How full a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Units that may be used now.
    pub units: u32,
    /// How long it takes until there is one more; zero when the bucket is full.
    pub next: Duration,
}

impl Bucket {
    /// Takes `cost` units.
    ///
    /// # Errors
    /// How long it takes until that many are there. Nothing was taken then.
    pub fn take(&self, quota: &Quota, cost: u32, now: Uptime) -> Result<Taken, Duration> {
        let price = quota.interval().saturating_mul(u64::from(cost));
        let latest = now.0.saturating_add(quota.capacity());
        let mut before = self.0.load(Relaxed);
        loop {
            let after = before.max(now.0).saturating_add(price);
            if after > latest {
                return Err(Duration::from_nanos(after - latest));
            }
            match self.0.compare_exchange_weak(before, after, Relaxed, Relaxed) {
                Ok(_) => return Ok(Taken { before, after }),
                Err(other) => before = other,
            }
        }
    }

    /// Gives back what was taken a moment ago, unless somebody else has used the bucket since: then it is lost, because the
    /// word no longer tells whose it was.
    pub fn give_back(&self, taken: &Taken) {
        let _ = self.0.compare_exchange(taken.after, taken.before, Relaxed, Relaxed);
    }

    /// How full it is.
    pub fn level(&self, quota: &Quota, now: Uptime) -> Level {
        let debt = self.0.load(Relaxed).saturating_sub(now.0);
        let (capacity, interval) = (quota.capacity(), quota.interval());
        let units = capacity.saturating_sub(debt) / interval;
        let left = capacity.saturating_sub((units + 1).saturating_mul(interval)); // the debt at which there is one more
        let next = if debt == 0 { 0 } else { debt.saturating_sub(left) };
        Level { units: u32::try_from(units).unwrap_or(u32::MAX).min(quota.burst()), next: Duration::from_nanos(next) }
    }

    /// When it will be full.
    pub(super) fn full_at(&self) -> Uptime {
        Uptime(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Rate;
    use proptest::prelude::*;
    use std::sync::Barrier;

    fn at(millis: u64) -> Uptime {
        Uptime::after(Duration::from_millis(millis))
    }

    fn quota(rate: &str, burst: u32) -> Quota {
        Rate::parse(rate).unwrap().burst(burst)
    }

    #[test]
    fn a_burst_passes_and_then_one_after_each_interval() {
        let (bucket, quota) = (Bucket::default(), quota("60/min", 3));
        for left in [2, 1, 0] {
            bucket.take(&quota, 1, at(0)).unwrap();
            assert_eq!(bucket.level(&quota, at(0)).units, left);
        }
        assert_eq!(bucket.take(&quota, 1, at(250)).unwrap_err(), Duration::from_millis(750));
        assert_eq!(bucket.level(&quota, at(250)), Level { units: 0, next: Duration::from_millis(750) });
        bucket.take(&quota, 1, at(1000)).unwrap();
        bucket.take(&quota, 1, at(1999)).unwrap_err();
        assert_eq!(bucket.take(&quota, 3, at(2500)).unwrap_err(), Duration::from_millis(1500));
        bucket.take(&quota, 3, at(4000)).unwrap();
        assert_eq!(bucket.level(&quota, at(9000)), Level { units: 3, next: Duration::ZERO });
    }

    #[test]
    fn what_costs_nothing_always_passes_and_what_costs_too_much_never() {
        let (bucket, quota) = (Bucket::default(), quota("1/s", 2));
        bucket.take(&quota, 2, at(0)).unwrap();
        bucket.take(&quota, 0, at(0)).unwrap();
        bucket.take(&quota, 3, at(1_000_000)).unwrap_err();
    }

    #[test]
    fn another_quota_does_not_forgive() {
        let bucket = Bucket::default();
        bucket.take(&quota("60/min", 60), 60, at(0)).unwrap();
        for other in [quota("60/min", 60), quota("60/min", 1), quota("600/min", 600), quota("1/min", 1)] {
            bucket.take(&other, 1, at(0)).unwrap_err();
        }
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let (bucket, quota) = (Bucket::default(), quota("1/s", 2));
        let taken = bucket.take(&quota, 2, at(0)).unwrap();
        bucket.give_back(&taken);
        let taken = bucket.take(&quota, 1, at(0)).unwrap();
        bucket.take(&quota, 1, at(0)).unwrap();
        bucket.give_back(&taken);
        bucket.take(&quota, 1, at(0)).unwrap_err();
    }

    proptest! {
        /// In any span of time, whatever is asked, even by threads whose clocks are not quite in step.
        #[test]
        fn never_more_than_burst_and_elapsed_times_rate(
            count in 1u32..2000, unit in 0usize..4, burst in 1u32..50,
            asks in prop::collection::vec((0u64..5_000, 0u32..8, 0u64..200), 1..200),
        ) {
            let per = [1.0, 60.0, 3600.0, 86_400.0][unit];
            let quota = quota(&format!("{count}/{}", ["s", "min", "h", "day"][unit]), burst);
            let bucket = Bucket::default();
            let (mut now, mut taken) = (0, Vec::new());
            for (pause, cost, lag) in asks {
                now += pause;
                let clock = now.saturating_sub(lag);
                if bucket.take(&quota, cost, at(clock)).is_ok() {
                    taken.push((clock, f64::from(cost)));
                }
            }
            for (i, (from, _)) in taken.iter().enumerate() {
                let (mut sum, mut from, mut to) = (0.0, *from, *from);
                for (clock, cost) in &taken[i..] {
                    (sum, from, to) = (sum + cost, from.min(*clock), to.max(*clock));
                    let elapsed = (to - from) as f64 / 1e3;
                    prop_assert!(sum <= f64::from(burst) + elapsed * f64::from(count) / per + 1e-6);
                }
            }
        }

        /// What `level` and a refusal promise is kept.
        #[test]
        fn a_level_tells_what_can_be_taken(count in 1u32..2000, burst in 1u32..50, asks in prop::collection::vec((0u64..3_000, 1u32..60), 1..50)) {
            let quota = quota(&format!("{count}/min"), burst);
            let bucket = Bucket::default();
            let mut now = 0;
            for (pause, cost) in asks {
                now += pause;
                let level = bucket.level(&quota, at(now));
                match bucket.take(&quota, cost, at(now)) {
                    Ok(taken) => {
                        prop_assert!(cost <= level.units);
                        prop_assert_eq!(bucket.level(&quota, at(now)).units, level.units - cost);
                        bucket.give_back(&taken);
                        prop_assert_eq!(bucket.level(&quota, at(now)), level);
                        bucket.take(&quota, cost, at(now)).unwrap();
                    }
                    Err(wait) => {
                        prop_assert!(cost > level.units && !wait.is_zero());
                        if cost == level.units + 1 && cost <= burst {
                            prop_assert_eq!(wait, level.next);
                        }
                        let then = Uptime(at(now).0 + u64::try_from(wait.as_nanos()).unwrap());
                        prop_assert_eq!(bucket.level(&quota, then).units >= cost, cost <= burst);
                    }
                }
            }
        }
    }

    /// Threads that take from one bucket at once, each at its own speed, get together what one would get.
    #[test]
    fn threads_together_get_no_more_than_one() {
        const THREADS: u64 = 4;
        let (bucket, quota) = (Bucket::default(), quota("100000/s", 1000));
        let (start, begin) = (Barrier::new(THREADS as usize), Uptime::now());
        let taken: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        (0..20_000).filter(|_| bucket.take(&quota, 1, Uptime::now()).is_ok()).count() as u64
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let elapsed = Uptime::now().0 - begin.0;
        let most = 1000 + elapsed / quota.interval();
        assert!((1000..=most).contains(&taken), "{taken} of {most}");
        // and without time passing exactly the burst
        let bucket = Bucket::default();
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..2_000).filter(|_| bucket.take(&quota, 1, at(5)).is_ok()).count();
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1000);
    }
}
