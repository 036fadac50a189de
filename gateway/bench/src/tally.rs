//! What was done in how much time, whose, and with how much memory.

use crate::Load;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

/// The time of the machine's one clock that never jumps: backend and client compare what they read from it.
pub(crate) fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// What the lanes of a measure do together, from [`Tally::start`] to [`Tally::report`].
pub(crate) struct Tally {
    pids: Vec<u32>,
    begun: Duration,
    end: Duration,
    cpu: Duration,
    left: Cell<u64>,
    failed: Cell<u64>,
    failure: RefCell<Option<String>>,
    waits: RefCell<Vec<Duration>>,
}

impl Tally {
    pub(crate) fn start(load: &Load) -> Self {
        let begun = now();
        Self {
            pids: load.pids.clone(),
            begun,
            end: begun + Duration::from_millis(load.at_most),
            cpu: cpu(&load.pids),
            left: Cell::new(load.count),
            failed: Cell::new(0),
            failure: RefCell::new(None),
            waits: RefCell::new(Vec::with_capacity(1 << 16)),
        }
    }

    /// Whether one more operation may begin.
    pub(crate) fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0 && now() < self.end
    }

    /// When the measure began.
    pub(crate) fn begun(&self) -> Duration {
        self.begun
    }

    /// An operation that began at `begun` has ended so.
    pub(crate) fn note(&self, begun: Duration, ended: io::Result<()>) {
        match ended {
            Ok(()) => self.waits.borrow_mut().push(now().saturating_sub(begun)),
            Err(cause) => {
                self.failed.set(self.failed.get() + 1);
                self.failure.borrow_mut().get_or_insert_with(|| cause.to_string());
            }
        }
    }

    /// The sum of it; `cpu_us` is the CPU time of the measured processes for each operation that succeeded.
    pub(crate) fn report(&self) -> Value {
        let (cpu, seconds) = (cpu(&self.pids).saturating_sub(self.cpu), now().saturating_sub(self.begun));
        let mut waits = self.waits.borrow_mut();
        waits.sort_unstable();
        #[allow(clippy::cast_precision_loss)]
        let done = waits.len() as f64;
        json!({
            "done": waits.len(),
            "failed": self.failed.get(),
            "failure": *self.failure.borrow(),
            "seconds": seconds.as_secs_f64(),
            "per_second": done / seconds.as_secs_f64(),
            "cpu_seconds": cpu.as_secs_f64(),
            "cpu_us": cpu.as_secs_f64() * 1e6 / done.max(1.0),
            "p50_us": quantile(&waits, 50).as_secs_f64() * 1e6,
            "p99_us": quantile(&waits, 99).as_secs_f64() * 1e6,
        })
    }
}

/// Of sorted values.
fn quantile(values: &[Duration], percent: usize) -> Duration {
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or_default()
}

/// CPU time of all threads of these processes, as the scheduler counts it: in nanoseconds.
fn cpu(pids: &[u32]) -> Duration {
    let threads = pids.iter().filter_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")).ok()).flatten().flatten();
    let times = threads.filter_map(|thread| {
        std::fs::read_to_string(thread.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}

/// Memory of these processes in bytes; what they share is divided among them (PSS).
pub(crate) fn memory(pids: &[u32]) -> u64 {
    let of = |pid: &u32| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    pids.iter().filter_map(of).sum::<u64>() * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(quantile(&values, 50), Duration::from_micros(101));
        assert_eq!(quantile(&values, 99), Duration::from_micros(199));
        assert_eq!(quantile(&values[..1], 99), Duration::from_micros(1));
        assert_eq!(quantile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let own = [std::process::id()];
        assert!(memory(&own) > 0);
        assert!(cpu(&own) > Duration::ZERO);
    }
}
