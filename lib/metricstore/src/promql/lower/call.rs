//! Function calls of the parsed query.

use promql_parser::label::MatchOp;
use promql_parser::parser::{Call, Expr};

use super::{Lowering, text};
use crate::labels::{Labels, METRIC_NAME, is_label_name};
use crate::promql::QueryError;
use crate::promql::functions::{Mapping, Reduction};
use crate::promql::plan::{End, Relabelling, Scalar, Vector};

impl Lowering {
    pub(super) fn scalar_call(&mut self, call: &Call) -> Result<Scalar, QueryError> {
        match call.func.name {
            "pi" => Ok(Scalar::Number(std::f64::consts::PI)),
            "scalar" => Ok(Scalar::Only(Box::new(self.vector(argument(call, 0)?)?))),
            "time" => Ok(Scalar::Time),
            other => Err(unsupported(other)),
        }
    }

    pub(super) fn vector_call(&mut self, call: &Call) -> Result<Vector, QueryError> {
        match call.func.name {
            "absent" => {
                let selector = argument(call, 0)?;
                Ok(Vector::Absent { vector: Box::new(self.vector(selector)?), labels: implied_labels(selector) })
            }
            "histogram_quantile" => {
                let phi = Box::new(self.scalar(argument(call, 0)?)?);
                Ok(Vector::HistogramQuantile { phi, vector: Box::new(self.vector(argument(call, 1)?)?) })
            }
            "label_join" | "label_replace" => self.relabelled(call),
            "sort" => self.sorted(call, End::Bottom),
            "sort_desc" => self.sorted(call, End::Top),
            "timestamp" => self.timestamp(argument(call, 0)?),
            "vector" => Ok(Vector::Constant(Box::new(self.scalar(argument(call, 0)?)?))),
            _ => match self.mapping(call)? {
                Some(mapping) => Ok(Vector::Mapped { mapping, vector: Box::new(self.vector(argument(call, 0)?)?) }),
                None => self.reduced(call),
            },
        }
    }

    fn mapping(&mut self, call: &Call) -> Result<Option<Mapping<Scalar>>, QueryError> {
        let mut scalar = |position| self.scalar(argument(call, position)?);
        Ok(Some(match call.func.name {
            "abs" => Mapping::Abs,
            "ceil" => Mapping::Ceil,
            "clamp" => Mapping::Clamp { min: scalar(1)?, max: scalar(2)? },
            "clamp_max" => Mapping::ClampMax(scalar(1)?),
            "clamp_min" => Mapping::ClampMin(scalar(1)?),
            "exp" => Mapping::Exp,
            "floor" => Mapping::Floor,
            "ln" => Mapping::Ln,
            "log10" => Mapping::Log10,
            "log2" => Mapping::Log2,
            "round" if call.args.len() < 2 => Mapping::Round(Scalar::Number(1.0)),
            "round" => Mapping::Round(scalar(1)?),
            "sgn" => Mapping::Sgn,
            "sqrt" => Mapping::Sqrt,
            _ => return Ok(None),
        }))
    }

    fn reduced(&mut self, call: &Call) -> Result<Vector, QueryError> {
        let reduction = match call.func.name {
            "avg_over_time" => Reduction::Avg,
            "changes" => Reduction::Changes,
            "count_over_time" => Reduction::Count,
            "delta" => Reduction::Delta,
            "deriv" => Reduction::Deriv,
            "idelta" => Reduction::Idelta,
            "increase" => Reduction::Increase,
            "irate" => Reduction::Irate,
            "last_over_time" => Reduction::Last,
            "max_over_time" => Reduction::Max,
            "min_over_time" => Reduction::Min,
            "present_over_time" => Reduction::Present,
            "quantile_over_time" => Reduction::Quantile(self.scalar(argument(call, 0)?)?),
            "rate" => Reduction::Rate,
            "resets" => Reduction::Resets,
            "stddev_over_time" => Reduction::Stddev,
            "stdvar_over_time" => Reduction::Stdvar,
            "sum_over_time" => Reduction::Sum,
            other => return Err(unsupported(other)),
        };
        let last = argument(call, call.args.len().saturating_sub(1))?;
        Ok(Vector::Reduced { reduction, range: Box::new(self.range(last)?) })
    }

    fn sorted(&mut self, call: &Call, first: End) -> Result<Vector, QueryError> {
        Ok(Vector::Sorted { first, vector: Box::new(self.vector(argument(call, 0)?)?) })
    }

    fn timestamp(&mut self, expr: &Expr) -> Result<Vector, QueryError> {
        match expr {
            Expr::VectorSelector(selector) => Ok(Vector::SampledAt(self.selector(selector)?)),
            Expr::Paren(paren) => self.timestamp(&paren.expr),
            other => Ok(Vector::EvaluatedAt(Box::new(self.vector(other)?))),
        }
    }

    fn relabelled(&mut self, call: &Call) -> Result<Vector, QueryError> {
        let vector = Box::new(self.vector(argument(call, 0)?)?);
        let texts =
            |from: usize| call.args.args.iter().skip(from).map(|expr| text(expr)).collect::<Result<Vec<_>, _>>();
        let function = call.func.name;
        let relabelling = match texts(1)?.as_slice() {
            [target, replacement, source, pattern] if function == "label_replace" => Relabelling::Replace {
                target: label_name(function, "destination", target)?,
                replacement: replacement.clone(),
                source: source.clone(),
                pattern: anchored(pattern)?,
            },
            [target, separator, sources @ ..] if function == "label_join" => Relabelling::Join {
                target: label_name(function, "destination", target)?,
                separator: separator.clone(),
                sources: sources
                    .iter()
                    .map(|source| label_name(function, "source", source))
                    .collect::<Result<_, _>>()?,
            },
            _ => return Err(unsupported(function)),
        };
        Ok(Vector::Relabelled { relabelling, vector })
    }
}

fn argument(call: &Call, position: usize) -> Result<&Expr, QueryError> {
    let missing = || QueryError::Syntax {
        line: 1,
        column: 1,
        reason: format!("expected at least {} argument(s) in call to {:?}", position + 1, call.func.name),
    };
    call.args.args.get(position).map(AsRef::as_ref).ok_or_else(missing)
}

/// The labels that a selector's series would have had for certain: those that it compares for equality, once.
fn implied_labels(expr: &Expr) -> Labels {
    let selector = match expr {
        Expr::VectorSelector(selector) => selector,
        Expr::Paren(paren) => return implied_labels(&paren.expr),
        _ => return Labels::default(),
    };
    let matchers = selector.matchers.matchers.iter().filter(|matcher| matcher.name != METRIC_NAME);
    matchers.fold(Labels::default(), |labels, matcher| {
        let certain = matcher.op == MatchOp::Equal && labels.get(&matcher.name).is_empty();
        labels.with(&matcher.name, if certain { &matcher.value } else { "" })
    })
}

fn anchored(pattern: &str) -> Result<regex::Regex, QueryError> {
    regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|_| QueryError::BadRegex(pattern.to_owned()))
}

fn label_name(function: &'static str, role: &'static str, label: &str) -> Result<String, QueryError> {
    if is_label_name(label) {
        Ok(label.to_owned())
    } else {
        Err(QueryError::BadLabel { function, role, label: label.to_owned() })
    }
}

fn unsupported(function: &str) -> QueryError {
    QueryError::Unsupported { part: "function", name: function.to_owned() }
}
