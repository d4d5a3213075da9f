//! What a change added, modified and removed, field by field.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::FieldSet;
use crate::schema::ListKind;
use crate::shape::Shape;

/// The difference between two values.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

/// Compares two whole objects.
pub(super) fn compare(old: &Value, new: &Value, shape: &Shape<'_>) -> Comparison {
    let mut change = between(Some(old), Some(new), shape);
    for set in [&mut change.added, &mut change.modified, &mut change.removed] {
        set.member = false;
    }
    change
}

fn between(old: Option<&Value>, new: Option<&Value>, shape: &Shape<'_>) -> Comparison {
    if old == new {
        return Comparison::default();
    }
    match (old, new) {
        (Some(Value::Object(_)), Some(Value::Object(_)) | None) | (None, Some(Value::Object(_)))
            if !shape.map_is_atomic() =>
        {
            maps(old.and_then(Value::as_object), new.and_then(Value::as_object), shape)
        }
        (Some(Value::Array(_)), Some(Value::Array(_)) | None) | (None, Some(Value::Array(_)))
            if shape.list() != ListKind::Atomic =>
        {
            lists(old.and_then(Value::as_array), new.and_then(Value::as_array), shape)
        }
        _ => leaf(old.is_some(), new.is_some()),
    }
}

fn leaf(old: bool, new: bool) -> Comparison {
    let mut change = Comparison::default();
    match (old, new) {
        (false, true) => change.added = FieldSet::leaf(),
        (true, false) => change.removed = FieldSet::leaf(),
        (true, true) => change.modified = FieldSet::leaf(),
        (false, false) => {}
    }
    change
}

fn maps(old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>, shape: &Shape<'_>) -> Comparison {
    let mut change = if shape.is_plain() && !both_empty(old, new) {
        Comparison::default()
    } else {
        presence(old.is_some(), new.is_some())
    };
    let names = old
        .into_iter()
        .flat_map(Map::keys)
        .chain(new.into_iter().flat_map(Map::keys).filter(|name| old.is_none_or(|old| !old.contains_key(*name))));
    for name in names {
        let (before, after) = (old.and_then(|old| old.get(name)), new.and_then(|new| new.get(name)));
        change.join(format!("f:{name}"), between(before, after, &shape.field(name)));
    }
    change
}

fn lists(old: Option<&Vec<Value>>, new: Option<&Vec<Value>>, shape: &Shape<'_>) -> Comparison {
    let (before, after) = (by_step(old, shape), by_step(new, shape));
    let mut change = if shape.is_plain() { Comparison::default() } else { presence(old.is_some(), new.is_some()) };
    let steps = before.keys().chain(after.keys().filter(|step| !before.contains_key(*step)));
    for step in steps {
        let item = if shape.list() == ListKind::Set { Shape::Free } else { shape.item() };
        change.join(step.clone(), between(before.get(step).copied(), after.get(step).copied(), &item));
    }
    change
}

fn by_step<'a>(list: Option<&'a Vec<Value>>, shape: &Shape<'_>) -> BTreeMap<String, &'a Value> {
    list.into_iter().flatten().filter_map(|item| Some((shape.step(item)?, item))).collect()
}

fn both_empty(old: Option<&Map<String, Value>>, new: Option<&Map<String, Value>>) -> bool {
    old.is_none_or(Map::is_empty) && new.is_none_or(Map::is_empty)
}

/// A map or list that appears or disappears is a member itself, beside its content.
fn presence(old: bool, new: bool) -> Comparison {
    if old && new { Comparison::default() } else { leaf(old, new) }
}

impl Comparison {
    fn join(&mut self, step: String, child: Comparison) {
        self.added.add(step.clone(), child.added);
        self.modified.add(step.clone(), child.modified);
        self.removed.add(step, child.removed);
    }
}
