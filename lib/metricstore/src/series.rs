//! One series in memory: its labels and a bounded run of samples.

use std::collections::VecDeque;

use crate::labels::Labels;

/// At most so many samples of a series are kept, the newest ones. At four samples a second that is 34 minutes, at one in
/// fifteen seconds more than a day; it takes 128 KiB.
pub const MAX_SAMPLES_PER_SERIES: usize = 8192;

/// A moment in milliseconds since 1970 and the value then.
pub(crate) type Point = (i64, f64);

/// The NaN by which Prometheus marks the end of a series.
pub(crate) const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether a value is [`STALE`], which comparing can't tell because no NaN equals another.
pub(crate) fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE.to_bits()
}

/// A series with samples in strictly ascending time.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    samples: VecDeque<Point>,
}

impl Series {
    pub(crate) fn new(labels: Labels) -> Self {
        Self { labels, samples: VecDeque::new() }
    }

    /// Adds a sample and forgets those that are older than the retention. A sample that is not newer than the last one
    /// is dropped, as Prometheus does; the answer says whether it was kept.
    pub(crate) fn push(&mut self, at_ms: i64, value: f64, retention_ms: i64) -> bool {
        if self.newest().is_some_and(|(newest, _)| at_ms <= newest) {
            return false;
        }
        if MAX_SAMPLES_PER_SERIES <= self.samples.len() {
            self.samples.pop_front();
        }
        self.samples.push_back((at_ms, value));
        let oldest = at_ms.saturating_sub(retention_ms);
        while self.samples.front().is_some_and(|(at, _)| *at < oldest) {
            self.samples.pop_front();
        }
        true
    }

    /// Ends the series: from here on it has no value until a new sample comes. It ends after its last sample in any case.
    pub(crate) fn end(&mut self, at_ms: i64, retention_ms: i64) {
        if let Some((newest, value)) = self.newest()
            && !is_stale(value)
        {
            self.push(at_ms.max(newest.saturating_add(1)), STALE, retention_ms);
        }
    }

    pub(crate) fn newest(&self) -> Option<Point> {
        self.samples.back().copied()
    }

    /// The last sample of the time after `after` up to and including `until`.
    pub(crate) fn latest(&self, after: i64, until: i64) -> Option<Point> {
        self.window(after, until).next_back()
    }

    /// The samples of the time after `after` up to and including `until`, stale markers among them.
    pub(crate) fn window(&self, after: i64, until: i64) -> impl DoubleEndedIterator<Item = Point> {
        let start = self.samples.partition_point(|(at, _)| *at <= after);
        let end = self.samples.partition_point(|(at, _)| *at <= until).max(start);
        self.samples.range(start..end).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SAMPLES_PER_SERIES, Series};
    use crate::labels::Labels;

    fn times(series: &Series) -> Vec<i64> {
        series.window(i64::MIN, i64::MAX).map(|(at, _)| at).collect()
    }

    #[test]
    fn old_and_late_samples_are_forgotten() {
        let mut series = Series::new(Labels::default());
        for at in [0, 10, 5, 10, 20, 31] {
            series.push(at, 1.0, 20);
        }
        assert_eq!(times(&series), [20, 31]);
    }

    #[test]
    fn a_series_is_bounded() {
        let mut series = Series::new(Labels::default());
        for at in 0..10_000 {
            series.push(at, 1.0, i64::MAX);
        }
        assert_eq!(times(&series).len(), MAX_SAMPLES_PER_SERIES);
        assert_eq!(series.newest(), Some((9_999, 1.0)));
    }
}
