//! The functions that compute values from values, with their scalar arguments as `A`: a part of the plan at first, a
//! number when they are evaluated.

/// A function of one value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mapping<A> {
    Abs,
    Ceil,
    Clamp { min: A, max: A },
    ClampMax(A),
    ClampMin(A),
    Exp,
    Floor,
    Ln,
    Log10,
    Log2,
    Round(A),
    Sgn,
    Sqrt,
}

/// A function of the samples in a range.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reduction<A> {
    Avg,
    Changes,
    Count,
    Delta,
    Deriv,
    Idelta,
    Increase,
    Irate,
    Last,
    Max,
    Min,
    Present,
    Quantile(A),
    Rate,
    Resets,
    Stddev,
    Stdvar,
    Sum,
}

/// A function of a group's values.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Aggregation<A> {
    Avg,
    Count,
    Group,
    Max,
    Min,
    Quantile(A),
    Stddev,
    Stdvar,
    Sum,
}

impl<A> Mapping<A> {
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &A> {
        let (first, second) = match self {
            Mapping::Clamp { min, max } => (Some(min), Some(max)),
            Mapping::ClampMax(bound) | Mapping::ClampMin(bound) | Mapping::Round(bound) => (Some(bound), None),
            Mapping::Abs
            | Mapping::Ceil
            | Mapping::Exp
            | Mapping::Floor
            | Mapping::Ln
            | Mapping::Log10
            | Mapping::Log2
            | Mapping::Sgn
            | Mapping::Sqrt => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// The function with each argument replaced.
    pub(crate) fn try_map<B, E>(&self, mut f: impl FnMut(&A) -> Result<B, E>) -> Result<Mapping<B>, E> {
        Ok(match self {
            Mapping::Abs => Mapping::Abs,
            Mapping::Ceil => Mapping::Ceil,
            Mapping::Clamp { min, max } => Mapping::Clamp { min: f(min)?, max: f(max)? },
            Mapping::ClampMax(max) => Mapping::ClampMax(f(max)?),
            Mapping::ClampMin(min) => Mapping::ClampMin(f(min)?),
            Mapping::Exp => Mapping::Exp,
            Mapping::Floor => Mapping::Floor,
            Mapping::Ln => Mapping::Ln,
            Mapping::Log10 => Mapping::Log10,
            Mapping::Log2 => Mapping::Log2,
            Mapping::Round(to) => Mapping::Round(f(to)?),
            Mapping::Sgn => Mapping::Sgn,
            Mapping::Sqrt => Mapping::Sqrt,
        })
    }
}

impl<A> Reduction<A> {
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &A> {
        let only = if let Reduction::Quantile(phi) = self { Some(phi) } else { None };
        only.into_iter()
    }

    /// Whether the result is still the series itself, metric name and all.
    pub(crate) fn keeps_name(&self) -> bool {
        matches!(self, Reduction::Last)
    }

    /// The function with its argument replaced.
    pub(crate) fn try_map<B, E>(&self, mut f: impl FnMut(&A) -> Result<B, E>) -> Result<Reduction<B>, E> {
        Ok(match self {
            Reduction::Avg => Reduction::Avg,
            Reduction::Changes => Reduction::Changes,
            Reduction::Count => Reduction::Count,
            Reduction::Delta => Reduction::Delta,
            Reduction::Deriv => Reduction::Deriv,
            Reduction::Idelta => Reduction::Idelta,
            Reduction::Increase => Reduction::Increase,
            Reduction::Irate => Reduction::Irate,
            Reduction::Last => Reduction::Last,
            Reduction::Max => Reduction::Max,
            Reduction::Min => Reduction::Min,
            Reduction::Present => Reduction::Present,
            Reduction::Quantile(phi) => Reduction::Quantile(f(phi)?),
            Reduction::Rate => Reduction::Rate,
            Reduction::Resets => Reduction::Resets,
            Reduction::Stddev => Reduction::Stddev,
            Reduction::Stdvar => Reduction::Stdvar,
            Reduction::Sum => Reduction::Sum,
        })
    }
}

impl<A> Aggregation<A> {
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &A> {
        let only = if let Aggregation::Quantile(phi) = self { Some(phi) } else { None };
        only.into_iter()
    }

    /// The function with its argument replaced.
    pub(crate) fn try_map<B, E>(&self, mut f: impl FnMut(&A) -> Result<B, E>) -> Result<Aggregation<B>, E> {
        Ok(match self {
            Aggregation::Avg => Aggregation::Avg,
            Aggregation::Count => Aggregation::Count,
            Aggregation::Group => Aggregation::Group,
            Aggregation::Max => Aggregation::Max,
            Aggregation::Min => Aggregation::Min,
            Aggregation::Quantile(phi) => Aggregation::Quantile(f(phi)?),
            Aggregation::Stddev => Aggregation::Stddev,
            Aggregation::Stdvar => Aggregation::Stdvar,
            Aggregation::Sum => Aggregation::Sum,
        })
    }
}
