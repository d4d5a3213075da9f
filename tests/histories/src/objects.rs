//! All objects of a history as they are now.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::Id;

/// The objects, by kind and name.
#[derive(Default)]
pub(crate) struct Objects(BTreeMap<Id, Arc<Value>>);

impl Objects {
    /// The object as it was just written, or that it is gone.
    pub(crate) fn see(&mut self, id: Id, object: Option<&Arc<Value>>) {
        match object {
            Some(object) => drop(self.0.insert(id, Arc::clone(object))),
            None => drop(self.0.remove(&id)),
        }
    }

    pub(crate) fn get(&self, id: &Id) -> Option<&Value> {
        self.0.get(id).map(AsRef::as_ref)
    }

    /// The object, to be kept while others change it.
    pub(crate) fn share(&self, id: &Id) -> Option<Arc<Value>> {
        self.0.get(id).cloned()
    }

    /// All objects of a kind.
    pub(crate) fn of(&self, kind: &str) -> Vec<Arc<Value>> {
        self.0.iter().filter(|(id, _)| id.kind == kind).map(|(_, object)| Arc::clone(object)).collect()
    }

    pub(crate) fn has(&self, id: &Id) -> bool {
        self.0.contains_key(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.values().map(AsRef::as_ref)
    }
}
