//! What came of load, and whether that is good enough.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use ::api::duration;

use super::{Shot, time};
use crate::tasks::Metadata;

/// So many kinds of answers are told apart; the rest is counted together.
const ANSWERS_MAX: usize = 20;

/// Latencies are counted in buckets of less than one percent.
const FINE_BITS: u32 = 7;

/// What has to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Thresholds {
    /// In percent.
    success_rate_min: Option<f64>,
    /// Percentile and the most that it may take.
    latency_max: Vec<(u32, Duration)>,
}

/// What came of load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(super) title: String,
    pub(super) took: Duration,
    succeeded: u64,
    failed: u64,
    answers: BTreeMap<String, u64>,
    /// Requests by the bucket of their latency in microseconds.
    latencies: BTreeMap<u64, u64>,
    slowest: Duration,
}

impl Thresholds {
    pub(super) fn read(metadata: &Metadata) -> Result<Self, String> {
        let is_percent = |rate: &f64| (0.0..=100.0).contains(rate);
        let success_rate_min = match metadata.get("minSuccessRate") {
            Some(text) => {
                let rate = text.trim_end_matches('%').trim().parse().ok().filter(is_percent);
                Some(rate.ok_or_else(|| super::wrong("minSuccessRate", text))?)
            }
            None => None,
        };
        let mut latency_max = Vec::new();
        for (percentile, key) in [(50, "maxP50"), (95, "maxP95"), (99, "maxP99")] {
            latency_max.extend(time(metadata, key)?.map(|most| (percentile, most)));
        }
        Ok(Self { success_rate_min, latency_max })
    }
}

impl Report {
    pub(super) fn add(&mut self, shot: &Shot, took: Duration) {
        if shot.succeeded {
            self.succeeded += 1;
        } else {
            self.failed += 1;
        }
        let known = self.answers.len() < ANSWERS_MAX || self.answers.contains_key(&shot.answer);
        let answer = if known { shot.answer.clone() } else { "others".to_owned() };
        *self.answers.entry(answer).or_default() += 1;
        *self.latencies.entry(bucket(took)).or_default() += 1;
        self.slowest = self.slowest.max(took);
    }

    pub(crate) fn succeeded(&self) -> u64 {
        self.succeeded
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether all thresholds hold. Without any, something at least has to have succeeded.
    pub(crate) fn verdict(&self, thresholds: &Thresholds) -> Result<(), String> {
        if self.succeeded == 0 {
            return Err("no request succeeded".to_owned());
        }
        let rate = self.success_rate();
        if let Some(least) = thresholds.success_rate_min
            && rate < least
        {
            return Err(format!("the success rate is {rate:.2}%, and has to be {least}% at least"));
        }
        for (percentile, most) in &thresholds.latency_max {
            let latency = self.percentile(*percentile);
            if *most < latency {
                let (latency, most) = (duration::format(latency), duration::format(*most));
                return Err(format!("the latency p{percentile} is {latency}, and may be {most} at most"));
            }
        }
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "so many requests that it shows nobody makes")]
    fn success_rate(&self) -> f64 {
        100.0 * self.succeeded as f64 / (self.succeeded + self.failed).max(1) as f64
    }

    /// The latency that so many percent of the requests did not pass.
    fn percentile(&self, percent: u32) -> Duration {
        let all: u64 = self.succeeded + self.failed;
        let rank = (all * u64::from(percent)).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in &self.latencies {
            seen += count;
            if rank <= seen {
                return Duration::from_micros(*bucket);
            }
        }
        self.slowest
    }
}

/// The latency in microseconds, with its last digits cut off.
fn bucket(latency: Duration) -> u64 {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    let coarse = (u64::BITS - micros.leading_zeros()).saturating_sub(FINE_BITS + 1);
    micros >> coarse << coarse
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, secs) = (self.succeeded + self.failed, self.took.as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "so many requests that it shows nobody makes")]
        let rate = all as f64 / secs.max(f64::EPSILON);
        writeln!(f, "{}", self.title)?;
        writeln!(f, "{all} requests in {secs:.1}s, {rate:.1}/s, {:.2}% succeeded", self.success_rate())?;
        let latency = |percent| duration::format(self.percentile(percent));
        let slowest = duration::format(Duration::from_micros(bucket(self.slowest)));
        writeln!(f, "p50 {}, p95 {}, p99 {}, slowest {slowest}", latency(50), latency(95), latency(99))?;
        for (answer, count) in &self.answers {
            writeln!(f, "{count} × {answer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred requests of 1 to 100 ms, of which the last ones failed.
    fn report(failed: usize) -> Report {
        let mut report = Report::default();
        for ms in 1..=100 {
            let succeeded = ms <= 100 - failed;
            let answer = if succeeded { "200" } else { "503" }.to_owned();
            report.add(&Shot { answer, succeeded }, Duration::from_millis(ms as u64));
        }
        report
    }

    fn verdict(report: &Report, pairs: &[(&str, &str)]) -> Result<(), String> {
        let metadata = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        report.verdict(&Thresholds::read(&metadata).unwrap())
    }

    #[test]
    fn percentiles_are_right_within_one_percent() {
        let report = report(0);
        for (percent, millis) in [(50, 50.0), (95, 95.0), (99, 99.0)] {
            let got = report.percentile(percent).as_secs_f64() * 1000.0;
            assert!((millis * 0.99..=millis).contains(&got), "p{percent} {got}");
        }
    }

    #[test]
    fn a_threshold_that_does_not_hold_is_named_with_what_was_measured() {
        assert_eq!(verdict(&report(1), &[("minSuccessRate", "99"), ("maxP99", "100ms"), ("maxP50", "50ms")]), Ok(()));
        assert_eq!(
            verdict(&report(2), &[("minSuccessRate", "99%")]).unwrap_err(),
            "the success rate is 98.00%, and has to be 99% at least"
        );
        let slow = verdict(&report(0), &[("maxP95", "20ms")]).unwrap_err();
        assert!(slow.starts_with("the latency p95 is 94.") && slow.ends_with("ms, and may be 20ms at most"), "{slow}");
        assert_eq!(verdict(&report(100), &[]).unwrap_err(), "no request succeeded");
        assert_eq!(verdict(&Report::default(), &[("minSuccessRate", "0")]).unwrap_err(), "no request succeeded");
    }

    #[test]
    fn kinds_of_answers_are_bounded() {
        let mut report = Report::default();
        for number in 0..100 {
            report.add(&Shot { answer: number.to_string(), succeeded: true }, Duration::ZERO);
        }
        assert_eq!(report.answers.len(), ANSWERS_MAX + 1);
        assert_eq!(report.answers["others"], 80);
    }
}
