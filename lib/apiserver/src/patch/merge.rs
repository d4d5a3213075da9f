//! JSON merge patch, RFC 7396.

use serde_json::{Map, Value};

/// Lays the patch over the value: maps are merged, null removes, anything else replaces.
pub(super) fn apply(value: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        value.clone_from(patch);
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(fields) = value else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            apply(fields.entry(name.clone()).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_removes_and_lists_are_replaced() {
        let mut value = json!({"a": {"b": 1, "c": 2}, "d": [1, 2]});
        apply(&mut value, &json!({"a": {"b": null, "e": {"f": null, "g": 1}}, "d": [3]}));
        assert_eq!(value, json!({"a": {"c": 2, "e": {"g": 1}}, "d": [3]}));
    }
}
