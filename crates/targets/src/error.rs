//! What can't be done with a workload, in sentences that users meet as events.

use ports::{Halt, Key};

/// Why a question about a workload has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A workload or autoscaler that the canary names doesn't exist.
    #[error("{} {}.{} get query error: {}", .title, .key.name, .key.namespace, not_found(.key))]
    Missing {
        /// How the sentence calls its kind.
        title: &'static str,
        /// What was looked for.
        key: Box<Key>,
    },
    /// None of the labels that can tell two workloads apart is in the target's selector.
    #[error("{title} {name}.{namespace} spec.selector.matchLabels must contain one of [{}]", .labels.join(" "))]
    SelectorLabel {
        /// How the sentence calls its kind.
        title: &'static str,
        /// The target.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The keys that were looked for.
        labels: Vec<String>,
    },
    /// The target changed since the revision to promote was analysed.
    #[error("{title} {name}.{namespace} is at revision {current} and not at the analysed {expected}")]
    RevisionMoved {
        /// How the sentence calls its kind.
        title: &'static str,
        /// The target.
        name: String,
        /// Its namespace.
        namespace: String,
        /// The revision that was analysed.
        expected: String,
        /// The revision that it is at.
        current: String,
    },
    /// A `ConfigMap` or Secret of the target changed since it was analysed.
    #[error("the ConfigMaps and Secrets of {title} {name}.{namespace} are not those that were analysed")]
    ConfigsMoved {
        /// How the sentence calls its kind.
        title: &'static str,
        /// The target.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// A Knative Service that has nothing to release yet.
    #[error("Knative Service {name}.{namespace} has no revision yet")]
    NoRevision {
        /// The target.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// A `DaemonSet` that does not replace its pods by itself.
    #[error("daemonset {name}.{namespace} must have RollingUpdate strategy but have {strategy}")]
    UpdateStrategy {
        /// The target.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What `spec.updateStrategy.type` says.
        strategy: String,
    },
    /// A kind that this build can't handle.
    #[error("{field} {value:?} is not available, use one of: {available}")]
    Unavailable {
        /// The field of the Canary.
        field: &'static str,
        /// What it says.
        value: String,
        /// What it could say.
        available: String,
    },
}

impl From<Error> for Halt<Error> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The API server's sentence for an absent object.
fn not_found(key: &Key) -> String {
    let dot = if key.kind.group.is_empty() { "" } else { "." };
    format!("{}{dot}{} {:?} not found", key.kind.plural, key.kind.group, key.name)
}
