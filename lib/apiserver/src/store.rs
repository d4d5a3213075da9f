//! Where objects live: one revision counter, collections of packed objects, and the bounded history that watches read.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::meta;
use crate::options::{Commit, Observer};
use crate::packed::Packed;

/// Namespace (empty for cluster-wide kinds) and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// An object's collection and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Location {
    pub(crate) collection: String,
    pub(crate) key: Key,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Added,
    Modified,
    Deleted,
}

/// One entry of the history.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) change: Change,
    /// As it is after the change; for a deletion as it was last, with the revision of the deletion.
    pub(crate) object: Arc<Packed>,
    pub(crate) previous: Option<Arc<Packed>>,
}

/// All objects of one kind.
#[derive(Debug)]
struct Collection {
    objects: BTreeMap<Arc<Key>, Arc<Packed>>,
    history: VecDeque<Event>,
    /// The revision of the newest event that the history has dropped.
    forgotten: u64,
    /// Rings at every change. (A `watch` channel would wake its listeners in an order of its own, no two times the same.)
    changed: broadcast::Sender<()>,
}

/// Every object, by collection and key.
pub(crate) struct Store {
    revision: u64,
    collections: BTreeMap<String, Collection>,
    /// Where a uid lives.
    uids: HashMap<String, Location>,
    /// Who names a uid as its owner.
    dependents: HashMap<String, BTreeSet<Location>>,
    history_max: usize,
    observer: Option<Observer>,
}

impl Key {
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Key {
        Key { namespace: namespace.into(), name: name.into() }
    }

    /// The key of an object.
    pub(crate) fn of(object: &Value) -> Key {
        Key::new(meta::namespace(object), meta::name(object))
    }

    /// Whether it lies in the namespace; none means all.
    pub(crate) fn is_in(&self, namespace: Option<&str>) -> bool {
        namespace.is_none_or(|wanted| self.namespace == wanted)
    }
}

impl Collection {
    /// What lies in a namespace, in the order of names.
    fn within(&self, namespace: &str) -> impl Iterator<Item = &Arc<Packed>> {
        let from = self.objects.range(Key::new(namespace, "")..);
        from.take_while(move |(key, _)| key.namespace == namespace).map(|(_, object)| object)
    }
}

impl Location {
    pub(crate) fn new(collection: &str, key: Key) -> Location {
        Location { collection: collection.to_owned(), key }
    }
}

impl Store {
    pub(crate) fn new(history_max: usize, observer: Option<Observer>) -> Store {
        Store {
            revision: 0,
            collections: BTreeMap::new(),
            uids: HashMap::new(),
            dependents: HashMap::new(),
            history_max: history_max.max(1),
            observer,
        }
    }

    /// The same objects and history, told to another observer from now on.
    pub(crate) fn copy(&self, history_max: usize, observer: Option<Observer>) -> Store {
        let own = |collection: &Collection| Collection {
            objects: collection.objects.clone(),
            history: collection.history.clone(),
            forgotten: collection.forgotten,
            changed: broadcast::Sender::new(1),
        };
        Store {
            revision: self.revision,
            collections: self.collections.iter().map(|(name, collection)| (name.clone(), own(collection))).collect(),
            uids: self.uids.clone(),
            dependents: self.dependents.clone(),
            history_max: history_max.max(1),
            observer,
        }
    }

    /// The revision of the latest change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn get(&self, at: &Location) -> Option<Arc<Value>> {
        Some(self.packed(at)?.unpack())
    }

    /// The object at rest.
    pub(crate) fn packed(&self, at: &Location) -> Option<&Arc<Packed>> {
        self.collections.get(&at.collection)?.objects.get(&at.key)
    }

    /// Whether there is something.
    pub(crate) fn has(&self, at: &Location) -> bool {
        self.collections.get(&at.collection).is_some_and(|collection| collection.objects.contains_key(&at.key))
    }

    /// Where the object with this uid lives.
    pub(crate) fn by_uid(&self, uid: &str) -> Option<&Location> {
        self.uids.get(uid)
    }

    /// Who names this uid as an owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<Location> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// The objects of a collection in the order of their keys, from one namespace or all.
    pub(crate) fn list(&self, collection: &str, namespace: Option<&str>) -> Vec<Arc<Packed>> {
        let Some(collection) = self.collections.get(collection) else { return Vec::new() };
        match namespace {
            None => collection.objects.values().cloned().collect(),
            Some(namespace) => collection.within(namespace).cloned().collect(),
        }
    }

    /// The same as it was right after a revision; nothing if the history doesn't reach back that far.
    pub(crate) fn list_at(&self, collection: &str, namespace: Option<&str>, revision: u64) -> Option<Vec<Arc<Packed>>> {
        let since = self.since(collection, revision)?;
        let now = self.list(collection, namespace);
        if since.is_empty() {
            return Some(now);
        }
        let mut objects: BTreeMap<Arc<Key>, Arc<Packed>> =
            now.into_iter().map(|object| (object.key.clone(), object)).collect();
        for event in since.into_iter().rev().filter(|event| event.object.key.is_in(namespace)) {
            match event.previous {
                Some(previous) => objects.insert(previous.key.clone(), previous),
                None => objects.remove(&event.object.key),
            };
        }
        Some(objects.into_values().collect())
    }

    /// Every location in a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Vec<Location> {
        let of = |(name, collection): (&String, &Collection)| {
            let objects = collection.within(namespace);
            objects.map(|object| Location::new(name, Key::clone(&object.key))).collect::<Vec<_>>()
        };
        self.collections.iter().flat_map(of).collect()
    }

    /// Writes an object under the next revision and remembers the change.
    pub(crate) fn put(&mut self, at: &Location, object: Value) -> Arc<Value> {
        let before = self.get(at);
        self.put_over(at, before.as_ref(), object)
    }

    /// The same where the caller has read what is there before.
    pub(crate) fn put_over(&mut self, at: &Location, before: Option<&Arc<Value>>, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        meta::put(&mut object, "resourceVersion", Some(json!(self.revision.to_string())));
        let object = Arc::new(object);
        let packed = Arc::new(Packed::new(&object));
        let previous = self.open(&at.collection).objects.insert(packed.key.clone(), packed.clone());
        if let Some(before) = before {
            self.unlink(at, before);
        }
        self.link(at, &object);
        self.observe(&Commit { before, after: Some(&object) });
        let change = if previous.is_some() { Change::Modified } else { Change::Added };
        self.remember(&at.collection, Event { revision: self.revision, change, object: packed, previous });
        object
    }

    /// Removes an object and remembers the deletion.
    pub(crate) fn remove(&mut self, at: &Location) -> Option<Arc<Value>> {
        let previous = self.collections.get_mut(&at.collection)?.objects.remove(&at.key)?;
        self.revision += 1;
        let packed = Arc::new(previous.at_revision(self.revision));
        let object = packed.unpack();
        self.unlink(at, &object);
        if self.observer.is_some() {
            self.observe(&Commit { before: Some(&previous.unpack()), after: None });
        }
        let event =
            Event { revision: self.revision, change: Change::Deleted, object: packed, previous: Some(previous) };
        self.remember(&at.collection, event);
        Some(object)
    }

    /// Ends the watches of a collection that is served no longer. The history stays so that they see its end.
    pub(crate) fn close(&mut self, collection: &str) {
        if let Some(collection) = self.collections.get_mut(collection) {
            collection.changed = broadcast::Sender::new(1);
        }
    }

    /// Drops the history: watches from before now are too old.
    pub(crate) fn forget(&mut self) {
        for collection in self.collections.values_mut() {
            collection.history.clear();
            collection.forgotten = self.revision;
        }
    }

    /// Whether a collection holds nothing.
    pub(crate) fn is_empty(&self, collection: &str) -> bool {
        self.collections.get(collection).is_none_or(|collection| collection.objects.is_empty())
    }

    /// Tells when the collection changes.
    pub(crate) fn subscribe(&mut self, collection: &str) -> broadcast::Receiver<()> {
        self.open(collection).changed.subscribe()
    }

    /// What happened after a revision; nothing if the history doesn't reach back that far.
    pub(crate) fn since(&self, collection: &str, revision: u64) -> Option<Vec<Event>> {
        let Some(collection) = self.collections.get(collection) else { return Some(Vec::new()) };
        if revision < collection.forgotten {
            return None;
        }
        let first = collection.history.partition_point(|event| event.revision <= revision);
        Some(collection.history.range(first..).cloned().collect())
    }

    fn open(&mut self, name: &str) -> &mut Collection {
        self.collections.entry(name.to_owned()).or_insert_with(|| Collection {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: 0,
            changed: broadcast::Sender::new(1),
        })
    }

    fn observe(&self, commit: &Commit<'_>) {
        if let Some(observer) = &self.observer {
            observer(commit);
        }
    }

    fn remember(&mut self, collection: &str, event: Event) {
        let history_max = self.history_max;
        let collection = self.open(collection);
        collection.history.push_back(event);
        while history_max < collection.history.len() {
            if let Some(dropped) = collection.history.pop_front() {
                collection.forgotten = dropped.revision;
            }
        }
        // Nobody may be listening, which is fine.
        let _ = collection.changed.send(());
    }

    fn link(&mut self, at: &Location, object: &Value) {
        self.uids.insert(meta::uid(object).to_owned(), at.clone());
        for owner in meta::owners(object) {
            self.dependents.entry(owner.uid).or_default().insert(at.clone());
        }
    }

    fn unlink(&mut self, at: &Location, object: &Value) {
        self.uids.remove(meta::uid(object));
        for owner in meta::owners(object) {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(at);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str) -> Value {
        json!({"metadata": {"name": name, "uid": name}})
    }

    fn at(name: &str) -> Location {
        Location::new("things", Key::new("", name))
    }

    #[test]
    fn a_short_history_forgets_and_says_so() {
        let mut store = Store::new(2, None);
        for name in ["a", "b", "c"] {
            store.put(&at(name), object(name));
        }
        assert!(store.since("things", 0).is_none());
        let names: Vec<_> = store.since("things", 1).unwrap().iter().map(|event| event.revision).collect();
        assert_eq!(names, [2, 3]);
    }

    #[test]
    fn an_earlier_list_is_what_was_there_then() {
        let mut store = Store::new(8, None);
        for name in ["a", "b"] {
            store.put(&at(name), object(name));
        }
        store.remove(&at("a"));
        store.put(&at("b"), json!({"metadata": {"name": "b", "uid": "b"}, "new": true}));
        store.put(&at("c"), object("c"));
        let names = |revision| {
            let objects = store.list_at("things", None, revision).unwrap();
            objects.iter().map(|one| (one.key.name.clone(), one.unpack()["new"] == true)).collect::<Vec<_>>()
        };
        assert_eq!(names(2), [("a".to_owned(), false), ("b".to_owned(), false)]);
        assert_eq!(names(4), [("b".to_owned(), true)]);
    }

    #[test]
    fn a_deleted_object_carries_the_revision_of_its_deletion() {
        let mut store = Store::new(8, None);
        store.put(&at("a"), object("a"));
        let gone = store.remove(&at("a")).unwrap();
        assert_eq!(meta::revision(&gone), "2");
        assert!(store.by_uid("a").is_none());
    }
}
