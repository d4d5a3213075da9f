//! Server-side apply, and who owns which field after any other change.

mod compare;
mod last_applied;
mod managers;
mod merge;
mod set;

use serde_json::{Map, Value, json};

pub(crate) use managers::Managers;

use crate::meta;
use crate::refusal::{Answer, Refusal};
use crate::shape::Shape;
use crate::world::{Cx, Part};
use crate::write::Draft;
use compare::compare;
use managers::{Entry, Operation};
use set::FieldSet;

/// Applies a configuration to what is there.
pub(crate) fn apply(cx: &Cx, live: Option<&Value>, config: &Value, force: bool, time: &str) -> Answer<Draft> {
    let shape = Shape::of(&cx.kind);
    let mut config = config.clone();
    if config["metadata"]["managedFields"].as_array().is_some_and(|entries| !entries.is_empty()) {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    drop_nulls(&mut config);
    let applied = FieldSet::of(&owned_part(cx, &config), &shape);
    let entry = Entry::new(cx, Operation::Apply, applied.clone(), time);
    let Some(live) = live else {
        return Ok(Draft { object: config, managers: Some(Managers::of(entry)) });
    };
    let mut managers = Managers::parse(&live["metadata"]["managedFields"]);
    let last = managers.swap(entry);
    let mut object = merge::merge(live, &config, &shape);
    if let Some(last) = &last {
        let kept = managers.union();
        merge::remove(&mut object, &last.set.without_nodes_of(&kept), &shape);
    }
    let change = compare(&owned_part(cx, live), &owned_part(cx, &object), &shape);
    let taken = change.added.union(&change.modified);
    let contested = taken.difference(&last_applied::unchanged(cx, live, &shape));
    let conflicts = managers.conflicts(cx, Operation::Apply, &contested);
    if !force && !conflicts.is_empty() {
        return Err(refuse(conflicts));
    }
    managers.yield_to(cx, Operation::Apply, &taken, &change.removed);
    if taken.is_empty() && change.removed.is_empty() {
        managers.keep_time(cx, last.as_ref());
    }
    last_applied::note(cx, &mut object, &config);
    Ok(Draft { object, managers: Some(managers) })
}

/// Ownership after a create, update or patch.
pub(crate) fn updated(cx: &Cx, old: Option<&Value>, new: &Value, base: Managers, time: &str) -> Managers {
    let shape = Shape::of(&cx.kind);
    let empty = json!({});
    let change = compare(&owned_part(cx, old.unwrap_or(&empty)), &owned_part(cx, new), &shape);
    let taken = change.added.union(&change.modified);
    let mut managers = base;
    managers.yield_to(cx, Operation::Update, &taken, &change.removed);
    managers.extend(cx, &taken, &change.removed, time);
    managers
}

/// The ownership that an update starts from: what the caller sent, unless it sent nothing usable.
pub(crate) fn sent_managers(part: Part, sent: &Value, old: &Value) -> Managers {
    let kept = || Managers::parse(&old["metadata"]["managedFields"]);
    let Some(entries) = sent["metadata"]["managedFields"].as_array().filter(|_| part == Part::Whole) else {
        return kept();
    };
    match entries.as_slice() {
        [] => kept(),
        // A single empty entry asks to forget everything.
        [one] if one.as_object().is_some_and(serde_json::Map::is_empty) => Managers::default(),
        _ => Managers::parse(&sent["metadata"]["managedFields"]),
    }
}

/// The part of an object that the call can own: no system metadata, and either the status or the rest.
fn owned_part(cx: &Cx, object: &Value) -> Value {
    const SYSTEM: [&str; 10] = [
        "name",
        "namespace",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    if cx.part == Part::Status {
        let mut part = json!({});
        meta::put_into(meta::root(&mut part), "status", object.get("status").cloned());
        let annotations = object["metadata"].get("annotations").filter(|_| cx.kind.status_has_annotations());
        if let Some(annotations) = annotations {
            meta::put(&mut part, "annotations", Some(annotations.clone()));
        }
        return part;
    }
    let ownable = |field: &str| match field {
        "apiVersion" | "kind" | "metadata" => false,
        "status" => !cx.kind.subresources.status,
        _ => true,
    };
    let mut part = some_fields(object, ownable);
    let metadata = some_fields(&object["metadata"], |field| !SYSTEM.contains(&field));
    if !metadata.is_empty() {
        part.insert("metadata".to_owned(), Value::Object(metadata));
    }
    Value::Object(part)
}

fn some_fields(object: &Value, wanted: impl Fn(&str) -> bool) -> Map<String, Value> {
    let fields = object.as_object().into_iter().flatten().filter(|(name, _)| wanted(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn refuse(mut conflicts: Vec<(String, Vec<String>)>) -> Refusal {
    conflicts.sort();
    let all: Vec<(String, String)> = conflicts
        .iter()
        .flat_map(|(manager, paths)| paths.iter().map(move |path| (format!("conflict with {manager}"), path.clone())))
        .collect();
    let message = match (all.as_slice(), &conflicts) {
        ([(text, path)], _) => format!("Apply failed with 1 conflict: {text}: {path}"),
        (many, groups) => {
            let listed: Vec<String> = groups
                .iter()
                .map(|(manager, paths)| {
                    let lines: Vec<String> = paths.iter().map(|path| format!("- {path}")).collect();
                    format!("conflicts with {manager}:\n{}", lines.join("\n"))
                })
                .collect();
            format!("Apply failed with {} conflicts: {}", many.len(), listed.join("\n"))
        }
    };
    Refusal::apply_conflict(message, &all)
}
