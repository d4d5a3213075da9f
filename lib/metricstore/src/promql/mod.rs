//! Answers PromQL.
//!
//! A query takes three steps. [`lower`] turns the text into a [`plan`] or says what is wrong with it. [`fetch`] copies
//! the samples that the plan will look at. [`eval`] computes the answer from these alone.

mod aggregate;
mod error;
mod eval;
mod fetch;
mod functions;
mod histogram;
mod join;
mod lower;
mod mapping;
mod operator;
mod over;
mod place;
mod plan;
mod relabel;

pub use error::QueryError;

use crate::database::Database;
use crate::labels::Labels;
use eval::Evaluation;
use fetch::Fetched;
use plan::{Plan, Vector};

pub(crate) use lower::selector;

/// At most so many steps does a range query or subquery take, as in Prometheus: more than a screen has pixels.
const MAX_STEPS: i64 = 11_000;

/// The answer to a query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// One number.
    Scalar {
        /// The moment of evaluation.
        at_ms: i64,
        /// The number.
        value: f64,
    },
    /// One value for each series.
    Vector {
        /// The moment of evaluation.
        at_ms: i64,
        /// By age of the series, except from `sort`, `topk`, `bottomk` and histograms.
        samples: Vec<Sample>,
    },
    /// A run of values for each series, sorted by labels.
    Matrix(Vec<Series>),
    /// A text, which only a string literal gives.
    Text {
        /// The moment of evaluation.
        at_ms: i64,
        /// The text.
        text: String,
    },
}

/// A labelled value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
}

/// A labelled run of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The series.
    pub labels: Labels,
    /// Moments in milliseconds since 1970, ascending, and the values then.
    pub points: Vec<(i64, f64)>,
}

/// A query with the data that it needs.
pub(crate) struct Prepared {
    plan: Plan,
    fetched: Vec<Vec<Fetched>>,
    from_ms: i64,
    until_ms: i64,
}

/// Reads a query that will be evaluated from `from_ms` to `until_ms`; `data` is taken only when it can be.
pub(crate) fn prepare<D>(
    query: &str,
    from_ms: i64,
    until_ms: i64,
    data: impl FnOnce() -> D,
) -> Result<Prepared, QueryError>
where
    D: std::ops::Deref<Target = Database>,
{
    let plan = lower::plan(query, from_ms, until_ms)?;
    let fetched = fetch::fetch(&data(), &plan, from_ms, until_ms)?;
    Ok(Prepared { plan, fetched, from_ms, until_ms })
}

impl Prepared {
    /// The answer at one moment.
    pub(crate) fn instant(&self) -> Result<QueryValue, QueryError> {
        let evaluation = Evaluation::new(&self.fetched);
        let at_ms = self.until_ms;
        Ok(match &self.plan {
            Plan::Scalar(scalar) => QueryValue::Scalar { at_ms, value: evaluation.scalar(scalar, at_ms)? },
            Plan::Vector(vector) => QueryValue::Vector { at_ms, samples: evaluation.vector(vector, at_ms)? },
            Plan::Range(range) => QueryValue::Matrix(evaluation.range(range, at_ms)?),
            Plan::Text(text) => QueryValue::Text { at_ms, text: text.clone() },
        })
    }

    /// The answer at each step.
    pub(crate) fn stepped(self, step_ms: i64) -> Result<QueryValue, QueryError> {
        let vector = match self.plan {
            Plan::Scalar(scalar) => Vector::Constant(Box::new(scalar)),
            Plan::Vector(vector) => vector,
            Plan::Range(_) => return Err(QueryError::NotInstant("range vector")),
            Plan::Text(_) => return Err(QueryError::NotInstant("string")),
        };
        let evaluation = Evaluation::new(&self.fetched);
        Ok(QueryValue::Matrix(evaluation.steps(&vector, self.from_ms, self.until_ms, step_ms)?))
    }
}

/// Refuses steps that never arrive, or not soon.
pub(crate) fn check_steps(from_ms: i64, until_ms: i64, step_ms: i64) -> Result<(), QueryError> {
    if until_ms < from_ms {
        return Err(QueryError::EndsBeforeStart);
    }
    if step_ms <= 0 {
        return Err(QueryError::NoStep);
    }
    if MAX_STEPS < until_ms.saturating_sub(from_ms) / step_ms { Err(QueryError::TooManySteps) } else { Ok(()) }
}
