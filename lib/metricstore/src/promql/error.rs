//! Why a query has no answer, in Prometheus' words where it has words for it.

use crate::labels::Labels;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is not PromQL.
    #[error("{line}:{column}: parse error: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// In bytes, counted from 1.
        column: usize,
        /// What was found or missed there.
        reason: String,
    },
    /// The text is PromQL that this store does not evaluate.
    #[error("unsupported {part} {name:?}")]
    Unsupported {
        /// The kind of thing: function, aggregation, modifier.
        part: &'static str,
        /// Its name in the query.
        name: String,
    },
    /// The query is longer or deeper than the store is prepared to follow.
    #[error("the query has more than {limit} {what}")]
    TooComplex {
        /// What there is too much of.
        what: &'static str,
        /// How much is accepted.
        limit: usize,
    },
    /// A duration or timestamp beyond what milliseconds in 64 bits hold.
    #[error("the {what} of the query is out of range")]
    OutOfRange {
        /// Which duration or time.
        what: &'static str,
    },
    /// A range query for a range vector or a string.
    #[error("invalid expression type {0:?} for range query, must be Scalar or instant Vector")]
    NotInstant(&'static str),
    /// A range query that ends before it starts.
    #[error("end timestamp must not be before start time")]
    EndsBeforeStart,
    /// A range query that does not advance.
    #[error("zero or negative query resolution step widths are not accepted. Try a positive integer")]
    NoStep,
    /// A range query or subquery of too many steps.
    #[error(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    )]
    TooManySteps,
    /// More samples than a query may look at.
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// Two results with the same labels.
    #[error("vector cannot contain metrics with the same labelset")]
    SameLabels,
    /// The side of a match that must be unique is not.
    #[error(
        "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{one}, {other}];many-to-many matching not allowed: matching labels must be unique on one side"
    )]
    ManyToMany {
        /// The labels that were matched on.
        group: Labels,
        /// `left` or `right`.
        side: &'static str,
        /// A series of the group.
        one: Labels,
        /// Another series of the group.
        other: Labels,
    },
    /// Several series want the same partner, and the query doesn't say that they may.
    #[error("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)")]
    ImplicitManyToOne,
    /// A grouped match leaves two results with the same labels.
    #[error("multiple matches for labels: grouping labels must ensure unique matches")]
    AmbiguousGroup,
    /// The `k` of `topk` or `bottomk` is no whole number.
    #[error("Scalar value {0} overflows int64")]
    NotCountable(String),
    /// A regular expression outside of a selector that can't be compiled.
    #[error("invalid regular expression in label_replace(): {0}")]
    BadRegex(String),
    /// A label name that can't be one.
    #[error("invalid {role} label name in {function}(): {label}")]
    BadLabel {
        /// The function that got it.
        function: &'static str,
        /// `source` or `destination`.
        role: &'static str,
        /// The name.
        label: String,
    },
}

impl QueryError {
    /// Whether the query itself is at fault, whatever data it meets: Prometheus' `bad_data` rather than `execution`.
    pub fn is_bad_data(&self) -> bool {
        match self {
            QueryError::Syntax { .. }
            | QueryError::Unsupported { .. }
            | QueryError::TooComplex { .. }
            | QueryError::OutOfRange { .. }
            | QueryError::NotInstant(_)
            | QueryError::EndsBeforeStart
            | QueryError::NoStep
            | QueryError::TooManySteps => true,
            QueryError::TooManySamples
            | QueryError::SameLabels
            | QueryError::ManyToMany { .. }
            | QueryError::ImplicitManyToOne
            | QueryError::AmbiguousGroup
            | QueryError::NotCountable(_)
            | QueryError::BadRegex(_)
            | QueryError::BadLabel { .. } => false,
        }
    }
}
