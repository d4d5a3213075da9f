//! A history for people: one line a change, with what of it matters.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiserver::Commit;
use serde_json::Value;

use crate::cluster::Id;
use crate::facts;

/// The age of the world: `12m03.250s`.
pub(crate) struct Age(pub(crate) Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        write!(f, "{:>3}m{:02}.{:03}s", secs / 60, secs % 60, self.0.subsec_millis())
    }
}

/// A change of an object.
pub(crate) struct Change<'a> {
    pub(crate) id: &'a Id,
    pub(crate) commit: &'a Commit<'a>,
}

impl Change<'_> {
    /// Whether it is the lease of a replica that leads on.
    pub(crate) fn is_renewal(&self) -> bool {
        let holder = |lease: Option<&Arc<Value>>| lease.map(|lease| lease["spec"]["holderIdentity"].clone());
        self.id.kind == "Lease" && holder(self.commit.before) == holder(self.commit.after)
    }
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, commit } = self;
        match (commit.before, commit.after) {
            (None, Some(after)) => write!(f, "creates {id}: {}", summary(after)),
            (Some(before), Some(after)) => {
                let (old, new) = (summary(before), summary(after));
                if old == new { write!(f, "changes {id}") } else { write!(f, "changes {id}: {new}") }
            }
            _ => write!(f, "deletes {id}"),
        }
    }
}

fn summary(object: &Value) -> String {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    match object["kind"].as_str() {
        Some("Canary") => format!(
            "{} weight {} failed {} iterations {} suspend {}",
            facts::phase(object),
            number("/status/canaryWeight"),
            number("/status/failedChecks"),
            number("/status/iterations"),
            object.pointer("/spec/suspend").and_then(Value::as_bool).unwrap_or_default(),
        ),
        Some("Deployment") => format!(
            "{} × {}, {} available, {} updated",
            number("/spec/replicas"),
            facts::image(object),
            facts::available(object),
            number("/status/updatedReplicas"),
        ),
        Some("HTTPRoute") => {
            let splits: Vec<_> = facts::splits(object).iter().map(|(one, other)| format!("{one}/{other}")).collect();
            splits.join(" ")
        }
        Some("Service") => object.pointer("/spec/selector").map(ToString::to_string).unwrap_or_default(),
        _ => String::new(),
    }
}
