//! What users install and play: the examples, the alert rules, the dashboards and the scenarios of this repository, as files.
//!
//! The tests of this crate hold the files against what they are for: examples are applied to an API server, alert rules are
//! given to `promtool`.

mod files;

pub use files::{Error, manifests, root};
