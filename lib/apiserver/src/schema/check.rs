//! Compares a value with its schema, keyword by keyword.

use std::collections::HashSet;

use serde_json::{Map, Number, Value, json};

use super::cause::{Cause, CauseReason};
use super::node::{Additional, Kind, Node};
use super::path::Path;
use super::{ListKind, formats};

impl Node {
    /// Notes everything that is wrong with `value`. What equals its `old` value is let pass, as the real server does since
    /// its schemas may be tightened after objects were stored.
    pub(super) fn check(&self, value: &Value, old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
        if old == Some(value) {
            return;
        }
        self.check_type(value, path, causes);
        self.check_choices(value, path, causes);
        match value {
            Value::Null => return,
            Value::Bool(_) => {}
            Value::Number(number) => self.check_number(number, value, path, causes),
            Value::String(text) => self.check_string(text, value, path, causes),
            Value::Array(items) => self.check_items(items, old, path, causes),
            Value::Object(fields) => self.check_fields(fields, old, path, causes),
        }
        self.check_branches(value, path, causes);
    }

    fn check_type(&self, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
        let expected = self.type_words();
        if expected.is_empty() || self.accepts(value) {
            return;
        }
        let found = Kind::of_value(value).word();
        let detail = format!("{} in body must be of type {expected}: {found:?}", path.bare());
        causes.push(Cause::of_value(CauseReason::TypeInvalid, path, &json!(found), detail));
    }

    fn accepts(&self, value: &Value) -> bool {
        let found = Kind::of_value(value);
        if found == Kind::Null {
            return self.nullable || self.kind == Some(Kind::Null);
        }
        let integral = || value.as_f64().is_some_and(|number| number.fract() == 0.0);
        if self.int_or_string {
            return matches!(found, Kind::Integer | Kind::String) || (found == Kind::Number && integral());
        }
        match self.kind {
            Some(Kind::Integer) => found == Kind::Integer || (found == Kind::Number && integral()),
            Some(Kind::Number) => matches!(found, Kind::Integer | Kind::Number),
            kind => kind == Some(found),
        }
    }

    fn check_choices(&self, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
        if let Some(choices) = &self.limits.choices
            && !(value.is_null() && self.nullable)
            && !choices.iter().any(|choice| same(choice, value))
        {
            causes.push(Cause::not_supported(path, value, choices));
        }
    }

    fn check_number(&self, number: &Number, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
        let limits = &self.limits;
        let Some(found) = number.as_f64() else { return };
        let mut refuse = |must: String| {
            causes.push(Cause::invalid(path, value, format!("{} in body should be {must}", path.bare())));
        };
        if let Some(minimum) = limits.minimum {
            if limits.exclusive_minimum && found <= minimum {
                refuse(format!("greater than {minimum}"));
            } else if found < minimum {
                refuse(format!("greater than or equal to {minimum}"));
            }
        }
        if let Some(maximum) = limits.maximum {
            if limits.exclusive_maximum && maximum <= found {
                refuse(format!("less than {maximum}"));
            } else if maximum < found {
                refuse(format!("less than or equal to {maximum}"));
            }
        }
        if let Some(factor) = limits.multiple_of
            && (found / factor).fract() != 0.0
        {
            refuse(format!("a multiple of {factor}"));
        }
        if let (Some(Kind::Integer), Some(format)) = (self.kind, &self.format)
            && !formats::holds_integer(format, number)
        {
            let detail = format!("Checked value must be of type integer with format {format} in {}", path.bare());
            causes.push(Cause::invalid(Path::Root, &json!(""), detail));
        }
    }

    fn check_string(&self, text: &str, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
        let limits = &self.limits;
        let length = text.chars().count() as u64;
        if let Some(maximum) = limits.max_length
            && maximum < length
        {
            let unit = if maximum == 1 { "byte" } else { "bytes" };
            let detail = format!("may not be more than {maximum} {unit}");
            causes.push(Cause::of_field(CauseReason::TooLong, path, detail));
        }
        if let Some(minimum) = limits.min_length
            && length < minimum
        {
            let detail = format!("{} in body should be at least {minimum} chars long", path.bare());
            causes.push(Cause::invalid(path, value, detail));
        }
        if let Some(pattern) = &limits.pattern
            && !pattern.is_match(text)
        {
            causes.push(Cause::invalid(path, value, format!("{} in body should match '{pattern}'", path.bare())));
        }
        if let (None | Some(Kind::String), Some(format)) = (self.kind, &self.format)
            && !formats::holds_text(format, text)
        {
            let detail = format!("{} in body must be of type {format}: {text:?}", path.bare());
            causes.push(Cause::of_value(CauseReason::TypeInvalid, path, value, detail));
        }
    }

    fn check_items(&self, values: &[Value], old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
        let count = values.len() as u64;
        if let Some(maximum) = self.limits.max_items
            && maximum < count
        {
            causes.push(too_many(path, count, maximum));
        }
        if let Some(minimum) = self.limits.min_items
            && count < minimum
        {
            let detail = format!("{} in body should have at least {minimum} items", path.bare());
            causes.push(Cause::invalid(path, &json!(count), detail));
        }
        if self.limits.unique_items && has_duplicates(values) {
            let detail = format!("{} in body shouldn't contain duplicates", path.bare());
            causes.push(Cause::invalid(path, &json!(""), detail));
        }
        if let Some(items) = &self.items {
            for (index, value) in values.iter().enumerate() {
                items.check(value, self.counterpart(value, old), &path.index(index), causes);
            }
        }
        self.check_members(values, path, causes);
    }

    /// Notes members of a set or a list of maps that are there twice.
    fn check_members(&self, values: &[Value], path: &Path<'_>, causes: &mut Vec<Cause>) {
        let mut seen = HashSet::new();
        for (index, value) in values.iter().enumerate() {
            let identity = match &self.list {
                ListKind::Atomic => return,
                ListKind::Set => value.clone(),
                ListKind::Map(keys) => self.identity(value, keys),
            };
            if !seen.insert(identity.to_string()) {
                causes.push(Cause::of_value(CauseReason::Duplicate, path.index(index), &identity, ""));
            }
        }
    }

    /// The keys of a member of a list of maps, as an object.
    fn identity(&self, member: &Value, keys: &[String]) -> Value {
        let default = |key: &str| self.items.as_ref()?.child(key)?.default.as_ref();
        let of_key = |key: &String| Some((key.clone(), member.get(key).or_else(|| default(key))?.clone()));
        Value::Object(keys.iter().filter_map(of_key).collect())
    }

    /// The old value of a list's member, when members have identities that survive an update.
    pub(super) fn counterpart<'o>(&self, member: &Value, old: Option<&'o Value>) -> Option<&'o Value> {
        match &self.list {
            ListKind::Atomic | ListKind::Set => None,
            ListKind::Map(keys) => {
                let wanted = self.identity(member, keys);
                old?.as_array()?.iter().find(|candidate| self.identity(candidate, keys) == wanted)
            }
        }
    }

    fn check_fields(&self, fields: &Map<String, Value>, old: Option<&Value>, path: &Path<'_>, causes: &mut Vec<Cause>) {
        let count = fields.len() as u64;
        if let Some(maximum) = self.limits.max_properties
            && maximum < count
        {
            causes.push(too_many(path, count, maximum));
        }
        if let Some(minimum) = self.limits.min_properties
            && count < minimum
        {
            let detail = format!("{} in body should have at least {minimum} properties", path.bare());
            causes.push(Cause::invalid(path, &json!(count), detail));
        }
        for (name, value) in fields {
            if let Some(node) = self.child(name) {
                node.check(value, old.and_then(|old| old.get(name)), &path.field(name), causes);
            } else if let Additional::Forbidden = self.additional {
                let detail = format!("{} in body is a forbidden property", path.field(name));
                causes.push(Cause::invalid(path, &json!(""), detail));
            }
        }
        for name in &self.limits.required {
            if !fields.contains_key(name) {
                causes.push(Cause::required(path.field(name), ""));
            }
        }
    }

    fn check_branches(&self, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
        let refusal = |must: &str| Cause::invalid(Path::Root, &json!(""), format!("{:?} must {must}", path.bare()));
        let any_of = outcomes(&self.any_of, value, path);
        if !any_of.is_empty() && !any_of.iter().any(Vec::is_empty) {
            causes.push(refusal("validate at least one schema (anyOf)"));
            causes.extend(nearest(any_of));
        }
        let one_of = outcomes(&self.one_of, value, path);
        let valid = one_of.iter().filter(|causes| causes.is_empty()).count();
        if !one_of.is_empty() && valid == 0 {
            causes.push(refusal("validate one and only one schema (oneOf). Found none valid"));
            causes.extend(nearest(one_of));
        } else if 1 < valid {
            let found = format!("validate one and only one schema (oneOf). Found {valid} valid alternatives");
            causes.push(refusal(&found));
        }
        let all_of = outcomes(&self.all_of, value, path);
        if !all_of.iter().all(Vec::is_empty) {
            let none = if all_of.iter().any(Vec::is_empty) { "" } else { ". None validated" };
            causes.extend(all_of.into_iter().flatten());
            causes.push(refusal(&format!("validate all the schemas (allOf){none}")));
        }
        if let Some(not) = &self.not
            && outcomes(std::slice::from_ref(not.as_ref()), value, path).iter().all(Vec::is_empty)
        {
            causes.push(refusal("not validate the schema (not)"));
        }
    }
}

fn too_many(path: &Path<'_>, count: u64, maximum: u64) -> Cause {
    let unit = if maximum == 1 { "item" } else { "items" };
    Cause::of_value(CauseReason::TooMany, path, &json!(count), format!("must have at most {maximum} {unit}"))
}

/// What each branch has to say of the value.
fn outcomes(branches: &[Node], value: &Value, path: &Path<'_>) -> Vec<Vec<Cause>> {
    let outcome = |branch: &Node| {
        let mut causes = Vec::new();
        branch.check(value, None, path, &mut causes);
        causes
    };
    branches.iter().map(outcome).collect()
}

/// The causes of the branch that the value came closest to.
fn nearest(outcomes: Vec<Vec<Cause>>) -> Vec<Cause> {
    outcomes.into_iter().min_by_key(Vec::len).unwrap_or_default()
}

/// Equality as JSON has it: `1` and `1.0` are the same number.
fn same(left: &Value, right: &Value) -> bool {
    left == right || (left.is_number() && left.as_f64() == right.as_f64())
}

fn has_duplicates(values: &[Value]) -> bool {
    let mut seen = HashSet::new();
    !values.iter().all(|value| seen.insert(value.to_string()))
}
