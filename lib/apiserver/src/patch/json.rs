//! JSON patch, RFC 6902.

use serde_json::Value;

use crate::refusal::{Answer, Refusal};

/// How many operations one patch may have, as on the real server.
const OPERATIONS_MAX: usize = 10_000;

/// Carries out every operation, or none of them if one fails (the caller drops the object).
pub(super) fn apply(object: &mut Value, patch: &Value) -> Answer<()> {
    let Some(operations) = patch.as_array() else {
        return Err(Refusal::bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch",
        ));
    };
    if OPERATIONS_MAX < operations.len() {
        return Err(Refusal::too_large(OPERATIONS_MAX));
    }
    operations.iter().try_for_each(|operation| step(object, operation))
}

fn step(object: &mut Value, operation: &Value) -> Answer<()> {
    let pointer = |field: &str| {
        let text = operation[field].as_str();
        text.ok_or_else(Refusal::unprocessable)
    };
    let path = pointer("path")?;
    let value = || {
        let found = operation.get("value").cloned();
        found.ok_or_else(Refusal::unprocessable)
    };
    match operation["op"].as_str().unwrap_or_default() {
        "add" => add(object, path, value()?).ok_or_else(Refusal::unprocessable),
        "remove" => remove(object, path).map(drop).ok_or_else(Refusal::unprocessable),
        "replace" => {
            *object.pointer_mut(path).ok_or_else(Refusal::unprocessable)? = value()?;
            Ok(())
        }
        "move" => {
            let moved = remove(object, pointer("from")?).ok_or_else(Refusal::unprocessable)?;
            add(object, path, moved).ok_or_else(Refusal::unprocessable)
        }
        "copy" => {
            let copied = object.pointer(pointer("from")?).cloned().ok_or_else(Refusal::unprocessable)?;
            add(object, path, copied).ok_or_else(Refusal::unprocessable)
        }
        "test" if object.pointer(path).unwrap_or(&Value::Null) == &value()? => Ok(()),
        _ => Err(Refusal::unprocessable()),
    }
}

fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

fn add(object: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *object = value;
        return Some(());
    }
    let (parent, last) = split(path)?;
    match object.pointer_mut(parent)? {
        Value::Object(fields) => drop(fields.insert(last, value)),
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let at = last.parse::<usize>().ok().filter(|at| *at <= items.len())?;
            items.insert(at, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(object: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = split(path)?;
    match object.pointer_mut(parent)? {
        Value::Object(fields) => fields.remove(&last),
        Value::Array(items) => {
            let at = last.parse::<usize>().ok().filter(|at| *at < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(patch: &Value, expected: Option<&Value>) {
        let mut object = json!({"a": {"b/c": [1, 2]}, "d": "e"});
        let outcome = apply(&mut object, patch);
        assert_eq!(outcome.ok().map(|()| &object), expected, "{patch}");
    }

    #[test]
    fn every_operation_does_what_the_rfc_says() {
        check(
            &json!([{"op": "add", "path": "/a/b~1c/1", "value": 9}]),
            Some(&json!({"a": {"b/c": [1, 9, 2]}, "d": "e"})),
        );
        check(
            &json!([{"op": "add", "path": "/a/b~1c/-", "value": 9}]),
            Some(&json!({"a": {"b/c": [1, 2, 9]}, "d": "e"})),
        );
        check(&json!([{"op": "remove", "path": "/a"}]), Some(&json!({"d": "e"})));
        check(&json!([{"op": "move", "from": "/d", "path": "/f"}]), Some(&json!({"a": {"b/c": [1, 2]}, "f": "e"})));
        check(&json!([{"op": "copy", "from": "/d", "path": "/a"}]), Some(&json!({"a": "e", "d": "e"})));
        check(
            &json!([{"op": "test", "path": "/d", "value": "e"}, {"op": "replace", "path": "/d", "value": 1}]),
            Some(&json!({"a": {"b/c": [1, 2]}, "d": 1})),
        );
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for patch in [
            json!([{"op": "test", "path": "/d", "value": "x"}]),
            json!([{"op": "remove", "path": "/x"}]),
            json!([{"op": "replace", "path": "/x", "value": 1}]),
            json!([{"op": "add", "path": "/x/y", "value": 1}]),
            json!([{"op": "add", "path": "/a/b~1c/7", "value": 1}]),
            json!({"op": "add"}),
        ] {
            check(&patch, None);
        }
    }
}
