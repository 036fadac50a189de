//! The program that runs, and what it takes.

use super::family::{counter, counters, gauge, gauges, seconds};
use prometheus::proto::MetricFamily;
use std::time::SystemTime;

/// The kernel's fixed clock ticks a second in /proc.
const TICKS: f64 = 100.0;

pub(super) fn build() -> MetricFamily {
    gauges("gateway_build_info", "The running version.", [gauge(&[("version", env!("CARGO_PKG_VERSION"))], 1.0)])
}

/// The process metrics that Prometheus clients agree on; left out where /proc does not tell.
pub(super) fn process(started: SystemTime) -> Vec<MetricFamily> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
    };
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // fields 14 and 15 of proc(5); the name in field 2 may hold anything
    let ticks = stat.rsplit(')').next().and_then(|rest| {
        let mut fields = rest.split(' ').skip(12).map(|n| n.parse::<f64>().ok());
        Some(fields.next()?? + fields.next()??)
    });
    let files = std::fs::read_dir("/proc/self/fd").map(|fds| fds.count() as f64).ok();
    let most = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most =
        most.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok());
    let one = |value| [gauge(&[], value)];
    [
        ticks.map(|ticks| {
            let row = counter(&[], ticks / TICKS);
            counters("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", [row])
        }),
        kilobytes("VmRSS")
            .map(|kb| gauges("process_resident_memory_bytes", "Resident memory size in bytes.", one(kb * 1024.0))),
        kilobytes("VmSize")
            .map(|kb| gauges("process_virtual_memory_bytes", "Virtual memory size in bytes.", one(kb * 1024.0))),
        files.map(|n| gauges("process_open_fds", "Number of open file descriptors.", one(n))),
        most.map(|n| gauges("process_max_fds", "Maximum number of open file descriptors.", one(n))),
        Some(gauges(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            one(seconds(started)),
        )),
    ]
    .into_iter()
    .flatten()
    .collect()
}
