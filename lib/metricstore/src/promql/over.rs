//! Functions of the samples in a range: `rate` and its kin, and everything `…_over_time`.

use crate::numbers::{self, count, seconds};
use crate::promql::functions::Reduction;
use crate::series::Point;

/// A run of samples, none of them stale, and the range `(after, until]` that it was cut from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) after_ms: i64,
    pub(crate) until_ms: i64,
    pub(crate) samples: &'a [Point],
}

/// The value of a window, or none when it has too few samples to tell.
pub(crate) fn reduce(reduction: Reduction<f64>, window: Window<'_>) -> Option<f64> {
    let samples = window.samples;
    let (_, last) = *samples.last()?;
    let values = || samples.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
    match reduction {
        Reduction::Avg => Some(numbers::mean(&values())),
        Reduction::Changes => Some(changes(samples)),
        Reduction::Count => Some(count(samples.len())),
        Reduction::Delta => stretched(window, Kind::Gauge).map(|(change, stretch)| change * stretch),
        Reduction::Deriv => slope(samples),
        Reduction::Idelta => last_step(samples, Kind::Gauge).map(|(change, _)| change),
        Reduction::Increase => stretched(window, Kind::Counter).map(|(change, stretch)| change * stretch),
        Reduction::Irate => last_step(samples, Kind::Counter).map(|(change, time)| change / time),
        Reduction::Last => Some(last),
        Reduction::Max => Some(numbers::greatest(&values())),
        Reduction::Min => Some(numbers::least(&values())),
        Reduction::Present => Some(1.0),
        Reduction::Quantile(phi) => Some(numbers::quantile(phi, values())),
        Reduction::Rate => {
            let (change, stretch) = stretched(window, Kind::Counter)?;
            // Dividing the stretch rather than the increase rounds as Prometheus does.
            Some(change * (stretch / seconds(window.until_ms.saturating_sub(window.after_ms))))
        }
        Reduction::Resets => Some(resets(samples)),
        Reduction::Stddev => Some(numbers::variance(&values()).sqrt()),
        Reduction::Stdvar => Some(numbers::variance(&values())),
        Reduction::Sum => Some(numbers::total(&values())),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

/// The change between the first and the last sample, and how many times the window is longer than what they cover.
///
/// The change is stretched to the edges of the window, if the samples come close to them: within 1.1 times their average
/// distance. From an edge further away the series is assumed to start or end
/// half that distance beyond its outermost sample. A counter is never stretched to before the moment when it was zero.
fn stretched(window: Window<'_>, kind: Kind) -> Option<(f64, f64)> {
    let [(first_at, first), .., (last_at, last)] = *window.samples else { return None };
    let change = match kind {
        Kind::Counter => last - first + lost_to_resets(window.samples),
        Kind::Gauge => last - first,
    };
    let covered = seconds(last_at - first_at);
    let distance = covered / count(window.samples.len() - 1);
    let reach = |edge: f64| if edge < distance * 1.1 { edge } else { distance / 2.0 };
    let mut before = reach(seconds(first_at.saturating_sub(window.after_ms)));
    if kind == Kind::Counter && 0.0 < change && 0.0 <= first {
        let since_zero = covered * (first / change);
        before = if since_zero < before { since_zero } else { before };
    }
    let after = reach(seconds(window.until_ms.saturating_sub(last_at)));
    Some((change, (covered + before + after) / covered))
}

/// What a counter had counted before each time it started again from zero.
fn lost_to_resets(samples: &[Point]) -> f64 {
    steps(samples).filter(|(before, after)| after < before).map(|(before, _)| before).sum()
}

/// The change between the last two samples, and its seconds.
fn last_step(samples: &[Point], kind: Kind) -> Option<(f64, f64)> {
    let [.., (before_at, before), (at, value)] = *samples else { return None };
    let reset = kind == Kind::Counter && value < before;
    let change = if reset { value } else { value - before };
    Some((change, seconds(at - before_at)))
}

/// The slope of the least-squares line through the samples.
fn slope(samples: &[Point]) -> Option<f64> {
    let [(first_at, first), _, ..] = *samples else { return None };
    if steps(samples).all(|(before, after)| before.to_bits() == after.to_bits()) {
        return Some(if first.is_finite() { 0.0 } else { f64::NAN });
    }
    let points: Vec<(f64, f64)> = samples.iter().map(|(at, value)| (seconds(at - first_at), *value)).collect();
    let sum = |of: fn(&(f64, f64)) -> f64| numbers::total(&points.iter().map(of).collect::<Vec<f64>>());
    let (times, values) = (sum(|(time, _)| *time), sum(|(_, value)| *value));
    let (products, squares) = (sum(|(time, value)| time * value), sum(|(time, _)| time * time));
    let size = count(points.len());
    Some((products - times * values / size) / (squares - times * times / size))
}

fn changes(samples: &[Point]) -> f64 {
    #[expect(clippy::float_cmp, reason = "any difference is a change")]
    let changed = |(before, after): &(f64, f64)| before != after && !(before.is_nan() && after.is_nan());
    count(steps(samples).filter(changed).count())
}

fn resets(samples: &[Point]) -> f64 {
    count(steps(samples).filter(|(before, after)| after < before).count())
}

/// Each value with its successor.
fn steps(samples: &[Point]) -> impl Iterator<Item = (f64, f64)> {
    samples.iter().zip(samples.iter().skip(1)).map(|((_, before), (_, after))| (*before, *after))
}
