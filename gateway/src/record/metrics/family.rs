//! The parts that Prometheus text is made of.

use crate::record::tally::Histogram;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as HistogramProto, LabelPair, Metric, MetricFamily, MetricType,
};
use std::time::SystemTime;

/// A label with its value.
pub(super) type Label<'a> = (&'a str, &'a str);

/// A family of counters.
pub(super) fn counters(name: &str, help: &str, rows: impl IntoIterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::COUNTER, rows)
}

/// A family of gauges.
pub(super) fn gauges(name: &str, help: &str, rows: impl IntoIterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::GAUGE, rows)
}

/// A histogram without labels, which adds up what the workers have.
pub(super) fn histogram<'a>(name: &str, help: &str, parts: impl Iterator<Item = &'a Histogram>) -> MetricFamily {
    family(name, help, MetricType::HISTOGRAM, [sum(parts)])
}

fn family(name: &str, help: &str, kind: MetricType, rows: impl IntoIterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(rows.into_iter().collect());
    family
}

fn labels(pairs: &[Label<'_>]) -> Vec<LabelPair> {
    let pair = |(name, value): &Label<'_>| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    pairs.iter().map(pair).collect()
}

/// One counter of a family.
pub(super) fn counter(pairs: &[Label<'_>], value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::from_label(labels(pairs));
    metric.set_counter(counter);
    metric
}

/// One gauge of a family.
pub(super) fn gauge(pairs: &[Label<'_>], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(labels(pairs));
    metric.set_gauge(gauge);
    metric
}

fn sum<'a>(parts: impl Iterator<Item = &'a Histogram>) -> Metric {
    let (mut counts, mut sum) = ([0; Histogram::BOUNDS + 1], 0.0);
    for part in parts {
        let (buckets, seconds) = part.read();
        counts.iter_mut().zip(buckets).for_each(|(count, n)| *count += n);
        sum += seconds;
    }
    let mut total = 0;
    let mut buckets = Vec::with_capacity(Histogram::BOUNDS);
    for (index, count) in counts.into_iter().enumerate() {
        total += count;
        if index < Histogram::BOUNDS {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(Histogram::bound(index));
            bucket.set_cumulative_count(total);
            buckets.push(bucket);
        }
    }
    let mut proto = HistogramProto::default();
    proto.set_bucket(buckets);
    proto.set_sample_count(total);
    proto.set_sample_sum(sum);
    let mut metric = Metric::from_label(Vec::new());
    metric.set_histogram(proto);
    metric
}

/// Unix time.
pub(super) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
