//! Finds values in an answer: `status/conditions/type=Ready/reason`.

use serde_json::{Map, Value};

/// The value at a path. A segment is a field, an index, `field=value` for the first item of a list that has it, or `*`
/// for all items.
pub(crate) fn pick(value: &Value, path: &str) -> Option<Value> {
    let Some((first, rest)) = path.split_once('/') else { return segment(value, path) };
    if first == "*" {
        let items = value.as_array()?;
        return Some(Value::Array(items.iter().filter_map(|item| pick(item, rest)).collect()));
    }
    pick(&segment(value, first)?, rest)
}

/// The values at several paths, by path.
pub(crate) fn pick_all(value: &Value, paths: &[String]) -> Value {
    let picked = paths.iter().map(|path| (path.clone(), pick(value, path).unwrap_or(Value::Null)));
    Value::Object(picked.collect::<Map<String, Value>>())
}

fn segment(value: &Value, name: &str) -> Option<Value> {
    let Value::Array(items) = value else { return value.get(unescaped(name)).cloned() };
    if let Some((field, wanted)) = name.split_once('=') {
        return items.iter().find(|item| item[field].as_str() == Some(wanted)).cloned();
    }
    if name == "*" { Some(value.clone()) } else { items.get(name.parse::<usize>().ok()?).cloned() }
}

/// `~1` stands for a slash in a name.
fn unescaped(name: &str) -> String {
    name.replace("~1", "/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_goes_through_lists_by_index_by_field_or_through_all() {
        let value = json!({"items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}], "x/y": 3});
        assert_eq!(pick(&value, "items/1/n"), Some(json!(2)));
        assert_eq!(pick(&value, "items/name=a/n"), Some(json!(1)));
        assert_eq!(pick(&value, "items/*/name"), Some(json!(["a", "b"])));
        assert_eq!(pick(&value, "x~1y"), Some(json!(3)));
        assert_eq!(pick(&value, "items/name=c/n"), None);
    }
}
