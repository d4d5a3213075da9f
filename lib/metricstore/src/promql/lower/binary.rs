//! Operators and aggregations of the parsed query.

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_AVG, T_BOTTOMK, T_COUNT, T_DIV, T_EQLC, T_GROUP, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE,
    T_LUNLESS, T_MAX, T_MIN, T_MOD, T_MUL, T_NEQ, T_POW, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUB, T_SUM, T_TOPK,
    TokenType,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{AggregateExpr, BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::Lowering;
use crate::promql::QueryError;
use crate::promql::functions::Aggregation;
use crate::promql::operator::{Arithmetic, Comparison, Operator};
use crate::promql::plan::{Cardinality, End, Grouping, Matching, Operation, Scalar, Set, Side, Vector};

impl Lowering {
    pub(super) fn scalar_operation(&mut self, binary: &BinaryExpr) -> Result<Scalar, QueryError> {
        Ok(Scalar::Combined {
            operator: operator(binary.op)?,
            left: Box::new(self.scalar(&binary.lhs)?),
            right: Box::new(self.scalar(&binary.rhs)?),
        })
    }

    pub(super) fn vector_operation(&mut self, binary: &BinaryExpr) -> Result<Vector, QueryError> {
        let left_is_scalar = binary.lhs.value_type() == ValueType::Scalar;
        let right_is_scalar = binary.rhs.value_type() == ValueType::Scalar;
        match (left_is_scalar, right_is_scalar) {
            (true, _) => self.with_scalar(binary, Side::Left),
            (false, true) => self.with_scalar(binary, Side::Right),
            (false, false) => self.between_vectors(binary),
        }
    }

    fn with_scalar(&mut self, binary: &BinaryExpr, scalar_side: Side) -> Result<Vector, QueryError> {
        let (scalar, vector) = match scalar_side {
            Side::Left => (&binary.lhs, &binary.rhs),
            Side::Right => (&binary.rhs, &binary.lhs),
        };
        Ok(Vector::WithScalar {
            operation: operation(binary)?,
            vector: Box::new(self.vector(vector)?),
            scalar: Box::new(self.scalar(scalar)?),
            scalar_side,
        })
    }

    fn between_vectors(&mut self, binary: &BinaryExpr) -> Result<Vector, QueryError> {
        let modifier = binary.modifier.clone().unwrap_or_default();
        if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
            return Err(QueryError::Unsupported { part: "modifier", name: "fill".into() });
        }
        let left = Box::new(self.vector(&binary.lhs)?);
        let right = Box::new(self.vector(&binary.rhs)?);
        let BinModifier { card, matching, .. } = modifier;
        let key = grouping(matching.as_ref(), Grouping::Without(Vec::new()));
        let cardinality = match card {
            VectorMatchCardinality::ManyToMany => return Ok(Vector::Set { set: set(binary.op)?, key, left, right }),
            VectorMatchCardinality::OneToOne => Cardinality::OneToOne,
            VectorMatchCardinality::ManyToOne(included) => Cardinality::ManyToOne(included.labels),
            VectorMatchCardinality::OneToMany(included) => Cardinality::OneToMany(included.labels),
        };
        Ok(Vector::Joined { operation: operation(binary)?, matching: Matching { key, cardinality }, left, right })
    }

    pub(super) fn aggregation(&mut self, aggregate: &AggregateExpr) -> Result<Vector, QueryError> {
        let vector = Box::new(self.vector(&aggregate.expr)?);
        let grouping = grouping(aggregate.modifier.as_ref(), Grouping::By(Vec::new()));
        let mut parameter = || match &aggregate.param {
            Some(parameter) => self.scalar(parameter),
            None => Err(unsupported("aggregation without parameter", aggregate.op)),
        };
        let aggregation = match aggregate.op.id() {
            T_AVG => Aggregation::Avg,
            T_COUNT => Aggregation::Count,
            T_GROUP => Aggregation::Group,
            T_MAX => Aggregation::Max,
            T_MIN => Aggregation::Min,
            T_QUANTILE => Aggregation::Quantile(parameter()?),
            T_STDDEV => Aggregation::Stddev,
            T_STDVAR => Aggregation::Stdvar,
            T_SUM => Aggregation::Sum,
            T_BOTTOMK => {
                return Ok(Vector::Extreme { end: End::Bottom, size: Box::new(parameter()?), grouping, vector });
            }
            T_TOPK => return Ok(Vector::Extreme { end: End::Top, size: Box::new(parameter()?), grouping, vector }),
            _ => return Err(unsupported("aggregation", aggregate.op)),
        };
        Ok(Vector::Aggregated { aggregation, grouping, vector })
    }
}

fn grouping(modifier: Option<&LabelModifier>, otherwise: Grouping) -> Grouping {
    match modifier {
        None => otherwise,
        Some(LabelModifier::Include(labels)) => Grouping::By(labels.labels.clone()),
        Some(LabelModifier::Exclude(labels)) => Grouping::Without(labels.labels.clone()),
    }
}

fn operation(binary: &BinaryExpr) -> Result<Operation, QueryError> {
    Ok(Operation { operator: operator(binary.op)?, returns_bool: binary.return_bool() })
}

fn operator(token: TokenType) -> Result<Operator, QueryError> {
    Ok(match token.id() {
        T_ADD => Operator::Arithmetic(Arithmetic::Add),
        T_ATAN2 => Operator::Arithmetic(Arithmetic::Atan2),
        T_DIV => Operator::Arithmetic(Arithmetic::Divide),
        T_MOD => Operator::Arithmetic(Arithmetic::Modulo),
        T_MUL => Operator::Arithmetic(Arithmetic::Multiply),
        T_POW => Operator::Arithmetic(Arithmetic::Power),
        T_SUB => Operator::Arithmetic(Arithmetic::Subtract),
        T_EQLC => Operator::Comparison(Comparison::Equal),
        T_GTR => Operator::Comparison(Comparison::Greater),
        T_GTE => Operator::Comparison(Comparison::GreaterOrEqual),
        T_LSS => Operator::Comparison(Comparison::Less),
        T_LTE => Operator::Comparison(Comparison::LessOrEqual),
        T_NEQ => Operator::Comparison(Comparison::NotEqual),
        _ => return Err(unsupported("operator", token)),
    })
}

fn set(token: TokenType) -> Result<Set, QueryError> {
    match token.id() {
        T_LAND => Ok(Set::And),
        T_LOR => Ok(Set::Or),
        T_LUNLESS => Ok(Set::Unless),
        _ => Err(unsupported("set operator", token)),
    }
}

fn unsupported(part: &'static str, token: TokenType) -> QueryError {
    QueryError::Unsupported { part, name: token.to_string() }
}
