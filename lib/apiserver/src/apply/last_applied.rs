//! From `kubectl apply` to `kubectl apply --server-side`, and back: the annotation in which the first keeps what it applied.
//!
//! Whoever goes over to the second must not meet conflicts with what they themselves applied before, and whoever goes back
//! must find in the annotation what was applied last. It is for `kubectl` by its usual name only.

use serde_json::{Value, json};

use super::compare::compare;
use super::owned_part;
use super::set::FieldSet;
use crate::meta;
use crate::shape::Shape;
use crate::world::Cx;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
const MANAGER: &str = "kubectl";

/// The fields that are still as they were applied last: no manager of them stands in the way.
pub(super) fn unchanged(cx: &Cx, live: &Value, shape: &Shape<'_>) -> FieldSet {
    let text = live["metadata"]["annotations"][ANNOTATION].as_str().filter(|_| cx.manager == MANAGER);
    let Some(Ok(applied)) = text.map(serde_json::from_str::<Value>) else { return FieldSet::default() };
    if !applied.is_object() {
        return FieldSet::default();
    }
    let applied = owned_part(cx, &applied);
    let since = compare(&applied, &owned_part(cx, live), shape);
    let changed = since.added.union(&since.modified).union(&since.removed);
    FieldSet::of(&applied, shape).difference(&changed)
}

/// Keeps the annotation current, if there is one.
pub(super) fn note(cx: &Cx, object: &mut Value, config: &Value) {
    if cx.manager != MANAGER || !object["metadata"]["annotations"][ANNOTATION].is_string() {
        return;
    }
    let mut config = config.clone();
    if let Some(Value::Object(annotations)) = config["metadata"].get_mut("annotations") {
        annotations.remove(ANNOTATION);
    }
    if let Some(Value::Object(annotations)) = meta::fields(object).get_mut("annotations") {
        annotations.insert(ANNOTATION.to_owned(), json!(format!("{config}\n")));
    }
}
