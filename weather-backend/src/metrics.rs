//! What a scrape shows, in Prometheus' text format. Every label is from a closed set.

use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder, core::Collector};
use tokio::time::Instant;

use crate::source::Trouble;

/// Up to the deadline of a call.
const SECONDS: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// How a tool call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered.
    Ok,
    /// The arguments were no good.
    Refused,
    /// The source failed.
    Failed,
    /// The client left before the answer.
    Left,
    /// We stopped before the answer.
    Drained,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Refused, Self::Failed, Self::Left, Self::Drained];

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Left => "left",
            Self::Drained => "drained",
        }
    }
}

/// How the cache took a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Answered without asking the Service.
    Hit,
    /// Not there, or not to be used.
    Miss,
    /// There, and the Service confirmed it (304).
    Revalidated,
}

impl Lookup {
    const ALL: [Self; 3] = [Self::Hit, Self::Miss, Self::Revalidated];

    fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Revalidated => "revalidated",
        }
    }
}

/// Counters of one backend. A clone counts into the same.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    calls: IntCounterVec,
    call_seconds: HistogramVec,
    nws_seconds: HistogramVec,
    nws_errors: IntCounterVec,
    cache: IntCounterVec,
}

impl Metrics {
    /// All counters at zero, and all their series present.
    pub fn new() -> Self {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels).expect(VALID))
        };
        let seconds = |name: &str, help: &str, label: &str| {
            let opts = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, HistogramVec::new(opts, &[label]).expect(VALID))
        };
        let metrics = Self {
            calls: counter("weather_tool_calls_total", "Tool calls by tool and outcome.", &["tool", "outcome"]),
            call_seconds: seconds("weather_tool_call_duration_seconds", "Time of a tool call in seconds.", "tool"),
            nws_seconds: seconds(
                "weather_nws_request_duration_seconds",
                "Time from a request to the National Weather Service to the end of its reply in seconds.",
                "endpoint",
            ),
            nws_errors: counter(
                "weather_nws_errors_total",
                "Steps that failed at the National Weather Service, retries included, by kind.",
                &["kind"],
            ),
            cache: counter(
                "weather_cache_lookups_total",
                "Look-ups in the cache of NWS replies by result.",
                &["result"],
            ),
            registry,
        };
        metrics.start_at_zero();
        metrics
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    pub fn text(&self) -> String {
        // Encoding fails only for a family without a name or metrics; ours have both.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// A call of `tool` begins; it counts as [`Outcome::Left`] unless it is settled.
    pub(crate) fn call(&self, tool: &'static str) -> CallRecord {
        CallRecord { metrics: self.clone(), tool, began: Instant::now(), outcome: Outcome::Left }
    }

    /// The Service answered a request to `endpoint`, well or badly.
    pub(crate) fn nws_answered(&self, endpoint: &str, took: Duration) {
        self.nws_seconds.with_label_values(&[endpoint]).observe(took.as_secs_f64());
    }

    /// A step failed at the Service.
    pub(crate) fn nws_failed(&self, trouble: &Trouble) {
        self.nws_errors.with_label_values(&[trouble.kind()]).inc();
    }

    /// The cache was asked.
    pub(crate) fn looked_up(&self, result: Lookup) {
        self.cache.with_label_values(&[result.word()]).inc();
    }

    fn start_at_zero(&self) {
        for tool in crate::tools::NAMES {
            self.call_seconds.with_label_values(&[tool]);
            for outcome in Outcome::ALL {
                self.calls.with_label_values(&[tool, outcome.word()]);
            }
        }
        for endpoint in crate::source::Step::ENDPOINTS {
            self.nws_seconds.with_label_values(&[endpoint]);
        }
        for kind in Trouble::KINDS {
            self.nws_errors.with_label_values(&[kind]);
        }
        for result in Lookup::ALL {
            self.cache.with_label_values(&[result.word()]);
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// One call; counted when it is dropped, so that a call that is cut off counts too.
pub(crate) struct CallRecord {
    metrics: Metrics,
    tool: &'static str,
    began: Instant,
    outcome: Outcome,
}

impl CallRecord {
    /// The call has ended this way.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.metrics.calls.with_label_values(&[self.tool, self.outcome.word()]).inc();
        self.metrics.call_seconds.with_label_values(&[self.tool]).observe(took.as_secs_f64());
        tracing::info!(tool = self.tool, outcome = self.outcome.word(), millis = took.as_millis(), "tool call");
    }
}

const VALID: &str = "names, labels and buckets are constants, and a test builds them";

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect(VALID);
    collector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start() {
        let text = Metrics::new().text();
        for series in [
            r#"weather_tool_calls_total{outcome="ok",tool="get_alerts"} 0"#,
            r#"weather_tool_calls_total{outcome="drained",tool="get_forecast"} 0"#,
            r#"weather_nws_request_duration_seconds_count{endpoint="points"} 0"#,
            r#"weather_nws_errors_total{kind="rate_limited"} 0"#,
            r#"weather_cache_lookups_total{result="hit"} 0"#,
        ] {
            assert!(text.contains(series), "{series} is missing in\n{text}");
        }
    }

    #[test]
    fn a_call_that_nobody_settled_has_left() {
        let metrics = Metrics::new();
        drop(metrics.call("get_alerts"));
        metrics.call("get_alerts").settle(Outcome::Ok);
        let text = metrics.text();
        assert!(text.contains(r#"weather_tool_calls_total{outcome="left",tool="get_alerts"} 1"#), "{text}");
        assert!(text.contains(r#"weather_tool_calls_total{outcome="ok",tool="get_alerts"} 1"#), "{text}");
    }
}
