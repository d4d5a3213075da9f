//! Labels, annotations and owners of generated objects.

use std::collections::BTreeMap;

use api::well_known::FLUX_DISABLED;
use ports::kinds;
use serde_json::{Map, Value};

/// Labels or annotations as JSON.
pub(crate) fn map(entries: &BTreeMap<String, String>) -> Map<String, Value> {
    entries.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

/// Adds the annotations that keep Flux away.
pub(crate) fn keep_flux_away(annotations: &mut Map<String, Value>) {
    annotations.extend(FLUX_DISABLED.map(|(key, value)| (key.to_owned(), value.into())));
}

/// The labels or annotations of an object, empty when there are none.
pub(crate) fn get(object: &Value, field: &str) -> Map<String, Value> {
    let metadata = object.get("metadata").and_then(|metadata| metadata.get(field));
    metadata.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Sets the labels or annotations of an object, unless they are the same; `true` when something changed.
pub(crate) fn set(object: &mut Value, field: &str, entries: Map<String, Value>) -> bool {
    let changed = get(object, field) != entries;
    if changed {
        object["metadata"][field] = Value::Object(entries);
    }
    changed
}

/// The name of the Canary that controls the object, if one does.
pub(crate) fn controlling_canary(object: &Value) -> Option<&str> {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array)?;
    let controller = owners.iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))?;
    if controller.get("kind").is_some_and(|kind| kind == kinds::CANARY.kind) {
        controller.get("name").and_then(Value::as_str)
    } else {
        None
    }
}
