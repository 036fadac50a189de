//! Files: those that are read again while the process runs, and the audit that is written.

use super::family::{counter, counters, gauge, gauges, seconds};
use super::{Metrics, Reload, ReloadedFile};
use prometheus::proto::MetricFamily;
use std::sync::atomic::Ordering::Relaxed;

impl Metrics {
    pub(super) fn audit(&self) -> [MetricFamily; 4] {
        let one = |count: u64| [counter(&[], count as f64)];
        let audit = &self.audit;
        [
            counters("gateway_audit_lines_total", "Audit lines that were written.", one(audit.lines.load(Relaxed))),
            counters(
                "gateway_audit_dropped_total",
                "Audit lines that were dropped: the queue was over its mark, or the process ended.",
                one(audit.dropped.load(Relaxed)),
            ),
            counters(
                "gateway_audit_write_errors_total",
                "Tries to write the audit that failed; they are repeated.",
                one(audit.failures.load(Relaxed)),
            ),
            gauges(
                "gateway_audit_queue_bytes",
                "Bytes of audit lines that wait to be written.",
                [gauge(&[], audit.queued() as f64)],
            ),
        ]
    }

    pub(super) fn files(&self) -> [MetricFamily; 3] {
        let rows = |value: fn(&Reload) -> f64| {
            let row = move |(file, reload): (ReloadedFile, &Reload)| gauge(&[("file", file.word())], value(reload));
            ReloadedFile::ALL.into_iter().zip(&self.reloads).map(row)
        };
        let certificate = self.certificate.load();
        [
            gauges(
                "gateway_tls_certificate_expiry_timestamp_seconds",
                "When the certificate ends, in Unix time.",
                [gauge(&[("name", &certificate.name)], seconds(certificate.not_after))],
            ),
            gauges(
                "gateway_config_reload_ok",
                "1 if the file is in use as it stands, 0 if it cannot be used and what was read before stays in use.",
                rows(|reload| f64::from(u8::from(reload.is_ok()))),
            ),
            gauges(
                "gateway_config_reload_timestamp_seconds",
                "When the file was last read and taken into use, in Unix time.",
                rows(|reload| reload.when().map_or(0.0, seconds)),
            ),
        ]
    }
}
