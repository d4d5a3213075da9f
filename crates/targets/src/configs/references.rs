//! Where a pod spec names a `ConfigMap` or Secret: found, and renamed.
//!
//! `imagePullSecrets`, ephemeral containers and volumes of drivers are left alone, as in Flagger.

use std::collections::{BTreeMap, BTreeSet};

use api::names::primary_config;
use ports::{Key, Kind, kinds};
use serde_json::Value;

use super::Reference;

/// One kind of place: the way to it below the pod spec (`*` is each item of a list), what is named there, and in which field.
struct Place {
    path: &'static [&'static str],
    kind: Kind,
    field: &'static str,
}

const fn place(path: &'static [&'static str], kind: Kind, field: &'static str) -> Place {
    Place { path, kind, field }
}

const PLACES: [Place; 12] = [
    place(&["volumes", "*", "configMap"], kinds::CONFIG_MAP, "name"),
    place(&["volumes", "*", "secret"], kinds::SECRET, "secretName"),
    place(&["volumes", "*", "projected", "sources", "*", "configMap"], kinds::CONFIG_MAP, "name"),
    place(&["volumes", "*", "projected", "sources", "*", "secret"], kinds::SECRET, "name"),
    place(&["containers", "*", "env", "*", "valueFrom", "configMapKeyRef"], kinds::CONFIG_MAP, "name"),
    place(&["containers", "*", "env", "*", "valueFrom", "secretKeyRef"], kinds::SECRET, "name"),
    place(&["containers", "*", "envFrom", "*", "configMapRef"], kinds::CONFIG_MAP, "name"),
    place(&["containers", "*", "envFrom", "*", "secretRef"], kinds::SECRET, "name"),
    place(&["initContainers", "*", "env", "*", "valueFrom", "configMapKeyRef"], kinds::CONFIG_MAP, "name"),
    place(&["initContainers", "*", "env", "*", "valueFrom", "secretKeyRef"], kinds::SECRET, "name"),
    place(&["initContainers", "*", "envFrom", "*", "configMapRef"], kinds::CONFIG_MAP, "name"),
    place(&["initContainers", "*", "envFrom", "*", "secretRef"], kinds::SECRET, "name"),
];

/// Everything that the pod spec refers to, each once.
pub(crate) fn references(pod: &Value, namespace: &str) -> Vec<Reference> {
    let mut found: BTreeMap<Key, bool> = BTreeMap::new();
    for place in &PLACES {
        for reference in at(pod, place.path) {
            let name = reference.get(place.field).and_then(Value::as_str).filter(|name| !name.is_empty());
            let Some(name) = name else { continue };
            let optional = reference.get("optional") == Some(&Value::Bool(true));
            *found.entry(Key::new(place.kind, namespace, name)).or_insert(true) &= optional;
        }
    }
    found.into_iter().map(|(key, optional)| Reference { key, optional }).collect()
}

/// Has the pod spec refer to the primary's copies of `configs`.
pub(crate) fn rename(pod: &mut Value, configs: &BTreeSet<Key>) {
    for place in &PLACES {
        rename_at(pod, place.path, &|reference| {
            let Some(name) = reference.get_mut(place.field) else { return };
            let copied = configs.iter().any(|key| key.kind == place.kind && *name == *key.name);
            if let Some(copy) = name.as_str().filter(|_| copied).map(primary_config) {
                *name = copy.into();
            }
        });
    }
}

/// The values that the path leads to.
fn at<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v Value> {
    match path {
        [] => vec![value],
        ["*", rest @ ..] => value.as_array().into_iter().flatten().flat_map(|item| at(item, rest)).collect(),
        [field, rest @ ..] => value.get(field).map(|value| at(value, rest)).unwrap_or_default(),
    }
}

fn rename_at(value: &mut Value, path: &[&str], rename: &dyn Fn(&mut Value)) {
    match path {
        [] => rename(value),
        ["*", rest @ ..] => {
            value.as_array_mut().into_iter().flatten().for_each(|item| rename_at(item, rest, rename));
        }
        [field, rest @ ..] => {
            if let Some(value) = value.get_mut(field) {
                rename_at(value, rest, rename);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A pod that names a config in every way there is; `suffix` is added to all names that are found.
    fn pod(suffix: &str) -> Value {
        let name = |name: &str| format!("{name}{suffix}");
        let container = |prefix: &str| {
            json!({
                "env": [
                    {"name": "A", "valueFrom": {"configMapKeyRef": {"name": name(&format!("{prefix}-a")), "key": "a"}}},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": name(&format!("{prefix}-b")), "key": "b"}}},
                    {"name": "C", "value": "plain"},
                ],
                "envFrom": [
                    {"configMapRef": {"name": name(&format!("{prefix}-c")), "optional": true}},
                    {"secretRef": {"name": name(&format!("{prefix}-d"))}},
                ],
            })
        };
        json!({
            "imagePullSecrets": [{"name": "registry"}],
            "volumes": [
                {"configMap": {"name": name("volume-a")}},
                {"secret": {"secretName": name("volume-b")}},
                {"projected": {"sources": [{"configMap": {"name": name("volume-c")}}, {"secret": {"name": name("volume-d")}}]}},
                {"emptyDir": {}},
            ],
            "containers": [container("main")],
            "initContainers": [container("init")],
        })
    }

    #[test]
    fn every_reference_is_found_and_renamed() {
        let found = references(&pod(""), "shop");
        let names: Vec<_> = found.iter().map(|found| format!("{} {}", found.key.kind, found.key.name)).collect();
        let expected = "ConfigMap init-a, ConfigMap init-c, ConfigMap main-a, ConfigMap main-c, ConfigMap volume-a, \
                        ConfigMap volume-c, Secret init-b, Secret init-d, Secret main-b, Secret main-d, Secret volume-b, \
                        Secret volume-d";
        assert_eq!(names.join(", "), expected);

        let mut renamed = pod("");
        rename(&mut renamed, &found.into_iter().map(|found| found.key).collect());
        assert_eq!(renamed, pod("-primary"));
    }

    #[test]
    fn only_the_given_configs_are_renamed() {
        let mut renamed = pod("");
        rename(&mut renamed, &BTreeSet::from([Key::new(kinds::SECRET, "shop", "main-a")]));
        assert_eq!(renamed, pod(""), "main-a is a ConfigMap");
    }

    #[test]
    fn one_mandatory_reference_makes_a_config_mandatory() {
        let optional = |flags: [bool; 2]| {
            let [one, other] = flags.map(|optional| json!({"configMapRef": {"name": "a", "optional": optional}}));
            references(&json!({"containers": [{"envFrom": [one, other]}]}), "shop")[0].optional
        };
        assert!(optional([true, true]));
        assert!(!optional([true, false]) && !optional([false, true]));
    }
}
