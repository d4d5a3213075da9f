//! What is remembered of objects whose content is not kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ports::{Key, Object};
use serde_json::Value;

/// How many digests are remembered: more than a fleet refers to, a few hundred bytes each.
const DIGESTS_MAX: usize = 1 << 16;

/// Digests by object, each of one version of it.
#[derive(Default)]
pub(super) struct Digests(Mutex<HashMap<Key, (Box<str>, Object)>>);

impl Digests {
    /// The digest of the object in the version that `held` has.
    pub(super) fn of(&self, key: &Key, held: &Value) -> Option<Object> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (noted, digest) = known.get(key)?;
        (version(held)? == &**noted).then(|| Arc::clone(digest))
    }

    /// Remembers the digest of this version in place of one before. Where there are too many, all are made anew.
    pub(super) fn note(&self, key: &Key, object: &Value, digest: &Object) {
        let Some(version) = version(object) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if DIGESTS_MAX <= known.len() {
            known.clear();
        }
        known.insert(key.clone(), (version.into(), Arc::clone(digest)));
    }
}

fn version(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("resourceVersion")?.as_str()
}
