//! What users install and play: the examples, the alert rules, the dashboards and the scenarios of this repository, as files.
//!
//! The tests of this crate hold the files against what they are for: examples are applied to an API server, alert rules are
//! given to `promtool`, and everything that they and the dashboards ask is asked of a real Prometheus and of the sandbox's
//! store. Scenarios and dashboards need a whole sandbox: [`Stage`] runs the program `flagger` for them, and [`scenarios`] plays
//! on it what the `script.txt` of a folder of `scenarios/` says, and compares what is said with `said.txt` beside it.
//!
//! It deliberately does not know what a right answer is: what is committed is the only judge.
//!
//! Start reading at `scenarios/load-harness/script.txt`, then [`scenarios::check`].

mod chat;
mod files;
mod http;
mod ledger;
mod queries;
pub mod scenarios;
mod stage;

pub use files::{Error, manifests, root};
pub use http::instant;
pub use queries::{alert_rules, dashboard_queries, panels};
pub use stage::Stage;
