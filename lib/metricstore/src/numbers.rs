//! Sample values: how they are summed, ranked, read and written.

use std::cmp::Ordering;

/// Milliseconds as the seconds that PromQL counts in.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 stay below 2^53 for 285 000 years")]
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// A number of things as a sample value.
#[expect(clippy::cast_precision_loss, reason = "nothing here is counted beyond 2^53")]
pub(crate) fn count(things: usize) -> f64 {
    things as f64
}

/// The sum with Neumaier's correction, which Prometheus uses as well: adding 1e100, 1 and -1e100 gives 1.
pub(crate) fn total(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for &value in values {
        let next = sum + value;
        if next.is_infinite() {
            lost = 0.0;
        } else if value.abs() <= sum.abs() {
            lost += (sum - next) + value;
        } else {
            lost += (value - next) + sum;
        }
        sum = next;
    }
    if sum.is_infinite() { sum } else { sum + lost }
}

/// The arithmetic mean; NaN for no values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let sum = total(values);
    let overflowed = sum.is_infinite() && values.iter().all(|value| value.is_finite());
    let size = count(values.len());
    if overflowed { values.iter().map(|value| value / size).sum() } else { sum / size }
}

/// The population variance by Welford's method; NaN for no values.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut middle, mut squares) = (0.0, 0.0);
    for (before, &value) in values.iter().enumerate() {
        let delta = value - middle;
        middle += delta / count(before + 1);
        squares += delta * (value - middle);
    }
    squares / count(values.len())
}

/// The greatest value that is a number; NaN when there is none.
pub(crate) fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

/// The least value that is a number; NaN when there is none.
pub(crate) fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// The φ-quantile, interpolated between the two nearest ranks. NaN values rank lowest.
pub(crate) fn quantile(phi: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || phi.is_nan() {
        return f64::NAN;
    }
    if phi < 0.0 {
        return f64::NEG_INFINITY;
    }
    if 1.0 < phi {
        return f64::INFINITY;
    }
    values.sort_by(|left, right| ascending(*left, *right));
    let rank = phi * count(values.len() - 1);
    let weight = rank - rank.floor();
    let lower = floor_index(rank);
    let upper = (lower + 1).min(values.len() - 1);
    let value = |at: usize| values.get(at).copied().unwrap_or(f64::NAN);
    value(lower) * (1.0 - weight) + value(upper) * weight
}

/// The order of values in which NaN comes before every number.
fn ascending(left: f64, right: f64) -> Ordering {
    left.partial_cmp(&right).unwrap_or_else(|| right.is_nan().cmp(&left.is_nan()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank lies within 0 and a length")]
fn floor_index(rank: f64) -> usize {
    rank.floor() as usize
}

/// A value as Prometheus' HTTP API prints it: shortest form, exponents only for the very small and very large.
pub(crate) fn shown(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value < 0.0 { "-Inf".into() } else { "+Inf".into() }
    } else if 0.0 < size && !(1e-6..1e21).contains(&size) {
        with_exponent(value)
    } else {
        value.to_string()
    }
}

/// Rust writes `1e-7` where Go and so Prometheus write `1e-07`.
fn with_exponent(value: f64) -> String {
    let plain = format!("{value:e}");
    let (mantissa, exponent) = plain.split_once('e').unwrap_or((&plain, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// A value as exposition formats write it. Every NaN becomes the ordinary one, so that none passes for a stale marker.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    Some(if value.is_nan() { f64::NAN } else { value })
}

#[cfg(test)]
mod tests {
    use super::{mean, shown, total};

    #[test]
    fn values_print_as_prometheus_prints_them() {
        let printed: Vec<String> =
            [0.0, -0.0, 1.0, 0.1, 1e20, 1e21, 1.5e-7, 1e-6, -1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                .map(shown)
                .into();
        let expected = [
            "0",
            "-0",
            "1",
            "0.1",
            "100000000000000000000",
            "1e+21",
            "1.5e-07",
            "0.000001",
            "-1e+300",
            "NaN",
            "+Inf",
            "-Inf",
        ];
        assert_eq!(printed, expected);
    }

    #[test]
    fn sums_and_means_keep_what_plain_addition_loses() {
        assert_eq!(total(&[1e100, 1.0, -1e100]).to_bits(), 1.0_f64.to_bits());
        assert_eq!(mean(&[f64::MAX, f64::MAX]).to_bits(), f64::MAX.to_bits());
        assert!(total(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }
}
