//! Timestamps as Kubernetes writes them: RFC 3339 in UTC, to the second.

use jiff::Timestamp;
use serde::Serializer;

/// Writes the timestamp without its fraction of a second.
#[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
pub(crate) fn option<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&format_args!("{time:.0}")),
        None => serializer.serialize_none(),
    }
}
