//! How much is logged, and in which form.

use tracing::level_filters::LevelFilter;

/// The `target` of an event after which the process ends with status 1; its line says `"level":"fatal"`.
pub const FATAL: &str = "flagger::fatal";

/// The least important kind of line that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Debug,
    /// What a person would want to know.
    Info,
    /// What is unexpected and was handled.
    Warn,
    /// What somebody must act on.
    Error,
    /// Only what ends the process.
    Fatal,
}

impl Level {
    /// The level that a user means, `None` for a word that is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            // `warning` is what the original documents and then takes for info.
            "warn" | "warning" => Some(Self::Warn),
            "error" => Some(Self::Error),
            "fatal" | "panic" | "dpanic" => Some(Self::Fatal),
            _ => None,
        }
    }

    /// What `tracing` has to produce for this level; fatal lines are its errors with the target [`FATAL`].
    pub(super) fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Info => LevelFilter::INFO,
            Self::Warn => LevelFilter::WARN,
            Self::Error | Self::Fatal => LevelFilter::ERROR,
        }
    }
}

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One JSON object.
    Json,
    /// Columns for reading: time, level, caller, message, then the fields as JSON.
    Console,
}

impl Encoding {
    /// The encoding that a user means, `None` for a word that is none.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "json" => Some(Self::Json),
            "console" => Some(Self::Console),
            _ => None,
        }
    }
}
