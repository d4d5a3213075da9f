//! Compares a value with its schema, keyword by keyword. The keywords of numbers and strings are in `scalars`, those that
//! branch in `branches`.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::cause::{Cause, CauseReason};
use super::node::{Additional, Kind, Node};
use super::path::Path;

/// What a comparison found out.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) causes: Vec<Cause>,
    /// How much was compared, in the real server's weights. When a value fits no branch of a `oneOf`, the branch that was
    /// compared furthest is the one that its author meant, and its causes are the ones that help.
    pub(super) steps: usize,
}

impl Node {
    /// Notes everything that is wrong with `value`. What equals its `old` value is let pass, as the real server does since
    /// its schemas may be tightened after objects were stored.
    pub(super) fn check(&self, value: &Value, old: Option<&Value>, path: &Path<'_>, found: &mut Findings) {
        if old == Some(value) {
            return;
        }
        self.check_type(value, path, found);
        self.check_choices(value, path, found);
        if value.is_null() {
            return;
        }
        found.steps += 4;
        self.check_branches(value, old, path, found);
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.check_number(number, path, found),
            Value::String(text) => self.check_string(text, path, found),
            Value::Array(items) => self.check_items(items, old, path, found),
            Value::Object(fields) => self.check_fields(fields, old, path, found),
        }
    }

    fn check_type(&self, value: &Value, path: &Path<'_>, found: &mut Findings) {
        if self.type_words().is_empty() && self.format.is_none() {
            return;
        }
        found.steps += 1;
        if self.accepts(value) {
            found.steps += 1;
            return;
        }
        let (expected, word) = self.mismatch(value);
        let detail = format!("{} in body must be of type {expected}: {word:?}", path.bare());
        found.causes.push(Cause::of_value(CauseReason::TypeInvalid, path, &json!(word), detail));
    }

    /// What was expected and what was found instead.
    ///
    /// Quirk: where a format is given, the real server speaks of formats, which few values have.
    fn mismatch(&self, value: &Value) -> (&str, &'static str) {
        match (&self.format, Kind::of_value(value)) {
            (Some(format), Kind::Boolean | Kind::Object) => (format, ""),
            (Some(format), Kind::Integer) => (format, "int64"),
            (Some(format), Kind::Number) => (format, "float64"),
            (_, found) => (self.type_words(), found.word()),
        }
    }

    fn accepts(&self, value: &Value) -> bool {
        let found = Kind::of_value(value);
        if found == Kind::Null {
            return self.nullable || matches!(self.kind, None | Some(Kind::Null)) && !self.int_or_string;
        }
        let integral = || value.as_f64().is_some_and(|number| number.fract() == 0.0);
        if self.int_or_string {
            return matches!(found, Kind::Integer | Kind::String) || (found == Kind::Number && integral());
        }
        match self.kind {
            // A format without a type, as branches have it, speaks of strings.
            None => matches!(found, Kind::String | Kind::Array),
            Some(Kind::Integer) => found == Kind::Integer || (found == Kind::Number && integral()),
            Some(Kind::Number) => matches!(found, Kind::Integer | Kind::Number),
            kind => kind == Some(found),
        }
    }

    fn check_choices(&self, value: &Value, path: &Path<'_>, found: &mut Findings) {
        if let Some(choices) = &self.limits.choices
            && !choices.iter().any(|choice| same(choice, value))
        {
            found.causes.push(Cause::not_supported(path, value, choices));
        }
    }

    fn check_items(&self, values: &[Value], old: Option<&Value>, path: &Path<'_>, found: &mut Findings) {
        found.steps += 2;
        let count = values.len() as u64;
        if let Some(items) = &self.items {
            for (index, value) in values.iter().enumerate() {
                items.check(value, self.counterpart(value, old), &path.index(index), found);
            }
        }
        if let Some(minimum) = self.limits.min_items
            && count < minimum
        {
            let detail = format!("{} in body should have at least {minimum} items", path.bare());
            found.causes.push(Cause::invalid(path, &json!(count), detail));
        }
        if let Some(maximum) = self.limits.max_items
            && maximum < count
        {
            found.causes.push(too_many(path, count, maximum));
        }
        if self.limits.unique_items && has_duplicates(values) {
            let detail = format!("{} in body shouldn't contain duplicates", path.bare());
            found.causes.push(Cause::invalid(path, &json!(""), detail));
        }
    }

    fn check_fields(&self, fields: &Map<String, Value>, old: Option<&Value>, path: &Path<'_>, found: &mut Findings) {
        found.steps += 1;
        let count = fields.len() as u64;
        if let Some(minimum) = self.limits.min_properties
            && count < minimum
        {
            let detail = format!("{} in body should have at least {minimum} properties", path.bare());
            found.causes.push(Cause::invalid(path, &json!(count), detail));
        }
        if let Some(maximum) = self.limits.max_properties
            && maximum < count
        {
            found.causes.push(too_many(path, count, maximum));
        }
        for (name, value) in fields {
            if let Some(node) = self.child(name) {
                node.check(value, old.and_then(|old| old.get(name)), &path.field(name), found);
            } else if let Additional::Forbidden = self.additional {
                let detail = format!("{} in body is a forbidden property", path.field(name));
                found.causes.push(Cause::invalid(path, &json!(""), detail));
            }
        }
        for name in &self.limits.required {
            if !fields.contains_key(name) {
                found.causes.push(Cause::required(path.field(name), ""));
            }
        }
    }
}

fn too_many(path: &Path<'_>, count: u64, maximum: u64) -> Cause {
    let unit = if maximum == 1 { "item" } else { "items" };
    Cause::of_value(CauseReason::TooMany, path, &json!(count), format!("must have at most {maximum} {unit}"))
}

/// Equality as JSON has it: `1` and `1.0` are the same number.
fn same(left: &Value, right: &Value) -> bool {
    left == right || (left.is_number() && left.as_f64() == right.as_f64())
}

fn has_duplicates(values: &[Value]) -> bool {
    let mut seen = HashSet::new();
    !values.iter().all(|value| seen.insert(value.to_string()))
}
