//! Whose workload it is, and the names that follow.

use api::{Canary, names};
use ports::{Halt, Key, Kind, Object, Seen};
use serde_json::Value;

use crate::Error;

/// What every question about a target takes.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The canary whose target it is.
    pub canary: &'a Canary,
    /// What the operator was started with.
    pub settings: &'a Settings,
}

/// Flags that concern workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Label keys that may tell a target's pods from the primary's, the first one present wins (`-selector-labels`).
    pub selector_labels: Vec<String>,
    /// Prefixes of the metadata keys that a primary takes over from its target (`-include-label-prefix`).
    pub include_label_prefixes: Vec<String>,
    /// Whether primaries get copies of the `ConfigMap`s and Secrets in use (`-enable-config-tracking`).
    pub config_tracking: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            selector_labels: ["app", "name", "app.kubernetes.io/name"].map(str::to_owned).to_vec(),
            include_label_prefixes: Vec::new(),
            config_tracking: true,
        }
    }
}

impl Context<'_> {
    pub(crate) fn namespace(&self) -> &str {
        self.canary.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn target_name(&self) -> &str {
        &self.canary.spec.target_ref.name
    }

    /// The target as an object of `kind`.
    pub(crate) fn target(&self, kind: Kind) -> Key {
        Key::new(kind, self.namespace(), self.target_name())
    }

    /// The primary as an object of `kind`.
    pub(crate) fn primary(&self, kind: Kind) -> Key {
        Key::new(kind, self.namespace(), names::primary_workload(self.canary))
    }

    /// The error of a target that is not at the revision that was analysed.
    pub(crate) fn moved(&self, title: &'static str, expected: &str, current: String) -> Error {
        Error::RevisionMoved {
            title,
            name: self.target_name().to_owned(),
            namespace: self.namespace().to_owned(),
            expected: expected.to_owned(),
            current,
        }
    }

    /// The owner reference of what is created for the canary, so that it goes with it.
    pub(crate) fn owner_reference(&self) -> Value {
        self.canary.owner_reference()
    }
}

/// The object, or the error of its absence, which calls its kind `title`.
pub(crate) fn required<'s>(seen: &'s Seen, key: &Key, title: &'static str) -> Result<&'s Object, Halt<Error>> {
    match seen.get(key)? {
        Some(object) => Ok(object),
        None => Err(Error::Missing { title, key: Box::new(key.clone()) }.into()),
    }
}
