//! Small readers that the built-in layouts share.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;

/// What stands in a cell without a value.
pub(super) const NONE: &str = "<none>";

/// The text at a JSON pointer, empty when there is none.
pub(super) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The text at a JSON pointer, or `<none>`.
pub(super) fn text_or_none<'v>(object: &'v Value, pointer: &str) -> &'v str {
    Some(text(object, pointer)).filter(|text| !text.is_empty()).unwrap_or(NONE)
}

/// The integer at a JSON pointer, zero when there is none.
pub(super) fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The list at a JSON pointer, empty when there is none.
pub(super) fn list<'v>(object: &'v Value, pointer: &str) -> &'v [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// How many entries the map or list at a JSON pointer has.
pub(super) fn size(object: &Value, pointer: &str) -> usize {
    match object.pointer(pointer) {
        Some(Value::Object(fields)) => fields.len(),
        Some(Value::Array(items)) => items.len(),
        _ => 0,
    }
}

pub(super) fn name(object: &Value) -> Value {
    json!(text(object, "/metadata/name"))
}

pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    age_at(object, "/metadata/creationTimestamp", now)
}

pub(super) fn age_at(object: &Value, pointer: &str, now: Timestamp) -> Value {
    json!(age::since(object.pointer(pointer).and_then(Value::as_str), now))
}

/// Joins words with commas, `<none>` when there are none.
pub(super) fn joined<'v>(words: impl IntoIterator<Item = &'v str>) -> String {
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { NONE.to_owned() } else { words.join(",") }
}

/// As `joined`, but shows three words at most and how many more there are.
pub(super) fn abridged(words: &[String], shown: usize) -> String {
    match words.len().checked_sub(shown) {
        Some(more) if 0 < more => {
            let first: Vec<&str> = words.iter().take(shown).map(String::as_str).collect();
            format!("{} + {more} more...", first.join(","))
        }
        _ => joined(words.iter().map(String::as_str)),
    }
}

/// A map of labels as a selector: `a=b,c=d`.
pub(super) fn labels(object: &Value, pointer: &str) -> String {
    let pairs = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    joined(pairs.iter().map(String::as_str))
}

/// A `LabelSelector`, expressions included.
pub(super) fn selector(object: &Value, pointer: &str) -> String {
    let mut terms = Vec::new();
    let labels = labels(object, &format!("{pointer}/matchLabels"));
    if labels != NONE {
        terms.push(labels);
    }
    for expression in list(object, &format!("{pointer}/matchExpressions")) {
        let key = text(expression, "/key");
        let values: Vec<&str> = list(expression, "/values").iter().filter_map(Value::as_str).collect();
        let values = values.join(",");
        terms.push(match text(expression, "/operator") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    joined(terms.iter().map(String::as_str))
}

/// The status of a condition of this type.
pub(super) fn condition<'v>(object: &'v Value, kind: &str) -> &'v str {
    let mut conditions = list(object, "/status/conditions").iter();
    conditions.find(|condition| text(condition, "/type") == kind).map_or("", |condition| text(condition, "/status"))
}
