//! What should change in the cluster.

use std::fmt;

use serde_json::Value;

use crate::{Key, kinds};

/// One write to the API server. All are safe to repeat.
///
/// Objects that we own are read, modified and written back whole with the `resourceVersion` that was read, so that foreign
/// fields stay and a write based on an old look is refused; of objects that are the user's, only the named fields are patched.
#[derive(Clone, PartialEq)]
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

/// Without what a Secret holds: what is printed ends in logs.
impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, key, content) = match self {
            Self::Create(key, object) => ("Create", key, Some(object)),
            Self::Replace(key, object) => ("Replace", key, Some(object)),
            Self::Merge(key, patch) => ("Merge", key, Some(patch)),
            Self::Delete(key) => ("Delete", key, None),
        };
        let mut tuple = f.debug_tuple(verb);
        tuple.field(key);
        match content {
            Some(_) if key.kind == kinds::SECRET => tuple.field(&format_args!("<secret>")),
            Some(content) => tuple.field(content),
            None => &mut tuple,
        };
        tuple.finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Seen;

    #[test]
    fn what_a_secret_holds_is_never_printed() {
        let key = Key::new(kinds::SECRET, "shop", "token");
        let secret = json!({"data": {"token": "aHVudGVyMg=="}});
        let mut seen = Seen::default();
        seen.put(key.clone(), Some(secret.clone().into()));
        let printed =
            format!("{seen:?} {:?} {:?}", Change::Create(key.clone(), secret.clone()), Change::Merge(key, secret));
        assert!(printed.contains("token") && !printed.contains("aHVudGVyMg"), "{printed}");
    }
}
