//! Lays a configuration over an object, and takes fields out of one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::set::FieldSet;
use crate::schema::ListKind;
use crate::shape::Shape;

/// The live value with everything that the configuration names as the configuration has it.
pub(super) fn merge(live: &Value, config: &Value, shape: &Shape<'_>) -> Value {
    match (live, config) {
        (Value::Object(live), Value::Object(config)) if !shape.map_is_atomic() => {
            let mut merged: Map<String, Value> = live.clone();
            for (name, value) in config {
                let value = live.get(name).map_or_else(|| value.clone(), |old| merge(old, value, &shape.field(name)));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(config)) if shape.list() != ListKind::Atomic => {
            Value::Array(merge_items(live, config, shape))
        }
        (_, config) => config.clone(),
    }
}

/// Items of both lists. Those of the configuration come in its order; others stay where they are relative to their
/// neighbours.
fn merge_items(live: &[Value], config: &[Value], shape: &Shape<'_>) -> Vec<Value> {
    let index = |list: &[Value]| -> BTreeMap<String, usize> {
        let steps = list.iter().enumerate().filter_map(|(at, item)| Some((shape.step(item)?, at)));
        steps.collect()
    };
    let (live_at, config_at) = (index(live), index(config));
    let item_shape = shape.item();
    let joined = |item: &Value| {
        let old = shape.step(item).and_then(|step| live_at.get(&step)).and_then(|at| live.get(*at));
        old.map_or_else(|| item.clone(), |old| merge(old, item, &item_shape))
    };
    let mut merged = Vec::new();
    let mut written = 0;
    for item in live {
        let step = shape.step(item);
        match step.as_ref().and_then(|step| config_at.get(step)) {
            // Everything that the configuration has up to this item goes before it.
            Some(&at) => {
                let from = written.min(at + 1);
                merged.extend(config.get(from..=at).into_iter().flatten().map(joined));
                written = written.max(at + 1);
            }
            None => merged.push(item.clone()),
        }
    }
    merged.extend(config.get(written..).into_iter().flatten().map(joined));
    merged
}

/// Takes the members of the set out of the value; maps and lists that become empty by it go as well.
pub(super) fn remove(value: &mut Value, set: &FieldSet, shape: &Shape<'_>) {
    match value {
        Value::Object(fields) => {
            for (step, child) in &set.children {
                let Some(name) = step.strip_prefix("f:") else { continue };
                if let Some(value) = fields.get_mut(name)
                    && !child.member
                {
                    remove(value, child, &shape.field(name));
                }
                if child.member || fields.get(name).is_some_and(is_hollow) {
                    fields.remove(name);
                }
            }
        }
        Value::Array(items) => {
            let item_shape = shape.item();
            items.retain_mut(|item| match shape.step(item).and_then(|step| set.children.get(&step)) {
                Some(child) if child.member => false,
                Some(child) => {
                    remove(item, child, &item_shape);
                    true
                }
                None => true,
            });
        }
        _ => {}
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
