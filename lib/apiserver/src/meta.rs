//! Reads and writes the metadata of objects that are kept as JSON.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What an owner reference says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: String,
    pub(crate) blocks_deletion: bool,
}

/// A text of the metadata, empty if absent.
pub(crate) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> &str {
    text(object, "name")
}

/// `metadata.namespace`, empty for cluster-wide objects.
pub(crate) fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Value) -> &str {
    text(object, "uid")
}

/// `metadata.resourceVersion`.
pub(crate) fn revision(object: &Value) -> &str {
    text(object, "resourceVersion")
}

/// Whether a deletion has begun.
pub(crate) fn deleting(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// `metadata.managedFields`.
pub(crate) fn managers(object: &Value) -> &[Value] {
    object["metadata"]["managedFields"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether the finalizer is there.
pub(crate) fn has_finalizer(object: &Value, finalizer: &str) -> bool {
    finalizers(object).contains(&finalizer)
}

/// Adds a finalizer unless it is there.
pub(crate) fn add_finalizer(object: &mut Value, finalizer: &str) {
    if has_finalizer(object, finalizer) {
        return;
    }
    let fields = fields(object);
    match fields.get_mut("finalizers") {
        Some(Value::Array(all)) => all.push(json!(finalizer)),
        _ => drop(fields.insert("finalizers".to_owned(), json!([finalizer]))),
    }
}

/// Takes a finalizer off.
pub(crate) fn remove_finalizer(object: &mut Value, finalizer: &str) {
    retain(object, "finalizers", |one| one.as_str() != Some(finalizer));
}

/// `metadata.ownerReferences`.
pub(crate) fn owners(object: &Value) -> impl Iterator<Item = Owner> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().filter_map(|one| {
        let uid = one["uid"].as_str()?.to_owned();
        Some(Owner { uid, blocks_deletion: one["blockOwnerDeletion"].as_bool().unwrap_or(false) })
    })
}

/// Takes the reference to one owner off.
pub(crate) fn remove_owner(object: &mut Value, uid: &str) {
    retain(object, "ownerReferences", |one| one["uid"].as_str() != Some(uid));
}

/// The metadata, made an object if it is none.
pub(crate) fn fields(object: &mut Value) -> &mut Map<String, Value> {
    let root = root(object);
    let metadata = root.entry("metadata").or_insert_with(|| json!({}));
    as_map(metadata)
}

/// The object's fields, made an object if it is none.
pub(crate) fn root(object: &mut Value) -> &mut Map<String, Value> {
    as_map(object)
}

/// A value as a map; anything else is replaced by an empty one.
pub(crate) fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("just made an object"),
    }
}

/// The value as a list, made one if it is something else.
pub(crate) fn as_array(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    match value {
        Value::Array(items) => items,
        _ => unreachable!("just made a list"),
    }
}

/// Sets or removes a field of the metadata.
pub(crate) fn put(object: &mut Value, field: &str, value: Option<Value>) {
    put_into(fields(object), field, value);
}

/// Sets or removes a field.
pub(crate) fn put_into(fields: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value)),
        None => drop(fields.remove(field)),
    }
}

/// A time as the server writes it: RFC 3339, whole seconds.
pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn retain(object: &mut Value, list: &str, keep: impl Fn(&Value) -> bool) {
    let fields = fields(object);
    let Some(Value::Array(all)) = fields.get_mut(list) else { return };
    all.retain(keep);
    if all.is_empty() {
        fields.remove(list);
    }
}
