//! The queries of the two checks that need no query from the user.
//!
//! An *observer* is the mesh or ingress whose metrics tell how requests to the canary fare. Which metrics those are is data,
//! one row an observer, in `rows.rs`; this file turns a row into PromQL.
//!
//! Unlike in Flagger a dot in a name matches a dot only, and the rows that are about Services use the Service's name, not the
//! target's.

mod observer;
mod rows;

use api::MetricProviderType;

use crate::{Names, NoData};
pub use observer::{Observer, provider};
use rows::{Latency, Matcher, Row};

/// The provider that answers built-in checks.
pub const PROVIDER: MetricProviderType = MetricProviderType::Prometheus;

/// A check that needs no query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `request-success-rate`: the percentage of requests that were not answered by a server error.
    SuccessRate,
    /// `request-duration`: the time within which 99 of 100 requests are answered, or the mean where no more is known.
    RequestDuration,
}

/// The PromQL for a check over the last `interval`, such as `1m`.
pub fn query(observer: Observer, check: Check, names: &Names, interval: &str) -> String {
    let row = rows::of(observer);
    let rate = |metric: &str, matchers: &[&[Matcher]]| {
        let matchers: Vec<_> = matchers.iter().copied().flatten().map(|matcher| matcher.text(row, names)).collect();
        format!("rate({metric}{{{}}}[{interval}])", matchers.join(","))
    };
    match (check, row.latency) {
        (Check::SuccessRate, _) => {
            let good = rate(row.requests, &[row.base, row.requests_only, &[row.success]]);
            let all = rate(row.requests, &[row.base, row.requests_only]);
            format!("sum({good}) / sum({all}) * 100")
        }
        (Check::RequestDuration, Latency::Quantile { buckets, .. }) => {
            let buckets = rate(buckets, &[row.latency_only, row.base]);
            format!("histogram_quantile(0.99, sum({buckets}) by (le))")
        }
        (Check::RequestDuration, Latency::Mean { sum, count }) => {
            format!("sum({}) / sum({})", rate(sum, &[row.base]), rate(count, &[row.base]))
        }
    }
}

/// What the answer to a check's query means: percent for the success rate, whole milliseconds for the duration.
pub fn value(observer: Observer, check: Check, answer: f64) -> f64 {
    let millis = match rows::of(observer).latency {
        Latency::Quantile { seconds: false, .. } => 1.0,
        Latency::Quantile { seconds: true, .. } | Latency::Mean { .. } => 1000.0,
    };
    match check {
        Check::SuccessRate => answer,
        Check::RequestDuration => (answer * millis).trunc(),
    }
}

/// Why a built-in check has no reading, in the words that users see.
pub fn no_data(reason: NoData) -> String {
    format!("running query failed: {reason}")
}

impl Matcher {
    /// The matcher in PromQL, with the names filled in.
    fn text(self, row: &Row, names: &Names) -> String {
        let Self(label, operator, pattern) = self;
        let quote = |name: &str| match (operator, row.words_only) {
            (_, true) => name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect(),
            // Twice, since the pattern is inside a string in which a backslash stands for itself only when doubled.
            ("=~" | "!~", false) => name.replace('.', r"\\."),
            (_, false) => name.to_owned(),
        };
        let fillings = [
            ("<namespace>", &names.namespace),
            ("<target>", &names.target),
            ("<service>", &names.service),
            ("<ingress>", &names.ingress),
            ("<route>", &names.route),
        ];
        let filled = fillings.iter().fold(pattern.to_owned(), |text, (gap, name)| text.replace(gap, &quote(name)));
        format!("{label}{operator}\"{filled}\"")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn names() -> Names {
        let text = |text: &str| text.to_owned();
        Names {
            name: text("cart"),
            namespace: text("shop"),
            target: text("cart.v2"),
            service: text("cart-svc"),
            ingress: text("front.door"),
            route: text("path"),
        }
    }

    #[test]
    fn every_observer_has_its_queries() {
        let mut queries = String::new();
        for observer in Observer::ALL {
            for check in [Check::SuccessRate, Check::RequestDuration] {
                let query = query(observer, check, &names(), "1m");
                let value = value(observer, check, 0.0625);
                queries += &format!("{observer:?} {check:?} (0.0625 is {value})\n  {query}\n");
            }
        }
        expect![[r#""#]].assert_eq(&queries);
    }
}
