//! What the operator tells the people who run it: log lines on stderr and series at `/metrics`.
//!
//! [`install`] makes every `tracing` event a line; [`Metrics`] holds the series. It does not know when something is worth
//! telling: whoever does it, tells it.

mod level;
mod line;
mod log;
mod metrics;
mod process;
mod sampler;
mod standings;

pub use self::level::{Encoding, FATAL, Level};
pub use self::log::{InstallError, Log, install};
pub use self::metrics::Metrics;
