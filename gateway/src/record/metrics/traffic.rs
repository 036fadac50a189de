//! What all requests, streams and connections were together.

use super::Metrics;
use super::family::{counter, counters, gauge, gauges, histogram};
use crate::record::meters::WorkerMeters;
use crate::record::tally::Tally;
use crate::record::{End, Outcome};
use crate::reject::Reject;
use prometheus::proto::MetricFamily;
use std::collections::BTreeMap;

impl Metrics {
    pub(super) fn traffic(&self) -> [MetricFamily; 5] {
        let durations = self.workers.iter().map(|worker| &worker.request_duration);
        let heads = self.workers.iter().map(|worker| &worker.upstream_head);
        [
            self.decisions(),
            histogram(
                "gateway_request_duration_seconds",
                "Seconds from a request's head to the end of its reply; GET streams and subscriptions are left out.",
                durations,
            ),
            histogram(
                "gateway_upstream_head_seconds",
                "Seconds from sending a request to the upstream to the head of its reply.",
                heads,
            ),
            self.upstream_errors(),
            gauges(
                "gateway_breaker_open",
                "Workers that answer 503 because the upstream cannot be reached, and look for it.",
                [gauge(&[], self.sum(|worker| worker.breaker_open.get()))],
            ),
        ]
    }

    pub(super) fn streams(&self) -> [MetricFamily; 4] {
        let ends = End::ALL.into_iter().map(|end| {
            let of = |worker: &WorkerMeters| worker.streams.ends.get(end as usize).map_or(0, Tally::get);
            counter(&[("reason", end.word())], self.sum(of))
        });
        [
            histogram(
                "gateway_stream_duration_seconds",
                "Seconds from a request's head to the end of its event stream.",
                self.workers.iter().map(|worker| &worker.streams.duration),
            ),
            histogram(
                "gateway_first_event_seconds",
                "Seconds from a request's head to the end of its event stream's first event.",
                self.workers.iter().map(|worker| &worker.streams.first_event),
            ),
            counters(
                "gateway_stream_events_total",
                "Events that were passed on.",
                [counter(&[], self.sum(|worker| worker.streams.events.get()))],
            ),
            counters("gateway_stream_ends_total", "Event streams that ended, by why.", ends),
        ]
    }

    pub(super) fn connections(&self) -> [MetricFamily; 4] {
        let mut handshakes: BTreeMap<[&str; 3], u64> = BTreeMap::new();
        for (labels, count) in self.workers.iter().flat_map(|worker| worker.handshakes.iter()) {
            *handshakes.entry(labels).or_default() += count;
        }
        let handshakes = handshakes.into_iter().map(|([version, group, result], count)| {
            counter(&[("version", version), ("group", group), ("result", result)], count as f64)
        });
        [
            gauges(
                "gateway_connections_open",
                "Client connections that are open now.",
                [gauge(&[], self.sum(|worker| worker.connections_open.get()))],
            ),
            gauges(
                "gateway_h2_streams_open",
                "Streams of h2 connections that are open now.",
                [gauge(&[], self.sum(|worker| worker.h2_streams_open.get()))],
            ),
            counters(
                "gateway_tls_handshakes_total",
                "TLS handshakes, by version, key exchange group and result.",
                handshakes,
            ),
            counters(
                "gateway_heads_refused_total",
                "Request heads that could not be read (answered 400 or 431, or cut).",
                [counter(&[], self.sum(|worker| worker.heads_refused.get()))],
            ),
        ]
    }

    fn decisions(&self) -> MetricFamily {
        let accepted = self.sum(|worker| worker.accepted.get());
        let mut rows = vec![counter(&[("result", "accepted"), ("reason", "")], accepted)];
        rows.extend(Reject::ALL.into_iter().filter_map(|reject| {
            let reason = reject.credential_reason()?;
            let rejected = self.finished(Outcome::Rejected(reject));
            Some(counter(&[("result", "rejected"), ("reason", reason)], rejected))
        }));
        counters("gateway_auth_decisions_total", "Keys accepted and refused, by reason.", rows)
    }

    fn upstream_errors(&self) -> MetricFamily {
        let kinds = [
            ("unreachable", Reject::UpstreamUnreachable),
            ("down", Reject::UpstreamDown),
            ("closed", Reject::UpstreamClosed),
            ("invalid", Reject::UpstreamInvalid),
            ("timeout", Reject::HeadTimeout),
        ];
        let cuts = self.sum(|worker| worker.upstream_cuts.get());
        let row = |kind, count| counter(&[("kind", kind)], count);
        let rows = kinds.map(|(kind, reject)| row(kind, self.finished(Outcome::Rejected(reject))));
        let help = "Requests that the upstream failed: no connection, none tried, no head, a bad one, none in time, a cut body.";
        counters("gateway_upstream_errors_total", help, rows.into_iter().chain([row("cut", cuts)]))
    }

    fn finished(&self, outcome: Outcome) -> f64 {
        self.sum(|worker| worker.outcomes.get(outcome.index()).map_or(0, Tally::get))
    }

    pub(super) fn sum(&self, of: impl Fn(&WorkerMeters) -> u64) -> f64 {
        self.workers.iter().map(of).sum::<u64>() as f64
    }
}
