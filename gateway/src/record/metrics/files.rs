//! Files that are read again while the process runs.

use super::family::{gauge, gauges, seconds};
use super::{Metrics, Reload, ReloadedFile};
use prometheus::proto::MetricFamily;

impl Metrics {
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
