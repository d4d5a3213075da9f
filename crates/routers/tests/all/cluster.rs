//! A cluster of a few objects that answers looks and takes changes, as the shell and the API server do together.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::Canary;
use flagger_routers::{Context, Error, Label, Settings};
use ports::{Change, Halt, Key, Kind, Port, Seen};
use serde_json::{Value, json};

/// More looks than any question needs.
const LOOKS_MAX: usize = 10;

#[derive(Default)]
pub(crate) struct Cluster {
    pub(crate) objects: BTreeMap<Key, Value>,
    pub(crate) ports: Vec<Port>,
    pub(crate) settings: Settings,
}

impl Cluster {
    pub(crate) fn with(kind: Kind, object: Value) -> Self {
        let mut cluster = Self::default();
        cluster.add(kind, object);
        cluster
    }

    /// Puts this object there, in the place of an older one.
    pub(crate) fn add(&mut self, kind: Kind, object: Value) {
        let text = |pointer: &str| object.pointer(pointer).unwrap().as_str().unwrap();
        let key = Key::new(kind, text("/metadata/namespace"), text("/metadata/name"));
        self.objects.insert(key, object);
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> &Value {
        &self.objects[&Key::new(kind, "shop", name)]
    }

    /// Asks, looking up whatever is needed.
    pub(crate) fn ask<T>(
        &self,
        canary: &Canary,
        question: impl Fn(&Context<'_>, &Seen) -> Result<T, Halt<Error>>,
    ) -> Result<T, Error> {
        let label = Label { key: "app", value: "cart" };
        let cx = Context { canary, label, ports: &self.ports, settings: &self.settings };
        let mut seen = Seen::default();
        for _ in 0..LOOKS_MAX {
            match question(&cx, &seen) {
                Ok(answer) => return Ok(answer),
                Err(Halt::Failed(error)) => return Err(error),
                Err(Halt::Need(key)) => {
                    let found = self.objects.get(&key).cloned().map(Arc::new);
                    seen.put(key, found);
                }
            }
        }
        panic!("the question never comes to an end");
    }

    /// Asks, makes the changes, and asks again: nothing may be left to do.
    pub(crate) fn settle(
        &mut self,
        canary: &Canary,
        question: impl Fn(&Context<'_>, &Seen) -> Result<Vec<Change>, Halt<Error>>,
    ) -> Vec<Change> {
        let changes = self.ask(canary, &question).unwrap();
        for change in &changes {
            match change {
                Change::Create(key, object) => {
                    assert_eq!(self.objects.insert(key.clone(), object.clone()), None, "{key} exists");
                }
                Change::Replace(key, object) => {
                    assert!(self.objects.insert(key.clone(), object.clone()).is_some(), "{key} does not exist");
                }
                Change::Merge(key, patch) => merge(self.objects.get_mut(key).unwrap(), patch),
                Change::Delete(key) => {
                    self.objects.remove(key);
                }
            }
        }
        assert_eq!(self.ask(canary, &question).unwrap(), vec![], "the second time there is nothing to do");
        changes
    }
}

fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    for (name, value) in patch {
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
            _ => merge(&mut object[name], value),
        }
    }
}

/// The canary `cart` of the namespace `shop` with this `spec`, and a target of the same name.
pub(crate) fn canary(mut spec: Value) -> Canary {
    spec["targetRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"});
    let metadata = json!({"name": "cart", "namespace": "shop", "uid": "5d1b"});
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}
