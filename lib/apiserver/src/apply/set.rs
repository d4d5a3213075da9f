//! Sets of fields, in the form that `managedFields` writes: a tree whose edges are `f:name`, `k:{"name":"x"}` or `v:"x"`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::schema::ListKind;
use crate::shape::Shape;

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Whether the place itself belongs to the set, beside what is below it.
    pub(super) member: bool,
    pub(super) children: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    /// The place itself and nothing below it.
    pub(super) fn leaf() -> FieldSet {
        FieldSet { member: true, children: BTreeMap::new() }
    }

    /// Every field that a configuration names.
    pub(super) fn of(value: &Value, shape: &Shape<'_>) -> FieldSet {
        match value {
            Value::Object(fields) if !shape.map_is_atomic() => {
                let mut set = FieldSet::default();
                for (name, value) in fields {
                    let mut child = FieldSet::of(value, &shape.field(name));
                    let empty = value.as_object().is_some_and(Map::is_empty);
                    child.member |= value.is_null() || empty || shape.has_free_keys();
                    set.add(format!("f:{name}"), child);
                }
                set
            }
            Value::Array(items) if shape.list() != ListKind::Atomic && !items.is_empty() => {
                let mut set = FieldSet::default();
                for item in items {
                    if let Some(step) = shape.step(item) {
                        let mut child = if shape.list() == ListKind::Set {
                            FieldSet::leaf()
                        } else {
                            FieldSet::of(item, &shape.item())
                        };
                        child.member = true;
                        set.add(step, child);
                    }
                }
                set
            }
            _ => FieldSet::leaf(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    /// Adds a branch unless it is empty.
    pub(super) fn add(&mut self, step: String, child: FieldSet) {
        if !child.is_empty() {
            self.children.insert(step, child);
        }
    }

    pub(super) fn union(&self, other: &FieldSet) -> FieldSet {
        let mut all = self.clone();
        all.member |= other.member;
        for (step, child) in &other.children {
            let joined = all.children.get(step).map_or_else(|| child.clone(), |mine| mine.union(child));
            all.children.insert(step.clone(), joined);
        }
        all
    }

    /// What belongs to both.
    pub(super) fn intersection(&self, other: &FieldSet) -> FieldSet {
        let mut both = FieldSet { member: self.member && other.member, ..FieldSet::default() };
        for (step, child) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                both.add(step.clone(), child.intersection(theirs));
            }
        }
        both
    }

    /// What belongs to this one only.
    pub(super) fn difference(&self, other: &FieldSet) -> FieldSet {
        let mut rest = FieldSet { member: self.member && !other.member, ..FieldSet::default() };
        for (step, child) in &self.children {
            let left = other.children.get(step).map_or_else(|| child.clone(), |theirs| child.difference(theirs));
            rest.add(step.clone(), left);
        }
        rest
    }

    /// What belongs to this one, except for places that the other has or has something below.
    pub(super) fn without_nodes_of(&self, other: &FieldSet) -> FieldSet {
        let mut rest = FieldSet::default();
        for (step, child) in &self.children {
            let left = other.children.get(step).map_or_else(|| child.clone(), |theirs| child.without_nodes_of(theirs));
            rest.add(step.clone(), left);
        }
        rest
    }

    /// Every member as a path for people: `.spec.containers[name="app"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect(&self, path: &str, found: &mut Vec<String>) {
        if self.member {
            found.push(path.to_owned());
        }
        for (step, child) in &self.children {
            child.collect(&format!("{path}{}", readable(step)), found);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        if self.member && !self.children.is_empty() {
            fields.insert(".".to_owned(), json!({}));
        }
        fields.extend(self.children.iter().map(|(step, child)| (step.clone(), child.to_json())));
        Value::Object(fields)
    }

    /// Of a whole `fieldsV1`; the root is never a member.
    pub(super) fn parse(value: &Value) -> FieldSet {
        FieldSet { member: false, ..FieldSet::parse_branch(value) }
    }

    fn parse_branch(value: &Value) -> FieldSet {
        let mut set = FieldSet::default();
        for (step, child) in value.as_object().into_iter().flatten() {
            if step == "." {
                set.member = true;
            } else {
                set.children.insert(step.clone(), FieldSet::parse_branch(child));
            }
        }
        set.member |= set.children.is_empty();
        set
    }
}

fn readable(step: &str) -> String {
    match step.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("[{}]", pairs.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => format!("[{step}]"),
    }
}
