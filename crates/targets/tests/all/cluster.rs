//! A cluster of a few objects that answers looks and takes changes, as the shell and the API server do together.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::Canary;
use flagger_targets::{Context, Error, Settings};
use ports::{Change, Halt, Key, Kind, Seen, kinds};
use serde_json::{Value, json};

/// What there can be.
const KINDS: [Kind; 9] = [
    kinds::CONFIG_MAP,
    kinds::DAEMON_SET,
    kinds::DEPLOYMENT,
    kinds::HORIZONTAL_POD_AUTOSCALER,
    kinds::KNATIVE_REVISION,
    kinds::KNATIVE_SERVICE,
    kinds::SCALED_OBJECT,
    kinds::SECRET,
    kinds::SERVICE,
];

/// More looks than any question needs.
const LOOKS_MAX: usize = 30;

#[derive(Default)]
pub(crate) struct Cluster {
    objects: BTreeMap<Key, Value>,
    pub(crate) settings: Settings,
}

impl Cluster {
    pub(crate) fn with(objects: impl IntoIterator<Item = Value>) -> Self {
        let objects = objects.into_iter().map(|object| (key(&object), object)).collect();
        Self { objects, settings: Settings::default() }
    }

    pub(crate) fn get(&self, key: &Key) -> &Value {
        &self.objects[key]
    }

    /// Somebody else writes this object.
    pub(crate) fn put(&mut self, object: Value) {
        self.objects.insert(key(&object), object);
    }

    /// Asks, looking up whatever is needed.
    pub(crate) fn ask<T>(
        &self,
        canary: &Canary,
        question: impl Fn(&Context<'_>, &Seen) -> Result<T, Halt<Error>>,
    ) -> Result<T, Error> {
        let cx = Context { canary, settings: &self.settings };
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
            self.apply(change);
        }
        assert_eq!(self.ask(canary, &question), Ok(vec![]), "the second time there is nothing to do");
        changes
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(key, object) => {
                assert!(!self.objects.contains_key(key), "{key} exists");
                self.objects.insert(key.clone(), without_empty(object.clone()));
            }
            Change::Replace(key, object) => {
                self.objects.insert(key.clone(), without_empty(object.clone()));
            }
            Change::Merge(key, patch) => merge(self.objects.get_mut(key).unwrap(), patch),
            Change::Delete(key) => {
                self.objects.remove(key);
            }
        }
    }
}

/// The canary `cart` of the namespace `shop`, with more `spec`.
#[expect(clippy::needless_pass_by_value, reason = "a literal reads better without a reference")]
pub(crate) fn canary(spec: Value) -> Canary {
    let mut canary = json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "cart", "namespace": "shop", "uid": "5d1b"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
            "service": {"port": 80},
            "analysis": {"interval": "1m"},
        },
    });
    merge(&mut canary["spec"], &spec);
    serde_json::from_value(canary).unwrap()
}

/// `object` with `patch` merged in.
#[expect(clippy::needless_pass_by_value, reason = "a literal reads better without a reference")]
pub(crate) fn but(mut object: Value, patch: Value) -> Value {
    merge(&mut object, &patch);
    object
}

fn key(object: &Value) -> Key {
    let is_of = |kind: &Kind| {
        object["kind"] == kind.kind && object.get("apiVersion").is_none_or(|version| *version == kind.api_version())
    };
    let kind = KINDS.into_iter().find(is_of);
    let text = |pointer: &str| object.pointer(pointer).unwrap().as_str().unwrap();
    Key::new(kind.unwrap(), text("/metadata/namespace"), text("/metadata/name"))
}

fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut object[name], value);
        }
    }
}

/// As the API server stores it: empty maps of metadata are left out.
fn without_empty(mut object: Value) -> Value {
    for metadata in ["/metadata", "/spec/template/metadata"] {
        if let Some(metadata) = object.pointer_mut(metadata).and_then(Value::as_object_mut) {
            metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
        }
    }
    object
}
