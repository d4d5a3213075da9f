//! Metrics in Prometheus' text format, as far as the played parts expose them.

use std::fmt::Write;
use std::time::Duration;

use http::Method;

/// The upper bounds of Prometheus' default buckets, in seconds.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The upper bounds of Istio's buckets, in milliseconds.
const MILLISECONDS: [f64; 20] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
    7_200_000.0,
];

/// How long requests took.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    bounds: &'static [f64],
    /// How many of its units a second has.
    per_second: f64,
    /// Observations in each bucket alone; the last one is above all bounds.
    buckets: Vec<u64>,
    sum: f64,
}

impl Default for Histogram {
    /// In seconds.
    fn default() -> Self {
        Self::of(&SECONDS, 1.0)
    }
}

impl Histogram {
    pub(crate) fn in_milliseconds() -> Self {
        Self::of(&MILLISECONDS, 1000.0)
    }

    fn of(bounds: &'static [f64], per_second: f64) -> Self {
        Self { bounds, per_second, buckets: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    pub(crate) fn observe(&mut self, took: Duration) {
        let took = took.as_secs_f64() * self.per_second;
        let at = self.bounds.partition_point(|bound| *bound < took);
        if let Some(bucket) = self.buckets.get_mut(at) {
            *bucket += 1;
        }
        self.sum += took;
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Writes the histogram's samples; `labels` as [`labels`] makes them.
    pub(crate) fn write(&self, out: &mut String, name: &str, labels: &str) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut below = 0;
        for (bucket, bound) in self.buckets.iter().zip(self.bounds) {
            below += bucket;
            sample(out, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"{bound}\""), below);
        }
        sample(out, &format!("{name}_bucket"), &format!("{labels}{comma}le=\"+Inf\""), self.count());
        sample(out, &format!("{name}_sum"), labels, self.sum);
        sample(out, &format!("{name}_count"), labels, self.count());
    }
}

/// A method's name; a client could make up any number of others, which are counted as one.
pub(crate) fn known(method: &Method) -> &'static str {
    const NAMES: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    NAMES.into_iter().find(|name| *name == method.as_str()).unwrap_or("OTHER")
}

/// Starts a metric family.
pub(crate) fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string does not fail.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// Writes one sample.
pub(crate) fn sample(out: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ =
        if labels.is_empty() { writeln!(out, "{name} {value}") } else { writeln!(out, "{name}{{{labels}}} {value}") };
}

/// The inside of a label set's braces.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::default();
        for millis in [5, 6, 20_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut out = String::new();
        histogram.write(&mut out, "took", &labels(&[("path", "a\"b")]));
        for line in [
            "took_bucket{path=\"a\\\"b\",le=\"0.005\"} 1\n",
            "took_bucket{path=\"a\\\"b\",le=\"10\"} 2\n",
            "took_bucket{path=\"a\\\"b\",le=\"+Inf\"} 3\n",
            "took_count{path=\"a\\\"b\"} 3\n",
        ] {
            assert!(out.contains(line), "{line} is not in {out}");
        }
    }
}
