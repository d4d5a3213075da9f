//! A small metrics store in memory that answers Prometheus' HTTP query API.
//!
//! It takes scrapes in Prometheus' text format and evaluates the part of PromQL that canary analysis, dashboards and
//! alerts on it use. What it can't evaluate it refuses by name; it never answers something else.
//!
//! It deliberately does not know what a canary, a pod or a cluster is, which targets there are, how to reach them, or
//! what time it is: the caller scrapes and says when. It keeps nothing on disk and is no replacement for Prometheus.
//!
//! Start reading at [`Store`], then `promql` for how a query is answered, then [`Server`] for the HTTP side.
//!
//! ```
//! use metricstore::{QueryValue, Store};
//!
//! let store = Store::new(std::time::Duration::from_secs(7200));
//! let target = [("job".to_owned(), "podinfo".to_owned())];
//! store.ingest("requests_total{status=\"200\"} 10", &target, 0)?;
//! store.ingest("requests_total{status=\"200\"} 40", &target, 30_000)?;
//! store.ingest("requests_total{status=\"200\"} 70", &target, 60_000)?;
//!
//! let answer = store.query("sum(rate(requests_total[1m]))", 60_000)?;
//! let QueryValue::Vector { samples, .. } = answer else { unreachable!("a sum is a vector") };
//! assert_eq!(samples[0].value, 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which Prometheus
//!
//! The semantics are those of Prometheus 3. It differs from the 2.x line, such as Debian's 2.42, where a sample lies
//! exactly on the edge of a window:
//!
//! - Ranges, lookback and subqueries are open to the left, `(t - range, t]`. Prometheus 2 counts a sample at `t - range`
//!   too, so `count_over_time(up[1m])` over a scrape interval of 15 s is 4 here and may be 5 there.
//! - `rate` and `increase` of a counter that started within the window stretch it to its zero by at most half the
//!   distance of its samples. Prometheus 2 compares the distance to zero with the full distance of the samples first.
//! - Durations may be written as numbers of seconds, and numbers as durations.
//!
//! Regular expressions are those of the [`regex`] crate. They are fully anchored, run in linear time and mean the same as
//! in Prometheus for ASCII; `\d`, `\w` and `\s` know Unicode here.

mod database;
mod exposition;
mod http;
mod index;
mod labels;
mod numbers;
mod promql;
mod series;
mod store;
mod targets;

pub use database::MAX_SERIES;
pub use exposition::ParseError;
pub use http::{Error, Options, Server};
pub use labels::{Labels, METRIC_NAME};
pub use promql::{QueryError, QueryValue, Sample, Series};
pub use series::MAX_SAMPLES_PER_SERIES;
pub use store::Store;
pub use targets::TargetStatus;
