//! Where a query stops making sense, and whether it may be read at all.
//!
//! The parser tells that a text is no PromQL, but not where, and it follows any nesting and any number. So each query
//! is looked over first: [`check`] before the parser sees it, [`explain`] after the parser refused it.

mod tokens;

use crate::promql::QueryError;
use tokens::{Kind, Token, tokens};

/// At most so many bytes of a query are read: ten times the longest that dashboards have.
const MAX_BYTES: usize = 16 * 1024;
/// At most so many brackets are open at once. Evaluation recurses into each.
const MAX_NESTING: usize = 50;
/// At most so many operators, for the same reason: `1 + 1 + 1` nests to the left.
const MAX_OPERATORS: usize = 150;
/// At most so many seconds in a duration that is written as a number: thirty years.
const MAX_SECONDS: f64 = 1e9;
/// At most so many digits in each part of a duration; the parser takes longer ones for nothing.
const MAX_DIGITS: usize = 9;

/// Refuses what must not reach the parser: the very long, the very deep, and durations that it can't hold.
pub(crate) fn check(query: &str) -> Result<(), QueryError> {
    if MAX_BYTES < query.len() {
        return Err(QueryError::TooComplex { what: "bytes", limit: MAX_BYTES });
    }
    let (mut depth, mut operators) = (0_usize, 0_usize);
    let mut before: Option<Token<'_>> = None;
    let mut in_duration = false;
    for token in tokens(query) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ if token.is_operator() => operators += 1,
            _ => {}
        }
        let signed = matches!(token.text, "+" | "-") && in_duration;
        in_duration = signed || starts_duration(token);
        if before.is_some_and(|before| starts_duration(before) || (matches!(before.text, "+" | "-") && !signed)) {
            duration(query, before, token)?;
        }
        before = Some(token);
        if MAX_NESTING < depth {
            return Err(QueryError::TooComplex { what: "nested brackets", limit: MAX_NESTING });
        }
        if MAX_OPERATORS < operators {
            return Err(QueryError::TooComplex { what: "operators", limit: MAX_OPERATORS });
        }
    }
    Ok(())
}
