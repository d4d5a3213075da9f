//! Functions of one value.

use crate::promql::functions::Mapping;

/// The mapped value; none when the function leaves nothing at all, as `clamp` does with crossed bounds.
pub(crate) fn apply(mapping: Mapping<f64>, value: f64) -> Option<f64> {
    Some(match mapping {
        Mapping::Abs => value.abs(),
        Mapping::Ceil => value.ceil(),
        Mapping::Clamp { min, max } if max < min => return None,
        Mapping::Clamp { min, max } => at_least(min, at_most(max, value)),
        Mapping::ClampMax(max) => at_most(max, value),
        Mapping::ClampMin(min) => at_least(min, value),
        Mapping::Exp => value.exp(),
        Mapping::Floor => value.floor(),
        Mapping::Ln => value.ln(),
        Mapping::Log10 => value.log10(),
        Mapping::Log2 => value.log2(),
        Mapping::Round(to) => {
            // Multiplying by the inverse keeps round(x, 0.1) free of the error that dividing by 0.1 would add.
            let inverse = 1.0 / to;
            (value * inverse + 0.5).floor() / inverse
        }
        Mapping::Sgn if value < 0.0 => -1.0,
        Mapping::Sgn if 0.0 < value => 1.0,
        Mapping::Sgn => value,
        Mapping::Sqrt => value.sqrt(),
    })
}

/// Unlike [`f64::max`], NaN if either is.
fn at_least(bound: f64, value: f64) -> f64 {
    if bound.is_nan() || value.is_nan() { f64::NAN } else { value.max(bound) }
}

/// Unlike [`f64::min`], NaN if either is.
fn at_most(bound: f64, value: f64) -> f64 {
    if bound.is_nan() || value.is_nan() { f64::NAN } else { value.min(bound) }
}
