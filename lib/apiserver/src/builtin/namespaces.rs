//! Namespaces: what every one has from the start, and how one is emptied.

use serde_json::{Value, json};

use crate::gc::DeleteOptions;
use crate::meta;
use crate::store::{Key, Location};
use crate::world::{Chore, Cx, World};

pub(super) fn prepare(namespace: &mut Value, old: Option<&Value>) {
    let name = meta::name(namespace).to_owned();
    let labels = meta::as_map(meta::fields(namespace).entry("labels").or_insert_with(|| json!({})));
    labels.insert("kubernetes.io/metadata.name".to_owned(), json!(name));
    let spec = match old {
        // Only the `finalize` subresource takes finalizers of a namespace off.
        Some(old) => old["spec"].clone(),
        None => json!({"finalizers": ["kubernetes"]}),
    };
    meta::root(namespace).insert("spec".to_owned(), spec);
}

pub(super) fn furnish_later(world: &mut World, namespace: &Value) {
    world.chores.push_back(Chore::FurnishNamespace { name: meta::name(namespace).to_owned() });
}

/// Creates the objects that controllers put into every namespace.
pub(crate) fn furnish(world: &mut World, namespace: &str) {
    let account = json!({"metadata": {"name": "default"}});
    let bundle = json!({
        "metadata": {
            "name": "kube-root-ca.crt",
            "annotations": {
                "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.",
            },
        },
        "data": {"ca.crt": ""},
    });
    for (kind, body) in [("ServiceAccount", account), ("ConfigMap", bundle)] {
        let Some(kind) = world.kinds.core(kind).cloned() else { continue };
        let mut cx = Cx { manager: "kube-controller-manager".to_owned(), ..Cx::internal(kind) };
        let created = world.create(&mut cx, Some(namespace), body);
        debug_assert!(created.is_ok(), "a new namespace takes its default objects: {created:?}");
    }
}

/// Deletes what is left in a namespace on its way out, and the namespace when nothing is.
pub(crate) fn empty(world: &mut World, name: &str) {
    let at = Location::new("namespaces", Key::new("", name));
    let Some(namespace) = world.store.get(&at) else { return };
    if !meta::deleting(&namespace) {
        return;
    }
    let content = world.store.in_namespace(name);
    if content.is_empty() {
        let mut emptied = Value::clone(&namespace);
        meta::as_map(&mut emptied["spec"]).remove("finalizers");
        world.rewrite(&at, emptied);
        return;
    }
    for at in content {
        world.delete_if_present(&at, &DeleteOptions::default());
    }
}
