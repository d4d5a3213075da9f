//! From JSON Schema to the dialect that CustomResourceDefinitions are written in.

use schemars::Schema;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value, json};

/// Structural schemas: one type each, no null, no titles, no defaults but those that the API server fills in.
///
/// May be applied twice.
pub(super) struct Structural;

impl Transform for Structural {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        for keyword in ["title", "default"] {
            object.remove(keyword);
        }
        without_null(object);
        without_width(object);
        one_enum(object);
        if let Some(Value::String(description)) = object.get_mut("description") {
            *description = description.replace('\n', " ");
        }
    }
}

/// Publishes each `x-default` as the `default`.
pub(super) struct Defaults;

impl Transform for Defaults {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if let Some(default) = schema.remove("x-default") {
            schema.insert("default".into(), default);
        }
    }
}

/// Optional fields are left out rather than null.
fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(choices)) = object.get("anyOf")
        && let [Value::Object(only), null] = choices.as_slice()
        && *null == json!({"type": "null"})
    {
        let only = only.clone();
        object.remove("anyOf");
        for (keyword, value) in only {
            object.entry(keyword).or_insert(value);
        }
    }
}

/// Numbers are published without their width: JSON has only one kind of fraction.
fn without_width(object: &mut Map<String, Value>) {
    if object.get("format").is_some_and(|format| format == "double") {
        object.remove("format");
    }
}

/// Documented variants are a choice of constants in JSON Schema and one list of values here.
fn one_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    for choice in choices {
        match (choice.get("const"), choice.get("enum")) {
            (Some(value), _) => values.push(value.clone()),
            (None, Some(Value::Array(several))) => values.extend(several.iter().cloned()),
            _ => return,
        }
    }
    object.remove("oneOf");
    object.insert("type".into(), "string".into());
    object.insert("enum".into(), values.into());
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// The keywords that the published schemas consist of; all are structural.
    const KEYWORDS: [&str; 21] = [
        "additionalProperties",
        "anyOf",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minLength",
        "minimum",
        "not",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "type",
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];

    #[test]
    fn published_schemas_are_structural() {
        for crd in crate::crds() {
            let root = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            assert_structural("", root);
        }
    }

    fn assert_structural(path: &str, schema: &Value) {
        let keywords = schema.as_object().unwrap();
        for keyword in keywords.keys() {
            assert!(KEYWORDS.contains(&keyword.as_str()), "{path}: {keyword}");
        }
        assert!(schema["type"].is_string() || schema["x-kubernetes-int-or-string"] == true, "{path}: {schema}");
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            assert_structural(&format!("{path}.{name}"), field);
        }
        for keyword in ["items", "additionalProperties"] {
            if let Some(inner) = keywords.get(keyword) {
                assert_structural(&format!("{path}[]"), inner);
            }
        }
    }
}
