//! What should change in the cluster.

use serde_json::Value;

use crate::Key;

/// One write to the API server. All are safe to repeat.
///
/// Objects that we own are read, modified and written back whole with the `resourceVersion` that was read, so that foreign
/// fields stay and a write based on an old look is refused; of objects that are the user's, only the named fields are patched.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Create this object; its `apiVersion`, `kind`, `metadata.name` and `metadata.namespace` are set.
    Create(Key, Value),
    /// Replace the object by this one, whose `metadata.resourceVersion` is that of the look it is based on.
    Replace(Key, Value),
    /// JSON merge patch (RFC 7386) of an object that is the user's.
    Merge(Key, Value),
    /// Delete the object; one that is gone already is fine.
    Delete(Key),
}

impl Change {
    /// The object that changes.
    pub fn key(&self) -> &Key {
        match self {
            Self::Create(key, _) | Self::Replace(key, _) | Self::Merge(key, _) | Self::Delete(key) => key,
        }
    }
}
