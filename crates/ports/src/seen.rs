//! What has been looked at so far.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::Key;

/// An object as the API server returned it, without `metadata.managedFields`.
pub type Object = Arc<Value>;

/// Why a pure function stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt<E> {
    /// Look at this object, then call again with the same arguments.
    Need(Key),
    /// It can't be done, for this reason.
    Failed(E),
}

impl<E> Halt<E> {
    /// Changes the error, keeps the need.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> Halt<F> {
        match self {
            Self::Need(key) => Halt::Need(key),
            Self::Failed(error) => Halt::Failed(change(error)),
        }
    }
}

/// The objects that one conversation has looked at, absent ones included.
///
/// The shell keeps it through one tick, and learns from [`Seen::keys`] which objects the tick depends on.
#[derive(Clone, Default)]
pub struct Seen {
    objects: BTreeMap<Key, Option<Object>>,
}

impl Seen {
    /// The object, `None` when it does not exist.
    ///
    /// # Errors
    /// [`Halt::Need`] when nobody has looked yet.
    pub fn get<E>(&self, key: &Key) -> Result<Option<&Object>, Halt<E>> {
        match self.objects.get(key) {
            Some(found) => Ok(found.as_ref()),
            None => Err(Halt::Need(key.clone())),
        }
    }

    /// Records what a look at `key` found.
    pub fn put(&mut self, key: Key, found: Option<Object>) {
        self.objects.insert(key, found);
    }

    /// Forgets one object, so that the next [`Seen::get`] looks again.
    pub fn forget(&mut self, key: &Key) {
        self.objects.remove(key);
    }

    /// Everything that was looked at.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.objects.keys()
    }
}

/// Names only: among the objects are Secrets, and what is printed ends in logs.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.objects.iter().map(|(key, found)| (key, if found.is_some() { "found" } else { "absent" }));
        f.debug_map().entries(entries).finish()
    }
}
