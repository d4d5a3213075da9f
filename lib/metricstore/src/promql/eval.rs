//! Evaluates a plan over fetched data: a pure function of both and of the moment.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, HashSet};

use crate::labels::Labels;
use crate::numbers::seconds;
use crate::promql::fetch::{Fetched, LOOKBACK_MS};
use crate::promql::over::Window;
use crate::promql::plan::{Range, Scalar, Selector, Vector};
use crate::promql::{MAX_STEPS, QueryError, Sample, Series, aggregate, histogram, join, mapping, over, relabel};
use crate::series::{Point, is_stale};

/// At most so many samples are looked at for a query, counting a sample again each time it is looked at. It takes a
/// second or two, after which nobody waits for the answer.
const MAX_WORK: usize = 50_000_000;

/// A query in evaluation.
pub(crate) struct Evaluation<'a> {
    fetched: &'a [Vec<Fetched>],
    work: Cell<usize>,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(fetched: &'a [Vec<Fetched>]) -> Self {
        Self { fetched, work: Cell::new(MAX_WORK) }
    }

    pub(crate) fn scalar(&self, scalar: &Scalar, at_ms: i64) -> Result<f64, QueryError> {
        match scalar {
            Scalar::Number(number) => Ok(*number),
            Scalar::Time => Ok(seconds(at_ms)),
            Scalar::Only(vector) => match self.vector(vector, at_ms)?.as_slice() {
                [only] => Ok(only.value),
                _ => Ok(f64::NAN),
            },
            Scalar::Negated(scalar) => Ok(-self.scalar(scalar, at_ms)?),
            Scalar::Combined { operator, left, right } => {
                Ok(operator.apply(self.scalar(left, at_ms)?, self.scalar(right, at_ms)?))
            }
        }
    }

    pub(crate) fn vector(&self, vector: &Vector, at_ms: i64) -> Result<Vec<Sample>, QueryError> {
        let samples = match vector {
            Vector::Select(selector) => self.select(selector, at_ms, |(_, value)| value),
            Vector::SampledAt(selector) => nameless(self.select(selector, at_ms, |(at, _)| seconds(at))),
            Vector::Constant(scalar) => unlabelled(self.scalar(scalar, at_ms)?),
            Vector::Negated(vector) => mapped(self.vector(vector, at_ms)?, |value| Some(-value)),
            Vector::EvaluatedAt(vector) => mapped(self.vector(vector, at_ms)?, |_| Some(seconds(at_ms))),
            Vector::Mapped { mapping, vector } => {
                let mapping = mapping.try_map(|argument| self.scalar(argument, at_ms))?;
                mapped(self.vector(vector, at_ms)?, |value| mapping::apply(mapping, value))
            }
            Vector::Reduced { reduction, range } => {
                let values = reduction.try_map(|argument| self.scalar(argument, at_ms))?;
                let reduced = self.windows(range, at_ms, |window| over::reduce(values, window))?;
                if reduction.keeps_name() { reduced } else { nameless(reduced) }
            }
            Vector::Aggregated { aggregation, grouping, vector } => {
                let aggregation = aggregation.try_map(|argument| self.scalar(argument, at_ms))?;
                aggregate::aggregate(aggregation, grouping, self.vector(vector, at_ms)?)
            }
            Vector::Extreme { end, size, grouping, vector } => {
                let size = self.scalar(size, at_ms)?;
                aggregate::extremes(*end, size, grouping, self.vector(vector, at_ms)?)?
            }
            Vector::WithScalar { operation, vector, scalar, scalar_side } => {
                let scalar = self.scalar(scalar, at_ms)?;
                join::with_scalar(*operation, self.vector(vector, at_ms)?, scalar, *scalar_side)
            }
            Vector::Joined { operation, matching, left, right } => {
                join::join(*operation, matching, &self.vector(left, at_ms)?, &self.vector(right, at_ms)?)?
            }
            Vector::Set { set, key, left, right } => {
                join::set(*set, key, self.vector(left, at_ms)?, self.vector(right, at_ms)?)
            }
            Vector::HistogramQuantile { phi, vector } => {
                histogram::quantiles(self.scalar(phi, at_ms)?, &self.vector(vector, at_ms)?)
            }
            Vector::Relabelled { relabelling, vector } => {
                let relabelled =
                    |sample: Sample| Sample { labels: relabel::apply(relabelling, &sample.labels), ..sample };
                self.vector(vector, at_ms)?.into_iter().map(relabelled).collect()
            }
            Vector::Absent { vector, labels } => match self.vector(vector, at_ms)?.as_slice() {
                [] => vec![Sample { labels: labels.clone(), value: 1.0 }],
                [..] => Vec::new(),
            },
            Vector::Sorted { first, vector } => {
                let mut samples = self.vector(vector, at_ms)?;
                aggregate::sort(*first, &mut samples);
                samples
            }
        };
        self.spend(samples.len() + 1)?;
        if keeps_labels_distinct(vector) || distinct(&samples) { Ok(samples) } else { Err(QueryError::SameLabels) }
    }

    /// A range vector as it is, sorted by labels: what an instant query for one answers.
    pub(crate) fn range(&self, range: &Range, at_ms: i64) -> Result<Vec<Series>, QueryError> {
        match range {
            Range::Select { selector, range_ms } => {
                let until = selector.shift.apply(at_ms);
                let cut = |series: &Fetched| Series {
                    labels: series.labels.clone(),
                    points: fresh(cut(&series.points, until.saturating_sub(*range_ms), until)).into_owned(),
                };
                let mut series: Vec<Series> = self.slot(selector).iter().map(cut).collect();
                series.retain(|series| !series.points.is_empty());
                series.sort_by(|left, right| left.labels.cmp(&right.labels));
                Ok(series)
            }
            Range::Subquery { vector, range_ms, step_ms, shift } => {
                let until = shift.apply(at_ms);
                let after = until.saturating_sub(*range_ms);
                let first = after.div_euclid(*step_ms).saturating_add(1).saturating_mul(*step_ms);
                self.steps(vector, first, until, *step_ms)
            }
        }
    }

    /// A vector at each step from `first` to `last`, by series and sorted by their labels.
    pub(crate) fn steps(&self, vector: &Vector, first: i64, last: i64, step: i64) -> Result<Vec<Series>, QueryError> {
        if MAX_STEPS < last.saturating_sub(first) / step {
            return Err(QueryError::TooManySteps);
        }
        let mut series: BTreeMap<Labels, Vec<Point>> = BTreeMap::new();
        let mut at = first;
        while at <= last {
            for Sample { labels, value } in self.vector(vector, at)? {
                series.entry(labels).or_default().push((at, value));
            }
            at = at.saturating_add(step);
        }
        Ok(series.into_iter().map(|(labels, points)| Series { labels, points }).collect())
    }

    /// What each series' last sample within the lookback tells, unless the series has ended.
    fn select(&self, selector: &Selector, at_ms: i64, told: impl Fn(Point) -> f64) -> Vec<Sample> {
        let until = selector.shift.apply(at_ms);
        let one = |series: &Fetched| {
            let last = *cut(&series.points, until.saturating_sub(LOOKBACK_MS), until).last()?;
            (!is_stale(last.1)).then(|| Sample { labels: series.labels.clone(), value: told(last) })
        };
        self.slot(selector).iter().filter_map(one).collect()
    }

    /// What each series' window in the range tells.
    fn windows(
        &self,
        range: &Range,
        at_ms: i64,
        told: impl Fn(Window<'_>) -> Option<f64>,
    ) -> Result<Vec<Sample>, QueryError> {
        let (shift, range_ms) = match range {
            Range::Select { selector, range_ms } => (selector.shift, *range_ms),
            Range::Subquery { shift, range_ms, .. } => (*shift, *range_ms),
        };
        let until_ms = shift.apply(at_ms);
        let after_ms = until_ms.saturating_sub(range_ms);
        let one = |labels: &Labels, samples: &[Point]| {
            self.spend(samples.len())?;
            let value = told(Window { after_ms, until_ms, samples });
            Ok(value.map(|value| Sample { labels: labels.clone(), value }))
        };
        let told: Result<Vec<Option<Sample>>, QueryError> = match range {
            Range::Select { selector, .. } => self
                .slot(selector)
                .iter()
                .map(|series| one(&series.labels, &fresh(cut(&series.points, after_ms, until_ms))))
                .collect(),
            Range::Subquery { .. } => {
                self.range(range, at_ms)?.iter().map(|series| one(&series.labels, &series.points)).collect()
            }
        };
        Ok(told?.into_iter().flatten().collect())
    }

    fn slot(&self, selector: &Selector) -> &'a [Fetched] {
        self.fetched.get(selector.slot).map_or(&[], Vec::as_slice)
    }

    fn spend(&self, work: usize) -> Result<(), QueryError> {
        self.work.set(self.work.get().checked_sub(work).ok_or(QueryError::TooManySamples)?);
        Ok(())
    }
}

/// The points of the time after `after` up to and including `until`.
fn cut(points: &[Point], after: i64, until: i64) -> &[Point] {
    let start = points.partition_point(|(at, _)| *at <= after);
    let end = points.partition_point(|(at, _)| *at <= until);
    points.get(start..end).unwrap_or_default()
}

/// The points without stale markers, of which there rarely are any.
fn fresh(points: &[Point]) -> Cow<'_, [Point]> {
    if points.iter().any(|(_, value)| is_stale(*value)) {
        points.iter().copied().filter(|(_, value)| !is_stale(*value)).collect()
    } else {
        Cow::Borrowed(points)
    }
}

fn unlabelled(value: f64) -> Vec<Sample> {
    vec![Sample { labels: Labels::default(), value }]
}

fn mapped(samples: Vec<Sample>, f: impl Fn(f64) -> Option<f64>) -> Vec<Sample> {
    let one = |sample: Sample| Some(Sample { labels: sample.labels.nameless(), value: f(sample.value)? });
    samples.into_iter().filter_map(one).collect()
}

fn nameless(samples: Vec<Sample>) -> Vec<Sample> {
    samples.into_iter().map(|sample| Sample { labels: sample.labels.nameless(), ..sample }).collect()
}

/// Whether an operation can't give two results the same labels, so that nobody needs to look.
fn keeps_labels_distinct(vector: &Vector) -> bool {
    matches!(vector, Vector::Select(_) | Vector::Aggregated { .. } | Vector::Extreme { .. } | Vector::Sorted { .. })
}

/// A vector holds each label set once; dropping or replacing labels may have broken that.
fn distinct(samples: &[Sample]) -> bool {
    let mut seen = HashSet::with_capacity(samples.len());
    samples.len() < 2 || samples.iter().all(|sample| seen.insert(&sample.labels))
}
