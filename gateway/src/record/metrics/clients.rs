//! What clients did, and what their keys are.

use super::Metrics;
use super::family::{counter, counters, gauge, gauges, seconds};
use crate::access::Access;
use crate::record::meters::ClientShard;
use crate::record::requests::Cell;
use crate::record::{Live, Outcome};
use crate::reject::Reject;
use prometheus::proto::MetricFamily;
use std::collections::BTreeMap;

/// Label of requests that belong to no client; no client id begins with `-`.
const NOBODY: &str = "-";

impl Metrics {
    pub(super) fn clients(&self, live: &Live) -> [MetricFamily; 5] {
        [self.requests(live), tool_calls(live), policy_denied(live), rate_limited(live), streams_open(live)]
    }

    fn requests(&self, live: &Live) -> MetricFamily {
        let mut sums: BTreeMap<(&str, usize, &str, &str), u64> = BTreeMap::new();
        let mut add = |client, shard: &ClientShard| {
            for (Cell { route, method, outcome }, count) in shard.requests.iter() {
                *sums.entry((client, route, method.as_str(), Outcome::word_at(outcome))).or_default() += count;
            }
        };
        self.workers.iter().for_each(|worker| add(NOBODY, &worker.anonymous));
        live.meters.iter().for_each(|meters| meters.shards.iter().for_each(|shard| add(meters.id.as_str(), shard)));
        let rows = sums.into_iter().map(|((client, route, method, outcome), count)| {
            let route = self.route(route);
            counter(&[("client", client), ("route", route), ("method", method), ("outcome", outcome)], count as f64)
        });
        counters("gateway_requests_total", "Finished requests.", rows)
    }
}

fn tool_calls(live: &Live) -> MetricFamily {
    let mut sums: BTreeMap<(&str, usize, usize), u64> = BTreeMap::new();
    for meters in live.meters.iter() {
        for ((tool, outcome), count) in meters.shards.iter().flat_map(|shard| shard.tools.iter()) {
            *sums.entry((meters.id.as_str(), tool, outcome)).or_default() += count;
        }
    }
    let rows = sums.into_iter().map(|((client, tool, outcome), count)| {
        let (tool, outcome) = (live.meters.tools().name(tool), Outcome::word_at(outcome));
        counter(&[("client", client), ("tool", tool), ("outcome", outcome)], count as f64)
    });
    let help =
        "Finished tools/call requests; tools that neither upstream.tools nor the keys file names are one, `other`.";
    counters("gateway_tool_calls_total", help, rows)
}

fn policy_denied(live: &Live) -> MetricFamily {
    let rows = live.meters.iter().map(|meters| {
        let cells = meters.shards.iter().flat_map(|shard| shard.requests.iter());
        let denied: u64 = cells.filter(|(cell, _)| cell.outcome == Reject::Denied.index()).map(|(_, n)| n).sum();
        counter(&[("client", meters.id.as_str())], denied as f64)
    });
    counters("gateway_policy_denied_total", "Requests that the client's policy denied.", rows)
}

/// Clients without limits have no rows.
fn rate_limited(live: &Live) -> MetricFamily {
    let limits = [
        (Reject::RateLimited, "rate"),
        (Reject::ToolRateLimited, "tool_rate"),
        (Reject::StreamsLimited, "streams"),
        (Reject::InFlightLimited, "in_flight"),
    ];
    let limited =
        live.access.clients().iter().zip(live.meters.iter()).filter(|(client, _)| client.allowance().is_some());
    let rows = limited.flat_map(|(_, meters)| {
        limits.map(|(reject, limit)| {
            let cells = meters.shards.iter().flat_map(|shard| shard.requests.iter());
            let count: u64 = cells.filter(|(cell, _)| cell.outcome == reject.index()).map(|(_, n)| n).sum();
            counter(&[("client", meters.id.as_str()), ("limit", limit)], count as f64)
        })
    });
    counters("gateway_rate_limited_total", "Requests that one of their client's limits refused.", rows)
}

fn streams_open(live: &Live) -> MetricFamily {
    let rows = live.meters.iter().map(|meters| {
        let open: u64 = meters.shards.iter().map(|shard| shard.streams_open.get()).sum();
        gauge(&[("client", meters.id.as_str())], open as f64)
    });
    gauges("gateway_streams_open", "Event streams that are open now.", rows)
}

pub(super) fn keys(live: &Live) -> [MetricFamily; 2] {
    [key_expiry(&live.access), key_last_used(live)]
}

fn key_expiry(access: &Access) -> MetricFamily {
    let rows = access.keys().filter_map(|(client, key)| {
        let expires_at = key.row().expires_at?;
        Some(gauge(&[("client", client.id().as_str()), ("key_id", key.id().as_str())], seconds(expires_at)))
    });
    let help = "When a key that has an end expires, in Unix time.";
    gauges("gateway_key_expiry_timestamp_seconds", help, rows)
}

fn key_last_used(live: &Live) -> MetricFamily {
    let rows = live.access.keys().filter_map(|(client, key)| {
        let last = live.meters.last_used(key.slot())?.get()?;
        Some(gauge(&[("client", client.id().as_str()), ("key_id", key.id().as_str())], seconds(last)))
    });
    let help = "When a key was last accepted, in Unix time; keys that were not since the start are left out.";
    gauges("gateway_key_last_used_timestamp_seconds", help, rows)
}
