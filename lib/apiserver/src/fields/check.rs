//! Reads a built-in object as the real server's typed decoder would: unknown fields, wrong types, what is missing.

use serde_json::Value;

use super::rules::rules;
use super::{Form, Struct};
use crate::schema::{Cause, CauseReason};

/// Lists that are kept although they are empty, because an empty one is how their kinds say "none".
const KEPT_EMPTY: [&str; 5] = ["addresses", "endpoints", "rules", "containers", "ports"];

/// Removes unknown fields and returns their paths (`spec.template.spec.containers[0].foo`).
pub(crate) fn unknown(object: &mut Value, of: &'static Struct) -> Vec<String> {
    let mut found = Vec::new();
    remove_unknown(object, &Form::Struct(of.name), "", &mut found);
    found
}

/// Drops what a typed round trip drops (nulls, empty lists and maps) and says what can't be decoded, in the words of
/// the real decoder.
pub(crate) fn normalise(object: &mut Value, of: &'static Struct) -> Result<(), String> {
    struct_value(object, of, "")
}

/// What is required and missing, or immutable and changed.
pub(crate) fn missing(object: &Value, old: Option<&Value>, of: &'static Struct) -> Vec<Cause> {
    let mut causes = Vec::new();
    required(object, old, &Form::Struct(of.name), "", &mut causes);
    causes
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn remove_unknown(value: &mut Value, form: &Form, path: &str, found: &mut Vec<String>) {
    match (form, value) {
        (Form::Struct(_), Value::Object(fields)) => {
            let Some(of) = form.as_struct() else { return };
            fields.retain(|name, _| {
                let known = of.field(name).is_some();
                if !known {
                    found.push(join(path, name));
                }
                known
            });
            for (name, value) in fields {
                if let Some(field) = of.field(name) {
                    remove_unknown(value, &field.form, &join(path, name), found);
                }
            }
        }
        (Form::List(item), Value::Array(items)) => {
            for (index, one) in items.iter_mut().enumerate() {
                remove_unknown(one, item, &format!("{path}[{index}]"), found);
            }
        }
        (Form::Map(item), Value::Object(values)) => {
            for (key, one) in values {
                remove_unknown(one, item, &join(path, key), found);
            }
        }
        _ => {}
    }
}

/// `path` names fields only, as the real decoder does.
fn struct_value(value: &mut Value, of: &'static Struct, path: &str) -> Result<(), String> {
    let Value::Object(fields) = value else { return Ok(()) };
    for (name, value) in fields.iter_mut() {
        if let Some(field) = of.field(name) {
            let path = join(path, name);
            form_value(value, &field.form, of.name, &path)?;
        }
    }
    fields.retain(|name, value| {
        let list_or_map = of.field(name).is_some_and(|field| matches!(field.form, Form::List(_) | Form::Map(_)));
        match value {
            Value::Null => name == "currentMetrics",
            Value::Array(items) => !list_or_map || !items.is_empty() || KEPT_EMPTY.contains(&name.as_str()),
            Value::Object(items) => !list_or_map || !items.is_empty(),
            _ => true,
        }
    });
    Ok(())
}

fn form_value(value: &mut Value, form: &Form, owner: &str, path: &str) -> Result<(), String> {
    let refused = |value: &Value, wanted: &str| {
        let short = owner.rsplit('.').next().unwrap_or(owner);
        Err(format!("json: cannot unmarshal {} into Go struct field {short}.{path} of type {wanted}", json_type(value)))
    };
    match (form, &mut *value) {
        (_, Value::Null)
        | (Form::Any | Form::IntOrString, _)
        | (Form::String | Form::Time | Form::Quantity, Value::String(_))
        | (Form::Number, Value::Number(_))
        | (Form::Bool, Value::Bool(_)) => Ok(()),
        // A quantity may be written as a number; the server answers with a string.
        (Form::Quantity, Value::Number(number)) => {
            *value = Value::String(number.to_string());
            Ok(())
        }
        (Form::Struct(_), Value::Object(_)) => match form.as_struct() {
            Some(of) => struct_value(value, of, path),
            None => Ok(()),
        },
        (Form::List(item), Value::Array(items)) => {
            items.iter_mut().try_for_each(|one| form_value(one, item, owner, path))
        }
        (Form::Map(item), Value::Object(values)) => {
            values.values_mut().try_for_each(|one| form_value(one, item, owner, path))
        }
        (form, value) => refused(value, &go_type(form)),
    }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn go_type(form: &Form) -> String {
    match form {
        Form::String => "string".to_owned(),
        Form::Number => "int32".to_owned(),
        Form::Bool => "bool".to_owned(),
        Form::Time => "v1.Time".to_owned(),
        Form::Quantity => "resource.Quantity".to_owned(),
        Form::IntOrString => "intstr.IntOrString".to_owned(),
        Form::Any => "interface {}".to_owned(),
        Form::Struct(name) => name.rsplit_once('/').map_or(*name, |(_, last)| last).to_owned(),
        Form::List(item) => format!("[]{}", go_type(item)),
        Form::Map(item) => format!("map[string]{}", go_type(item)),
    }
}

fn required(value: &Value, old: Option<&Value>, form: &Form, path: &str, causes: &mut Vec<Cause>) {
    match (form, value) {
        (Form::Struct(_), Value::Object(fields)) => {
            let Some(of) = form.as_struct() else { return };
            let absent = |value: Option<&Value>| match value {
                None | Some(Value::Null) => true,
                Some(Value::String(text)) => text.is_empty(),
                Some(Value::Array(items)) => items.is_empty(),
                Some(_) => false,
            };
            if let Some(rules) = rules(of.name) {
                for name in rules.required.iter().filter(|name| absent(fields.get(**name))) {
                    causes.push(Cause::of_field(CauseReason::Required, join(path, name), ""));
                }
                let changed = |name: &&&str| old.is_some_and(|old| old.get(**name) != fields.get(**name));
                for name in rules.immutable.iter().filter(changed) {
                    let value = fields.get(*name).unwrap_or(&Value::Null);
                    let field = join(path, name);
                    causes.push(Cause::of_value(CauseReason::Invalid, field, value, "field is immutable"));
                }
            }
            for (name, value) in fields {
                if let Some(field) = of.field(name) {
                    let old = old.and_then(|old| old.get(name));
                    required(value, old, &field.form, &join(path, name), causes);
                }
            }
        }
        (Form::List(item), Value::Array(items)) => {
            for (index, one) in items.iter().enumerate() {
                required(one, None, item, &format!("{path}[{index}]"), causes);
            }
        }
        (Form::Map(item), Value::Object(values)) => {
            for (key, one) in values {
                required(one, None, item, &join(path, key), causes);
            }
        }
        _ => {}
    }
}
