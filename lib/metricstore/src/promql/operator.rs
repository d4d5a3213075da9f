//! Arithmetic and comparison of two numbers.

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Arithmetic(Arithmetic),
    Comparison(Comparison),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Atan2,
    Divide,
    Modulo,
    Multiply,
    Power,
    Subtract,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    NotEqual,
}

impl Operator {
    /// The result as a number; comparisons answer 0 or 1.
    pub(crate) fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Operator::Arithmetic(arithmetic) => arithmetic.apply(left, right),
            Operator::Comparison(comparison) => f64::from(u8::from(comparison.holds(left, right))),
        }
    }
}

impl Arithmetic {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Arithmetic::Add => left + right,
            Arithmetic::Atan2 => left.atan2(right),
            Arithmetic::Divide => left / right,
            Arithmetic::Modulo => left % right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Power => left.powf(right),
            Arithmetic::Subtract => left - right,
        }
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "PromQL compares exactly")]
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::Greater => right < left,
            Comparison::GreaterOrEqual => right <= left,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::NotEqual => left != right,
        }
    }
}
