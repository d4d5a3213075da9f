//! What the watches have seen of one kind.
//!
//! This is the pure half of a watch: a store in which only newer objects replace older ones, whatever order lists, events
//! and the answers to our own writes arrive in. It does not know where they come from.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ports::Object;
use serde_json::Value;
use tokio::sync::watch;

/// How much the cache of one kind knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The first list is not complete.
    Listing,
    /// Everything is known, as of a moment ago.
    Ready,
    /// The API server does not serve this kind, so there are no such objects.
    Absent,
}

/// The objects of one kind, shared between the watch that fills it and those who read.
#[derive(Debug)]
pub(super) struct Store {
    objects: Mutex<Objects>,
    state: watch::Sender<State>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self { objects: Mutex::default(), state: watch::Sender::new(State::Listing) }
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
}

/// Objects by namespace and name.
type Names = BTreeMap<Box<str>, BTreeMap<Box<str>, Object>>;

/// What happened to an object: its namespace, its name, whether it is gone.
pub(super) type Moved = (String, String, bool);

impl Objects {
    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<&Object> {
        self.current.get(namespace)?.get(name)
    }

    /// All objects, by namespace and name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str, &Object)> {
        self.current.iter().flat_map(|(namespace, names)| {
            names.iter().map(move |(name, object)| (namespace.as_ref(), name.as_ref(), object))
        })
    }

    /// Takes in an object unless we have it as new or newer; true when it was news.
    pub(super) fn put(&mut self, object: Object) -> bool {
        if let Some(listing) = &mut self.listing {
            insert_newer(listing, object.clone());
        }
        insert_newer(&mut self.current, object)
    }

    /// Takes note of a deletion unless something newer is there; true when it was news.
    pub(super) fn remove(&mut self, last: &Value) -> bool {
        if let Some(listing) = &mut self.listing {
            remove_older(listing, last);
        }
        remove_older(&mut self.current, last)
    }

    /// A new list begins; until it is complete the old knowledge stays.
    pub(super) fn begin_list(&mut self) {
        self.listing = Some(Names::new());
    }

    /// One object of the list. One that we have already is kept instead, so that a new list needs no second copy of all.
    pub(super) fn listed(&mut self, object: Object) {
        let held = place(&object).and_then(|(namespace, name)| self.get(namespace, name));
        let object = held.filter(|held| version(held) == version(&object)).cloned().unwrap_or(object);
        insert_newer(self.listing.get_or_insert_default(), object);
    }

    /// The list is complete: objects that it did not bring are gone. Says what is different from before.
    pub(super) fn end_list(&mut self) -> Vec<Moved> {
        let fresh = self.listing.take().unwrap_or_default();
        let before = std::mem::replace(&mut self.current, fresh);
        let mut moved = Vec::new();
        for (namespace, name, object) in self.iter() {
            let old = before.get(namespace).and_then(|names| names.get(name));
            if old.is_none_or(|old| version(old) != version(object)) {
                moved.push((namespace.to_owned(), name.to_owned(), false));
            }
        }
        for (namespace, names) in &before {
            let gone = names.keys().filter(|name| self.get(namespace, name).is_none());
            moved.extend(gone.map(|name| (namespace.to_string(), name.to_string(), true)));
        }
        moved
    }
}

fn insert_newer(names: &mut Names, object: Object) -> bool {
    let Some((namespace, name)) = place(&object) else { return false };
    let (namespace, name) = (namespace.into(), name.into());
    let names = names.entry(namespace).or_default();
    if names.get(&name).is_some_and(|held| !is_newer(&object, held)) {
        return false;
    }
    names.insert(name, object);
    true
}

fn remove_older(names: &mut Names, last: &Value) -> bool {
    let Some((namespace, name)) = place(last) else { return false };
    let Some(names) = names.get_mut(namespace) else { return false };
    if names.get(name).is_none_or(|held| is_newer(held, last)) {
        return false;
    }
    names.remove(name).is_some()
}

/// Where the object is: namespace and name. Nothing without a name can be found again.
pub(super) fn place(object: &Value) -> Option<(&str, &str)> {
    let metadata = object.get("metadata")?;
    let name = metadata.get("name")?.as_str()?;
    Some((metadata.get("namespace").and_then(Value::as_str).unwrap_or_default(), name))
}

/// Versions that are no numbers can't be compared; the one that arrives later then counts as newer.
fn is_newer(object: &Value, held: &Value) -> bool {
    let number = |object| version(object).and_then(|version| version.parse::<u64>().ok());
    match (number(held), number(object)) {
        (Some(held), Some(object)) => held < object,
        _ => version(held) != version(object),
    }
}

fn version(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("resourceVersion")?.as_str()
}

/// An object as the store keeps it.
pub(super) fn shared(value: Value) -> Object {
    Arc::new(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: &str) -> Object {
        shared(json!({"metadata": {"namespace": "test", "name": name, "resourceVersion": version}}))
    }

    fn held(objects: &Objects) -> Vec<String> {
        objects.iter().map(|(_, name, object)| format!("{name}@{}", version(object).unwrap_or("?"))).collect()
    }

    #[test]
    fn an_older_event_does_not_undo_our_own_write() {
        let mut objects = Objects::default();
        assert!(objects.put(object("a", "12")));
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
