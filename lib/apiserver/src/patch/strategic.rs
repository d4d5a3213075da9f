//! Strategic merge patch: a merge patch that merges lists of built-in kinds by key, with directives (`$patch`,
//! `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`) inside the patch.

use serde_json::{Map, Value};

use crate::refusal::{Answer, Refusal};
use crate::shape::Shape;

const ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// Lays the patch over the object.
pub(super) fn apply(object: &mut Value, patch: &Value, shape: &Shape<'_>) -> Answer<()> {
    match patch {
        Value::Object(patch) => {
            if !object.is_object() {
                *object = Value::Object(Map::new());
            }
            match object {
                Value::Object(fields) => merge_maps(fields, patch, shape),
                _ => Ok(()),
            }
        }
        other => {
            object.clone_from(other);
            Ok(())
        }
    }
}

fn merge_maps(fields: &mut Map<String, Value>, patch: &Map<String, Value>, shape: &Shape<'_>) -> Answer<()> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            *fields = without_directives(patch);
            return Ok(());
        }
        Some("delete") => {
            fields.clear();
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(Refusal::bad_request(format!("unknown patch type found: {other}"))),
    }
    if let Some(Value::Array(retained)) = patch.get("$retainKeys") {
        fields.retain(|name, _| retained.iter().any(|one| one.as_str() == Some(name)));
    }
    for (name, gone) in directives(patch, DELETE_FROM) {
        if let Some(Value::Array(items)) = fields.get_mut(name) {
            items.retain(|item| !gone.contains(item));
        }
    }
    for (name, change) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        merge_field(fields, name, change, &shape.field(name))?;
    }
    for (name, order) in directives(patch, ORDER) {
        if let Some(Value::Array(items)) = fields.get_mut(name) {
            reorder(items, order, shape.field(name).strategy().key);
        }
    }
    Ok(())
}

fn merge_field(fields: &mut Map<String, Value>, name: &str, change: &Value, shape: &Shape<'_>) -> Answer<()> {
    match change {
        Value::Null => drop(fields.remove(name)),
        Value::Object(_) if shape.strategy().replace => drop(fields.insert(name.to_owned(), clean(change))),
        Value::Object(_) => apply(fields.entry(name).or_insert(Value::Null), change, shape)?,
        Value::Array(items) if shape.strategy().merge => {
            let slot = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(live) = slot {
                merge_lists(live, items, shape)?;
            } else {
                slot.clone_from(change);
            }
        }
        other => drop(fields.insert(name.to_owned(), other.clone())),
    }
    Ok(())
}

fn merge_lists(live: &mut Vec<Value>, patch: &[Value], shape: &Shape<'_>) -> Answer<()> {
    let before = live.clone();
    let Some(key) = shape.strategy().key else {
        let new: Vec<Value> = patch.iter().filter(|item| !live.contains(item)).cloned().collect();
        live.extend(new);
        arrange(live, &before, patch, None);
        return Ok(());
    };
    if patch.iter().any(|item| item["$patch"] == "replace") {
        *live = patch.iter().filter(|item| item["$patch"] != "replace").cloned().collect();
        return Ok(());
    }
    let item_shape = shape.item();
    for item in patch {
        let Some(id) = item.get(key) else {
            return Err(Refusal::internal(format!("map: {item} does not contain declared merge key: {key}")));
        };
        if item["$patch"] == "delete" {
            live.retain(|one| one.get(key) != Some(id));
            continue;
        }
        match live.iter_mut().find(|one| one.get(key) == Some(id)) {
            Some(found) => apply(found, item, &item_shape)?,
            None => live.push(clean(item)),
        }
    }
    arrange(live, &before, patch, Some(key));
    Ok(())
}

/// What the patch names comes in its order, and as early as the order before the patch allows: new items come first.
fn arrange(items: &mut Vec<Value>, before: &[Value], patch: &[Value], key: Option<&str>) {
    let same = |one: &Value, other: &Value| match key {
        Some(key) => one.get(key) == other.get(key),
        None => one == other,
    };
    let place = |item: &Value, all: &[Value]| all.iter().position(|one| same(one, item));
    let (mut named, kept): (Vec<Value>, Vec<Value>) = items.drain(..).partition(|item| place(item, patch).is_some());
    named.sort_by_key(|item| place(item, patch));
    let mut named = named.into_iter().peekable();
    for item in kept {
        let stood_before = |next: &Value| place(next, before).is_some_and(|next| place(&item, before) < Some(next));
        while let Some(next) = named.next_if(|next| !stood_before(next)) {
            items.push(next);
        }
        items.push(item);
    }
    items.extend(named);
}

/// Sorts what the order names into that order; the rest keeps its place after what stood before it.
fn reorder(items: &mut Vec<Value>, order: &[Value], key: Option<&str>) {
    let id = |item: &Value| key.map_or_else(|| item.clone(), |key| item.get(key).cloned().unwrap_or_default());
    let wanted: Vec<Value> = order.iter().map(id).collect();
    let rank = |item: &Value| wanted.iter().position(|one| *one == id(item));
    let mut named: Vec<Value> = items.iter().filter(|item| rank(item).is_some()).cloned().collect();
    named.sort_by_key(|item| rank(item));
    let mut named = named.into_iter();
    let mut sorted = Vec::with_capacity(items.len());
    for item in items.drain(..) {
        sorted.extend(if rank(&item).is_some() { named.next() } else { Some(item) });
    }
    *items = sorted;
}

fn directives<'a>(patch: &'a Map<String, Value>, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Vec<Value>)> {
    patch.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_array()?)))
}

/// A new value may carry directives that mean nothing for it.
fn clean(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(without_directives(fields)),
        Value::Array(items) => items.iter().map(clean).collect(),
        other => other.clone(),
    }
}

fn without_directives(fields: &Map<String, Value>) -> Map<String, Value> {
    let kept = fields.iter().filter(|(name, value)| !name.starts_with('$') && !value.is_null());
    kept.map(|(name, value)| (name.clone(), clean(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::types;
    use serde_json::json;

    fn check(object: &Value, patch: &Value, expected: &Value) {
        let mut patched = object.clone();
        let shape = Shape::Root(types().get("core/v1.PodSpec").unwrap());
        apply(&mut patched, patch, &shape).unwrap();
        assert_eq!(&patched, expected, "{patch}");
    }

    #[test]
    fn containers_are_merged_by_name_and_keep_the_order_that_is_asked_for() {
        check(
            &json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}),
            &json!({
                "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
                "containers": [{"name": "b", "image": "2"}, {"name": "c", "image": "3"}],
            }),
            &json!({"containers": [
                {"name": "c", "image": "3"}, {"name": "b", "image": "2"}, {"name": "a", "image": "1"},
            ]}),
        );
    }

    #[test]
    fn directives_delete_replace_and_retain() {
        let pod = json!({"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "1"},
            "volumes": [{"name": "v", "emptyDir": {}}], "tolerations": [{"key": "k"}]});
        let patch = json!({
            "containers": [{"name": "a", "$patch": "delete"}],
            "nodeSelector": {"$patch": "replace", "y": "2"},
            "volumes": [{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "c"}}],
            "tolerations": [{"key": "other"}],
        });
        check(
            &pod,
            &patch,
            &json!({"containers": [{"name": "b"}], "nodeSelector": {"y": "2"},
                "volumes": [{"name": "v", "configMap": {"name": "c"}}], "tolerations": [{"key": "other"}]}),
        );
    }
}
