//! Limits that somebody ran into, and what is held back by them.

use super::Metrics;
use super::family::{counter, counters, gauge, gauges};
use crate::record::Limit;
use prometheus::proto::MetricFamily;

impl Metrics {
    pub(super) fn limits(&self) -> [MetricFamily; 5] {
        let hits = |limit: Limit| self.sum(|worker| worker.hits(limit));
        [
            counters(
                "gateway_limit_hits_total",
                "How often somebody ran into a limit, by its name in the settings.",
                Limit::ALL.into_iter().map(|limit| counter(&[("limit", limit.word())], hits(limit))),
            ),
            gauges(
                "gateway_in_flight",
                "Requests and streams that are not over.",
                [gauge(&[], self.sum(|worker| worker.in_flight.get()))],
            ),
            gauges(
                "gateway_held_bytes",
                "Bytes of bodies, lists, events and replies that count for limits.max_held.",
                [gauge(&[], self.stock.held() as f64)],
            ),
            counters(
                "gateway_log_lines_lost_total",
                "Lines of the log that were not taken in time.",
                [counter(&[], self.log.lines() as f64)],
            ),
            counters(
                "gateway_keep_alives_total",
                "Comments put into silent event streams.",
                [counter(&[], self.sum(|worker| worker.keep_alives.get()))],
            ),
        ]
    }
}
