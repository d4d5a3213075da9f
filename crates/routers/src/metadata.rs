//! Labels, annotations and owners of generated objects.

use std::collections::BTreeMap;

use api::well_known::{FLUX_DISABLED, LAST_APPLIED};
use ports::kinds;
use serde_json::{Map, Value};

use crate::Context;

/// Labels or annotations as JSON.
pub(crate) fn map(entries: &BTreeMap<String, String>) -> Map<String, Value> {
    entries.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

/// Gives a route the canary's labels, and its annotations besides everybody else's; `true` when something changed.
pub(crate) fn follow_canary(cx: &Context<'_>, route: &mut Value) -> bool {
    let apex = cx.canary.spec.service.apex.as_ref();
    let mut labels = apex.map(|apex| map(&apex.labels)).unwrap_or_default();
    if apex.is_some() && !cx.label.key.is_empty() {
        labels.insert(cx.label.key.to_owned(), cx.apex().into());
    }
    let mut annotations = get(route, "annotations");
    annotations.extend(apex.map(|apex| map(&apex.annotations)).unwrap_or_default());
    keep_flux_away(&mut annotations);
    let labels_changed = set(route, "labels", labels);
    set(route, "annotations", annotations) || labels_changed
}

/// Adds the annotations that keep Flux away.
pub(crate) fn keep_flux_away(annotations: &mut Map<String, Value>) {
    annotations.extend(FLUX_DISABLED.map(|(key, value)| (key.to_owned(), value.into())));
}

/// Removes what [`keep_flux_away`] added, unless the user applied it; `true` when something changed.
pub(crate) fn let_flux_back(object: &mut Value, applied: Option<&Value>) -> bool {
    let users = applied.map(|applied| get(applied, "annotations")).unwrap_or_default();
    let is_ours = |key: &str| FLUX_DISABLED.iter().any(|(ours, _)| *ours == key);
    let mut annotations = get(object, "annotations");
    annotations.retain(|key, _| !is_ours(key) || users.contains_key(key));
    set(object, "annotations", annotations)
}

/// The object as the user last applied it.
pub(crate) fn last_applied(live: &Value) -> Option<Value> {
    serde_json::from_str(get(live, "annotations").get(LAST_APPLIED)?.as_str()?).ok()
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
