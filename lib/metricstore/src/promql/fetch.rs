//! The data that a plan needs, copied out of the database in one go, so that evaluating it blocks nobody.

use crate::database::Database;
use crate::labels::Labels;
use crate::promql::QueryError;
use crate::promql::plan::{Plan, Range, Scalar, Selector, Shift, Vector};
use crate::series::Point;

/// How long a series has the value of its last sample, unless it ends before.
pub(crate) const LOOKBACK_MS: i64 = 5 * 60 * 1000;

/// At most so many samples are copied for a query, which takes 160 MB.
const MAX_SAMPLES: usize = 10_000_000;

/// A series with the samples that matter to a query.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) labels: Labels,
    pub(crate) points: Vec<Point>,
}

/// What each selector of the plan selects, by slot, when the plan is evaluated from `from_ms` to `until_ms`.
pub(crate) fn fetch(
    database: &Database,
    plan: &Plan,
    from_ms: i64,
    until_ms: i64,
) -> Result<Vec<Vec<Fetched>>, QueryError> {
    let mut needs = Needs::default();
    let span = Span { from_ms, until_ms };
    match plan {
        Plan::Scalar(scalar) => needs.scalar(scalar, span),
        Plan::Vector(vector) => needs.vector(vector, span),
        Plan::Range(range) => needs.range(range, span),
        Plan::Text(_) => {}
    }
    needs.0.sort_by_key(|need| need.selector.slot);
    let mut budget = MAX_SAMPLES;
    needs.0.iter().map(|need| series(database, need, &mut budget)).collect()
}

fn series(database: &Database, need: &Need<'_>, budget: &mut usize) -> Result<Vec<Fetched>, QueryError> {
    let Span { from_ms, until_ms } = need.span;
    let mut selected = Vec::new();
    for series in database.select(&need.selector.matchers) {
        let points: Vec<Point> = match need.extent {
            Extent::Latest => series.latest(from_ms, until_ms).into_iter().collect(),
            Extent::All => series.window(from_ms, until_ms).collect(),
        };
        *budget = budget.checked_sub(points.len()).ok_or(QueryError::TooManySamples)?;
        if !points.is_empty() {
            selected.push(Fetched { labels: series.labels.clone(), points });
        }
    }
    Ok(selected)
}

/// The moments at which a part of the plan is evaluated lie within this.
#[derive(Debug, Clone, Copy)]
struct Span {
    from_ms: i64,
    until_ms: i64,
}

impl Span {
    fn shifted(self, shift: Shift, back_ms: i64) -> Self {
        Self { from_ms: shift.apply(self.from_ms).saturating_sub(back_ms), until_ms: shift.apply(self.until_ms) }
    }
}

/// What a selector of the plan will look at.
struct Need<'a> {
    selector: &'a Selector,
    /// Open to the left.
    span: Span,
    extent: Extent,
}

#[derive(Clone, Copy)]
enum Extent {
    /// Only the last sample: all that one moment can see of an instant vector.
    Latest,
    All,
}

/// What all selectors of a plan will look at.
#[derive(Default)]
struct Needs<'a>(Vec<Need<'a>>);

impl<'a> Needs<'a> {
    fn instant(&mut self, selector: &'a Selector, span: Span) {
        let extent = if span.from_ms == span.until_ms { Extent::Latest } else { Extent::All };
        self.0.push(Need { selector, span: span.shifted(selector.shift, LOOKBACK_MS), extent });
    }

    fn scalar(&mut self, scalar: &'a Scalar, span: Span) {
        match scalar {
            Scalar::Number(_) | Scalar::Time => {}
            Scalar::Only(vector) => self.vector(vector, span),
            Scalar::Negated(scalar) => self.scalar(scalar, span),
            Scalar::Combined { left, right, .. } => {
                self.scalar(left, span);
                self.scalar(right, span);
            }
        }
    }

    fn vector(&mut self, vector: &'a Vector, span: Span) {
        match vector {
            Vector::Select(selector) | Vector::SampledAt(selector) => self.instant(selector, span),
            Vector::Constant(scalar) => self.scalar(scalar, span),
            Vector::Mapped { mapping, vector } => {
                mapping.arguments().for_each(|argument| self.scalar(argument, span));
                self.vector(vector, span);
            }
            Vector::Reduced { reduction, range } => {
                reduction.arguments().for_each(|argument| self.scalar(argument, span));
                self.range(range, span);
            }
            Vector::Aggregated { aggregation, vector, .. } => {
                aggregation.arguments().for_each(|argument| self.scalar(argument, span));
                self.vector(vector, span);
            }
            Vector::Extreme { size: scalar, vector, .. }
            | Vector::WithScalar { vector, scalar, .. }
            | Vector::HistogramQuantile { phi: scalar, vector } => {
                self.scalar(scalar, span);
                self.vector(vector, span);
            }
            Vector::Joined { left, right, .. } | Vector::Set { left, right, .. } => {
                self.vector(left, span);
                self.vector(right, span);
            }
            Vector::Negated(vector)
            | Vector::Relabelled { vector, .. }
            | Vector::Absent { vector, .. }
            | Vector::EvaluatedAt(vector)
            | Vector::Sorted { vector, .. } => self.vector(vector, span),
        }
    }

    fn range(&mut self, range: &'a Range, span: Span) {
        match range {
            Range::Select { selector, range_ms } => {
                let span = span.shifted(selector.shift, *range_ms);
                self.0.push(Need { selector, span, extent: Extent::All });
            }
            Range::Subquery { vector, range_ms, shift, .. } => self.vector(vector, span.shifted(*shift, *range_ms)),
        }
    }
}
