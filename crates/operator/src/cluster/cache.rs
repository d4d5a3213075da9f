//! What the watches have seen of one kind.
//!
//! This is the pure half of a watch: a store in which only newer objects replace older ones, whatever order lists, events
//! and the answers to our own writes arrive in. It does not know where they come from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ports::{Kind, Object};
use serde_json::Value;
use tokio::sync::watch;

use super::lean::Lean;
use super::packed::Packed;

/// How much the cache of one kind knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first list is not complete.
    Listing,
    /// Everything is known, as of a moment ago.
    Ready,
    /// The API server does not serve this kind, so there are no such objects.
    Absent,
    /// We may not read all of it: a permission is missing.
    Refused,
}

/// The objects of one kind, shared between the watch that fills it and those who read.
#[derive(Debug)]
pub(super) struct Store {
    kind: Kind,
    objects: Mutex<Objects>,
    state: watch::Sender<State>,
}

impl Store {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, objects: Mutex::default(), state: watch::Sender::new(State::Listing) }
    }

    /// The object, `None` when it is not known.
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Object> {
        let packed = self.with(|objects| objects.get(namespace, name).cloned())?;
        Some(self.unpacked(&packed))
    }

    /// All objects, by namespace and name.
    pub(super) fn all(&self) -> Vec<Object> {
        let packed: Vec<Packed> = self.with(|objects| objects.iter().map(|(_, _, packed)| packed.clone()).collect());
        packed.iter().map(|packed| self.unpacked(packed)).collect()
    }

    fn unpacked(&self, packed: &Packed) -> Object {
        Arc::new(Lean(packed.unpack()).into_object(self.kind))
    }

    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.send_replace(state);
    }

    /// Waits until the first list is complete, or the kind turned out not to be served.
    pub(super) async fn settled(&self) -> State {
        let mut states = self.state.subscribe();
        // The sender lives in `self`, so that the channel can't be closed here.
        states.wait_for(|state| *state != State::Listing).await.map_or(State::Listing, |state| *state)
    }

    /// Runs `act` on the objects; nothing in it may wait.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Objects) -> T) -> T {
        act(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The store itself.
#[derive(Debug, Default)]
pub(super) struct Objects {
    current: Names,
    /// What a list in progress has brought so far.
    listing: Option<Names>,
    /// How far the watch has come: the newest version that it told of.
    told: u64,
}

/// Objects by namespace and name.
type Names = BTreeMap<Box<str>, BTreeMap<Box<str>, Held>>;

/// One object.
#[derive(Clone, Debug)]
struct Held {
    version: Version,
    packed: Packed,
}

/// The `metadata.resourceVersion` of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    Number(u64),
    /// Such can't be compared.
    Other(Box<str>),
}

/// An object on its way into the store.
#[derive(Clone, Debug)]
pub(super) struct Item {
    namespace: Box<str>,
    name: Box<str>,
    held: Held,
}

impl Item {
    /// Nothing without a name can be found again.
    pub(super) fn new(packed: Packed) -> Option<Self> {
        let metadata = packed.metadata();
        let text = |field: &str| metadata.get(field).and_then(Value::as_str);
        let version = text("resourceVersion").unwrap_or_default();
        let version = version.parse().map_or_else(|_| Version::Other(version.into()), Version::Number);
        let namespace = text("namespace").unwrap_or_default().into();
        Some(Self { namespace, name: text("name")?.into(), held: Held { version, packed } })
    }

    pub(super) fn moved(&self, gone: bool) -> Moved {
        (self.namespace.to_string(), self.name.to_string(), gone)
    }
}

/// What happened to an object: its namespace, its name, whether it is gone.
pub(super) type Moved = (String, String, bool);

impl Objects {
    fn get(&self, namespace: &str, name: &str) -> Option<&Packed> {
        Some(&self.held(namespace, name)?.packed)
    }

    fn held(&self, namespace: &str, name: &str) -> Option<&Held> {
        self.current.get(namespace)?.get(name)
    }

    /// All objects, by namespace and name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Packed)> {
        self.current.iter().flat_map(|(namespace, names)| {
            names.iter().map(move |(name, held)| (namespace.as_ref(), name.as_ref(), &held.packed))
        })
    }

    /// Takes in an answer to a request of ours, unless the watch has come further: then it has told of that state already, and
    /// maybe that the object is gone since. True when it was news.
    pub(super) fn keep(&mut self, item: Item) -> bool {
        !item.held.version.is_told(self.told) && self.insert(item)
    }

    /// Takes in an object of the watch unless we have it as new or newer; true when it was news.
    pub(super) fn put(&mut self, item: Item) -> bool {
        self.hear(&item);
        self.insert(item)
    }

    fn hear(&mut self, item: &Item) {
        if let Version::Number(version) = item.held.version {
            self.told = self.told.max(version);
        }
    }

    fn insert(&mut self, item: Item) -> bool {
        if let Some(listing) = &mut self.listing {
            insert_newer(listing, item.clone());
        }
        insert_newer(&mut self.current, item)
    }

    /// Takes note of a deletion unless something newer is there; true when it was news.
    pub(super) fn remove(&mut self, last: &Item) -> bool {
        self.hear(last);
        if let Some(listing) = &mut self.listing {
            remove_older(listing, last);
        }
        remove_older(&mut self.current, last)
    }

    /// Takes note of a deletion, whatever is there.
    pub(super) fn forget(&mut self, namespace: &str, name: &str) {
        for names in [Some(&mut self.current), self.listing.as_mut()].into_iter().flatten() {
            if let Some(names) = names.get_mut(namespace) {
                names.remove(name);
            }
        }
    }

    /// A new list begins; until it is complete the old knowledge stays.
    pub(super) fn begin_list(&mut self) {
        self.listing = Some(Names::new());
    }

    /// One object of the list. One that we have already is kept instead, so that a new list needs no second copy of all.
    pub(super) fn listed(&mut self, mut item: Item) {
        let held = self.held(&item.namespace, &item.name).filter(|held| held.version == item.held.version);
        if let Some(held) = held {
            item.held = held.clone();
        }
        insert_newer(self.listing.get_or_insert_default(), item);
    }

    /// The list is complete: objects that it did not bring are gone. Says what is different from before.
    pub(super) fn end_list(&mut self) -> Vec<Moved> {
        let fresh = self.listing.take().unwrap_or_default();
        let before = std::mem::replace(&mut self.current, fresh);
        let mut moved = Vec::new();
        for (namespace, names) in &self.current {
            for (name, held) in names {
                let old = before.get(namespace).and_then(|names| names.get(name));
                if old.is_none_or(|old| old.version != held.version) {
                    moved.push((namespace.to_string(), name.to_string(), false));
                }
            }
        }
        for (namespace, names) in &before {
            let gone = names.keys().filter(|name| self.get(namespace, name).is_none());
            moved.extend(gone.map(|name| (namespace.to_string(), name.to_string(), true)));
        }
        moved
    }
}

fn insert_newer(names: &mut Names, item: Item) -> bool {
    let Item { namespace, name, held } = item;
    let names = names.entry(namespace).or_default();
    if names.get(&name).is_some_and(|before| !held.version.is_after(&before.version)) {
        return false;
    }
    names.insert(name, held);
    true
}

fn remove_older(names: &mut Names, last: &Item) -> bool {
    let Some(names) = names.get_mut(&last.namespace) else { return false };
    if names.get(&last.name).is_none_or(|held| held.version.is_after(&last.held.version)) {
        return false;
    }
    names.remove(&last.name).is_some()
}

impl Version {
    /// Whether a watch that has come to `version` has told of this one.
    fn is_told(&self, version: u64) -> bool {
        matches!(self, Self::Number(own) if *own <= version)
    }

    /// Of two that can't be compared the one that arrives later counts as newer.
    fn is_after(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Number(before), Self::Number(after)) => before < after,
            _ => before != self,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: &str) -> Item {
        let object = json!({"metadata": {"namespace": "test", "name": name, "resourceVersion": version}});
        Item::new(Packed::from(&object)).unwrap()
    }

    fn held(objects: &Objects) -> Vec<String> {
        let version = |packed: &Packed| packed.metadata()["resourceVersion"].as_str().unwrap_or("?").to_owned();
        objects.iter().map(|(_, name, packed)| format!("{name}@{}", version(packed))).collect()
    }

    #[test]
    fn an_object_that_is_gone_does_not_come_back_with_a_late_answer_to_our_write() {
        let mut objects = Objects::default();
        objects.put(object("a", "12"));
        objects.remove(&object("a", "13"));
        objects.keep(object("a", "12"));
        assert_eq!(held(&objects), Vec::<String>::new());
        objects.keep(object("a", "14"));
        assert_eq!(held(&objects), ["a@14"], "made anew");
    }

    #[test]
    fn an_older_event_does_not_undo_our_own_write() {
        let mut objects = Objects::default();
        objects.keep(object("a", "12"));
        assert!(!objects.put(object("a", "9")), "9 is older than 12, as a number");
        assert!(!objects.put(object("a", "12")), "the echo of our own write is no news");
        assert!(!objects.remove(&object("a", "11")), "the deletion of its predecessor");
        assert_eq!(held(&objects), ["a@12"]);
        assert!(objects.remove(&object("a", "13")));
        assert_eq!(held(&objects), [""; 0]);
    }

    #[test]
    fn a_list_tells_what_is_new_changed_and_gone() {
        let mut objects = Objects::default();
        for name in ["changed", "gone", "same"] {
            objects.put(object(name, "1"));
        }
        objects.begin_list();
        for (name, version) in [("changed", "2"), ("new", "3"), ("same", "1")] {
            objects.listed(object(name, version));
        }
        assert_eq!(held(&objects), ["changed@1", "gone@1", "same@1"], "until the list is complete");
        let moved = objects.end_list();
        let expected = [("changed", false), ("new", false), ("gone", true)];
        assert_eq!(moved, expected.map(|(name, gone)| ("test".to_owned(), name.to_owned(), gone)));
        assert_eq!(held(&objects), ["changed@2", "new@3", "same@1"]);
    }

    #[test]
    fn what_we_write_while_a_list_runs_is_not_lost_with_it() {
        let mut objects = Objects::default();
        objects.begin_list();
        objects.put(object("a", "5"));
        objects.listed(object("a", "4"));
        objects.end_list();
        assert_eq!(held(&objects), ["a@5"]);
    }
}
