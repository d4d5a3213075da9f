//! Aggregations: many series into one, or into the few with the greatest values, for each group.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::labels::Labels;
use crate::numbers::{self, count};
use crate::promql::functions::Aggregation;
use crate::promql::plan::{End, Grouping};
use crate::promql::{QueryError, Sample};

/// One sample for each group, in the order of the groups' first series.
pub(crate) fn aggregate(aggregation: Aggregation<f64>, grouping: &Grouping, samples: Vec<Sample>) -> Vec<Sample> {
    let one = |(labels, members): (Labels, Vec<Sample>)| {
        let values = members.iter().map(|member| member.value).collect();
        Sample { labels, value: combined(aggregation, values) }
    };
    grouped(grouping, samples).into_iter().map(one).collect()
}

fn combined(aggregation: Aggregation<f64>, values: Vec<f64>) -> f64 {
    match aggregation {
        Aggregation::Avg => numbers::mean(&values),
        Aggregation::Count => count(values.len()),
        Aggregation::Group => 1.0,
        Aggregation::Max => numbers::greatest(&values),
        Aggregation::Min => numbers::least(&values),
        Aggregation::Quantile(phi) => numbers::quantile(phi, values),
        Aggregation::Stddev => numbers::variance(&values).sqrt(),
        Aggregation::Stdvar => numbers::variance(&values),
        Aggregation::Sum => numbers::total(&values),
    }
}

/// The `size` series of each group with the greatest or least values, those first.
pub(crate) fn extremes(
    end: End,
    size: f64,
    grouping: &Grouping,
    samples: Vec<Sample>,
) -> Result<Vec<Sample>, QueryError> {
    let size = whole(size)?;
    let mut chosen = Vec::new();
    for (_, mut members) in grouped(grouping, samples) {
        sort(end, &mut members);
        members.truncate(size);
        chosen.append(&mut members);
    }
    Ok(chosen)
}

/// Sorts by value with one end first; NaN comes last either way.
pub(crate) fn sort(first: End, samples: &mut [Sample]) {
    samples.sort_by(|left, right| {
        let (left, right) = (left.value, right.value);
        let order = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
        let order = if first == End::Top { order.reverse() } else { order };
        left.is_nan().cmp(&right.is_nan()).then(order)
    });
}

fn grouped(grouping: &Grouping, samples: Vec<Sample>) -> Vec<(Labels, Vec<Sample>)> {
    let mut positions: HashMap<Labels, usize> = HashMap::new();
    let mut groups: Vec<(Labels, Vec<Sample>)> = Vec::new();
    for sample in samples {
        let key = grouping.key(&sample.labels);
        let position = *positions.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(position) {
            Some((_, members)) => members.push(sample),
            None => groups.push((key, vec![sample])),
        }
    }
    groups
}

/// How many series to keep; a negative number keeps none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "truncation is what PromQL asks for")]
fn whole(size: f64) -> Result<usize, QueryError> {
    // 2^63, from where on Prometheus refuses too.
    if size.is_nan() || 9_223_372_036_854_775_808.0 <= size.abs() {
        return Err(QueryError::NotCountable(numbers::shown(size)));
    }
    Ok(size.max(0.0) as usize)
}
