//! `histogram_quantile` over classic histograms: series with a cumulative count up to each bound `le`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::labels::Labels;
use crate::promql::Sample;

/// The label that holds a bucket's upper bound.
const BOUND: &str = "le";

/// Counts that differ by less than this part are taken as equal: they come from rates, which are not exact.
const TOLERANCE: f64 = 1e-12;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    bound: f64,
    count: f64,
}

/// The φ-quantile of each histogram in the vector; samples without a readable `le` belong to none and are passed over.
pub(crate) fn quantiles(phi: f64, samples: &[Sample]) -> Vec<Sample> {
    let mut histograms: BTreeMap<Labels, Vec<Bucket>> = BTreeMap::new();
    for sample in samples {
        if let Some(bound) = crate::numbers::parse(sample.labels.get(BOUND)) {
            let histogram = histograms.entry(sample.labels.with(BOUND, "")).or_default();
            histogram.push(Bucket { bound, count: sample.value });
        }
    }
    histograms
        .into_iter()
        .map(|(labels, buckets)| Sample { labels: labels.nameless(), value: quantile(phi, buckets) })
        .collect()
}

/// The quantile of one histogram, taking observations as evenly spread within their bucket.
///
/// In the highest bucket, which has no end, the answer is where it starts. The lowest bucket starts at zero, or if it
/// ends at or below zero the answer is its end.
fn quantile(phi: f64, buckets: Vec<Bucket>) -> f64 {
    if phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if 1.0 < phi {
        return f64::INFINITY;
    }
    let buckets = cumulative(buckets);
    let [finite @ .., highest] = buckets.as_slice() else { return f64::NAN };
    let Some(last_finite) = finite.last() else { return f64::NAN };
    let complete = highest.bound.is_infinite() && 0.0 < highest.bound;
    if !complete || highest.count.abs() <= 0.0 {
        return f64::NAN;
    }
    let rank = phi * highest.count;
    let position = finite.partition_point(|bucket| bucket.count.partial_cmp(&rank).is_none_or(Ordering::is_lt));
    let Some(bucket) = finite.get(position) else { return last_finite.bound };
    match position.checked_sub(1).and_then(|before| finite.get(before)) {
        None if bucket.bound <= 0.0 => bucket.bound,
        None => bucket.bound * (rank / bucket.count),
        Some(before) => {
            let share = (rank - before.count) / (bucket.count - before.count);
            before.bound + (bucket.bound - before.bound) * share
        }
    }
}

/// Buckets by ascending bound, one for each, with counts that never fall.
fn cumulative(mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    buckets.sort_by(|left, right| left.bound.total_cmp(&right.bound));
    let mut merged: Vec<Bucket> = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        match merged.last_mut() {
            Some(last) if last.bound.total_cmp(&bucket.bound).is_eq() => last.count += bucket.count,
            _ => merged.push(bucket),
        }
    }
    let mut reached: Option<f64> = None;
    for bucket in &mut merged {
        if let Some(reached) = reached {
            let negligible = (bucket.count - reached).abs() <= TOLERANCE * (bucket.count.abs() + reached.abs());
            bucket.count = if negligible || bucket.count < reached { reached } else { bucket.count };
        }
        reached = Some(bucket.count);
    }
    merged
}
