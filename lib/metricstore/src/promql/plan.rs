//! What a query means, in types that leave nothing to check while it runs.
//!
//! Scalars, instant vectors and range vectors are types of their own, so a plan that exists can be evaluated.

use promql_parser::label::Matcher;

use crate::labels::Labels;
use crate::promql::functions::{Aggregation, Mapping, Reduction};
use crate::promql::operator::{Comparison, Operator};

/// A whole query.
#[derive(Debug)]
pub(crate) enum Plan {
    Scalar(Scalar),
    Vector(Vector),
    Range(Range),
    Text(String),
}

/// One number at every moment.
#[derive(Debug)]
pub(crate) enum Scalar {
    Number(f64),
    /// `time()`: the moment itself.
    Time,
    /// `scalar(v)`: the only value of a vector.
    Only(Box<Vector>),
    Negated(Box<Scalar>),
    Combined {
        operator: Operator,
        left: Box<Scalar>,
        right: Box<Scalar>,
    },
}

/// Labelled values at every moment.
#[derive(Debug)]
pub(crate) enum Vector {
    Select(Selector),
    /// `vector(s)`.
    Constant(Box<Scalar>),
    Negated(Box<Vector>),
    Mapped {
        mapping: Mapping<Scalar>,
        vector: Box<Vector>,
    },
    Reduced {
        reduction: Reduction<Scalar>,
        range: Box<Range>,
    },
    Aggregated {
        aggregation: Aggregation<Scalar>,
        grouping: Grouping,
        vector: Box<Vector>,
    },
    /// `topk` and `bottomk`: the series themselves, not one for each group.
    Extreme {
        end: End,
        size: Box<Scalar>,
        grouping: Grouping,
        vector: Box<Vector>,
    },
    WithScalar {
        operation: Operation,
        vector: Box<Vector>,
        scalar: Box<Scalar>,
        scalar_side: Side,
    },
    Joined {
        operation: Operation,
        matching: Matching,
        left: Box<Vector>,
        right: Box<Vector>,
    },
    Set {
        set: Set,
        key: Grouping,
        left: Box<Vector>,
        right: Box<Vector>,
    },
    HistogramQuantile {
        phi: Box<Scalar>,
        vector: Box<Vector>,
    },
    Relabelled {
        relabelling: Relabelling,
        vector: Box<Vector>,
    },
    /// `absent(v)`: one when the vector is empty, with the labels that its selector would have had.
    Absent {
        vector: Box<Vector>,
        labels: Labels,
    },
    /// `timestamp(v)` of anything but a selector: the moment of evaluation.
    EvaluatedAt(Box<Vector>),
    /// `timestamp(v)` of a selector: the moments of its samples.
    SampledAt(Selector),
    /// `sort` and `sort_desc`, named by the end that comes first.
    Sorted {
        first: End,
        vector: Box<Vector>,
    },
}

/// Labelled runs of samples at every moment.
#[derive(Debug)]
pub(crate) enum Range {
    Select { selector: Selector, range_ms: i64 },
    Subquery { vector: Box<Vector>, range_ms: i64, step_ms: i64, shift: Shift },
}

/// Which series, and how far from the moment of evaluation.
#[derive(Debug)]
pub(crate) struct Selector {
    /// Where the data of this selector lies once it is fetched.
    pub(crate) slot: usize,
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) shift: Shift,
}

/// The `@` and `offset` modifiers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shift {
    pub(crate) fixed_ms: Option<i64>,
    pub(crate) offset_ms: i64,
}

impl Shift {
    /// The moment that is meant when the query is evaluated at `at_ms`.
    pub(crate) fn apply(self, at_ms: i64) -> i64 {
        self.fixed_ms.unwrap_or(at_ms).saturating_sub(self.offset_ms)
    }
}

/// Which labels tell groups, or partners, apart.
#[derive(Debug)]
pub(crate) enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

impl Grouping {
    /// What remains of a series' labels; without the metric name unless it is asked for.
    pub(crate) fn key(&self, labels: &Labels) -> Labels {
        match self {
            Grouping::By(names) => labels.only(names),
            Grouping::Without(names) => labels.nameless().without(names),
        }
    }
}

/// An operator and whether a comparison answers 0 or 1 rather than filters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) operator: Operator,
    pub(crate) returns_bool: bool,
}

impl Operation {
    /// The comparison that filters, if this is one.
    pub(crate) fn filter(self) -> Option<Comparison> {
        match self.operator {
            Operator::Comparison(comparison) if !self.returns_bool => Some(comparison),
            Operator::Comparison(_) | Operator::Arithmetic(_) => None,
        }
    }
}

/// How the series of two vectors find each other.
#[derive(Debug)]
pub(crate) struct Matching {
    pub(crate) key: Grouping,
    pub(crate) cardinality: Cardinality,
}

/// How many partners a series may have, and which labels it takes over from the one side.
#[derive(Debug)]
pub(crate) enum Cardinality {
    OneToOne,
    ManyToOne(Vec<String>),
    OneToMany(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// The least or the greatest values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Bottom,
    Top,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Set {
    And,
    Or,
    Unless,
}

/// `label_replace` and `label_join`.
#[derive(Debug)]
pub(crate) enum Relabelling {
    Replace { target: String, replacement: String, source: String, pattern: regex::Regex },
    Join { target: String, separator: String, sources: Vec<String> },
}
