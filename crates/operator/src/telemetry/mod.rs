//! What the operator tells the people who run it: log lines on stderr and series at `/metrics`.
//!
//! [`install`] makes every `tracing` event a line; [`Metrics`] holds the series. It does not know when something is worth
//! telling: whoever does it, tells it.

mod metrics;
mod standings;

pub use process::log::{Encoding, FATAL, InstallError, Level, Log, install};

pub use self::metrics::Metrics;
