//! From PromQL text to a plan. Whatever the plan has no word for is refused here, by name.

use std::time::{Duration, SystemTime};

use promql_parser::label::{MatchOp, Matcher, Matchers};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, AtModifier, Expr, Offset, SubqueryExpr, VectorSelector};

use crate::labels::METRIC_NAME;
use crate::promql::plan::{Plan, Range, Scalar, Selector, Shift, Vector};
use crate::promql::{QueryError, place};

mod binary;
mod call;

/// The step of a subquery that names none: Prometheus' default evaluation interval.
const SUBQUERY_STEP_MS: i64 = 60 * 1000;

/// What a query means when it is evaluated from `from_ms` to `until_ms`, which `@ start()` and `@ end()` refer to.
pub(crate) fn plan(query: &str, from_ms: i64, until_ms: i64) -> Result<Plan, QueryError> {
    let expr = parsed(query)?;
    let mut lowering = Lowering { from_ms, until_ms, slots: 0 };
    Ok(match expr.value_type() {
        ValueType::Scalar => Plan::Scalar(lowering.scalar(&expr)?),
        ValueType::Vector => Plan::Vector(lowering.vector(&expr)?),
        ValueType::Matrix => Plan::Range(lowering.range(&expr)?),
        ValueType::String => Plan::Text(text(&expr)?),
    })
}

/// The matchers of a text that is nothing but a series selector, as the `match[]` parameters are.
pub(crate) fn selector(text: &str) -> Result<Vec<Matcher>, QueryError> {
    match parsed(text)? {
        Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => matchers(&selector),
        other => Err(mismatch("series selector", &other)),
    }
}

fn parsed(query: &str) -> Result<Expr, QueryError> {
    place::check(query)?;
    parser::parse(query).map_err(|message| place::explain(query, &message))
}

struct Lowering {
    from_ms: i64,
    until_ms: i64,
    slots: usize,
}

impl Lowering {
    fn scalar(&mut self, expr: &Expr) -> Result<Scalar, QueryError> {
        match expr {
            Expr::NumberLiteral(literal) => Ok(Scalar::Number(literal.val)),
            Expr::Paren(paren) => self.scalar(&paren.expr),
            Expr::Unary(unary) => Ok(Scalar::Negated(Box::new(self.scalar(&unary.expr)?))),
            Expr::Binary(binary) => self.scalar_operation(binary),
            Expr::Call(call) => self.scalar_call(call),
            other => Err(mismatch("scalar", other)),
        }
    }

    fn vector(&mut self, expr: &Expr) -> Result<Vector, QueryError> {
        match expr {
            Expr::VectorSelector(selector) => Ok(Vector::Select(self.selector(selector)?)),
            Expr::Paren(paren) => self.vector(&paren.expr),
            Expr::Unary(unary) => Ok(Vector::Negated(Box::new(self.vector(&unary.expr)?))),
            Expr::Binary(binary) => self.vector_operation(binary),
            Expr::Aggregate(aggregate) => self.aggregation(aggregate),
            Expr::Call(call) => self.vector_call(call),
            other => Err(mismatch("instant vector", other)),
        }
    }

    fn range(&mut self, expr: &Expr) -> Result<Range, QueryError> {
        match expr {
            Expr::MatrixSelector(matrix) => {
                Ok(Range::Select { selector: self.selector(&matrix.vs)?, range_ms: millis(matrix.range)? })
            }
            Expr::Subquery(subquery) => self.subquery(subquery),
            Expr::Paren(paren) => self.range(&paren.expr),
            other => Err(mismatch("range vector", other)),
        }
    }

    fn subquery(&mut self, subquery: &SubqueryExpr) -> Result<Range, QueryError> {
        Ok(Range::Subquery {
            vector: Box::new(self.vector(&subquery.expr)?),
            range_ms: millis(subquery.range)?,
            step_ms: subquery.step.map_or(Ok(SUBQUERY_STEP_MS), millis)?.max(1),
            shift: self.shift(subquery.at.as_ref(), subquery.offset.as_ref())?,
        })
    }

    fn selector(&mut self, selector: &VectorSelector) -> Result<Selector, QueryError> {
        let slot = self.slots;
        self.slots += 1;
        let shift = self.shift(selector.at.as_ref(), selector.offset.as_ref())?;
        Ok(Selector { slot, matchers: matchers(selector)?, shift })
    }

    fn shift(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Result<Shift, QueryError> {
        let fixed_ms = match at {
            None => None,
            Some(AtModifier::Start) => Some(self.from_ms),
            Some(AtModifier::End) => Some(self.until_ms),
            Some(AtModifier::At(time)) => Some(since_1970(*time)?),
        };
        let offset_ms = match offset {
            None => 0,
            Some(Offset::Pos(back)) => millis(*back)?,
            Some(Offset::Neg(forth)) => -millis(*forth)?,
        };
        Ok(Shift { fixed_ms, offset_ms })
    }
}

fn matchers(selector: &VectorSelector) -> Result<Vec<Matcher>, QueryError> {
    let Matchers { matchers, or_matchers } = &selector.matchers;
    if !or_matchers.is_empty() {
        return Err(QueryError::Unsupported { part: "label matcher", name: "or".into() });
    }
    let name = selector.name.as_ref().map(|name| Matcher::new(MatchOp::Equal, METRIC_NAME, name));
    Ok(name.into_iter().chain(matchers.iter().cloned()).collect())
}

fn text(expr: &Expr) -> Result<String, QueryError> {
    match expr {
        Expr::StringLiteral(literal) => Ok(literal.val.clone()),
        Expr::Paren(paren) => text(&paren.expr),
        other => Err(mismatch("string", other)),
    }
}

fn millis(duration: Duration) -> Result<i64, QueryError> {
    i64::try_from(duration.as_millis()).map_err(|_| QueryError::OutOfRange { what: "duration" })
}

fn since_1970(time: SystemTime) -> Result<i64, QueryError> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => Ok(-millis(before.duration())?),
    }
}

/// The parser checks types, so this is what remains where it lets one through.
fn mismatch(expected: &'static str, found: &Expr) -> QueryError {
    let reason = format!("expected {expected}, got {}", found.value_type());
    QueryError::Syntax { line: 1, column: 1, reason }
}
