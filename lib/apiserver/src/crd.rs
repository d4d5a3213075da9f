//! `CustomResourceDefinition`s: a definition that is accepted is served at once, and gone with all its objects when it is
//! deleted.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::gc::DeleteOptions;
use crate::kinds::{Custom, Generation, Kind, Origin, Scale, Subresources, api_version, qualified};
use crate::meta;
use crate::schema::{Cause, CauseReason, Schema};
use crate::store::{Key, Location};
use crate::table::Columns;
use crate::world::World;

/// Keeps a definition until its objects are gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
const COLLECTION: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Completes names and status.
pub(crate) fn prepare(world: &World, definition: &mut Value, old: Option<&Value>) {
    let name = meta::name(definition).to_owned();
    complete_names(definition);
    let accepted = names_accepted(world, &name, definition);
    let spec = definition["spec"].clone();
    let time = world.time();
    if old.is_none() {
        meta::add_finalizer(definition, CLEANUP);
    }
    let status = meta::as_map(meta::root(definition).entry("status").or_insert_with(|| json!({})));
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    match accepted {
        Ok(()) => {
            set_condition(conditions, "NamesAccepted", "True", "NoConflicts", "no conflicts found", &time);
            set_condition(
                conditions,
                "Established",
                "True",
                "InitialNamesAccepted",
                "the initial names have been accepted",
                &time,
            );
            status.insert("acceptedNames".to_owned(), spec["names"].clone());
        }
        Err((reason, message)) => {
            set_condition(conditions, "NamesAccepted", "False", reason, &message, &time);
            let refused = "not all names are accepted";
            set_condition(conditions, "Established", "False", "NotAccepted", refused, &time);
        }
    }
    let stored = as_list(status.entry("storedVersions").or_insert_with(|| json!([])));
    if let Some(version) = storage_version(&spec).filter(|version| !stored.contains(version)) {
        stored.push(version);
    }
}

/// What is wrong with a definition as a whole.
pub(crate) fn faults(definition: &Value, old: Option<&Value>) -> Vec<Cause> {
    let spec = &definition["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut causes = Vec::new();
    let expected = format!("{}.{}", text(&spec["names"]["plural"]), text(&spec["group"]));
    if meta::name(definition) != expected {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        let value = json!(meta::name(definition));
        causes.push(Cause::of_value(CauseReason::Invalid, "metadata.name", &value, detail));
    }
    if !matches!(spec["scope"].as_str(), Some("Cluster" | "Namespaced")) {
        let detail = "supported values: \"Cluster\", \"Namespaced\"";
        causes.push(Cause::of_value(CauseReason::NotSupported, "spec.scope", &spec["scope"], detail));
    }
    for field in ["group", "scope"] {
        if old.is_some_and(|old| old["spec"][field] != spec[field]) {
            let path = format!("spec.{field}");
            causes.push(Cause::of_value(CauseReason::Invalid, path, &spec[field], "field is immutable"));
        }
    }
    let stored = versions(spec).filter(|version| version["storage"] == json!(true)).count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::of_value(CauseReason::Invalid, "spec.versions", &spec["versions"], detail));
    }
    causes.extend(schema_faults(spec));
    causes
}

/// Serves the versions of a definition whose names are accepted.
pub(crate) fn serve(world: &mut World, definition: &Value) {
    let name = meta::name(definition).to_owned();
    let established = definition["status"]["conditions"].as_array().into_iter().flatten();
    if !established.into_iter().any(|one| one["type"] == "Established" && one["status"] == "True") {
        return;
    }
    let mut kinds: Vec<Arc<Kind>> =
        versions(&definition["spec"]).filter_map(|version| kind(&definition["spec"], version)).map(Arc::new).collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(priority(&kind.version)));
    world.kinds.serve(&name, kinds);
}

/// Stops serving a definition that is gone.
pub(crate) fn retire(world: &mut World, definition: &Value) {
    let name = meta::name(definition);
    world.kinds.retire(name);
    world.store.close(name);
}

/// Deletes the objects of a definition on its way out, and lets it go when none is left.
pub(crate) fn empty(world: &mut World, name: &str) {
    let at = Location::new(COLLECTION, Key::new("", name));
    let Some(definition) = world.store.get(&at).filter(|one| meta::deleting(one)) else { return };
    for object in world.store.list(name, None) {
        if !meta::deleting(&object.unpack()) {
            world.delete_if_present(&Location::new(name, Key::clone(&object.key)), &DeleteOptions::default());
        }
    }
    if world.store.is_empty(name) && meta::has_finalizer(&definition, CLEANUP) {
        let mut freed = Value::clone(&definition);
        meta::remove_finalizer(&mut freed, CLEANUP);
        world.rewrite(&at, freed);
    }
}

/// Says in the status that the objects are being deleted.
pub(crate) fn mark_terminating(definition: &mut Value, time: &str) {
    let status = meta::as_map(meta::root(definition).entry("status").or_insert_with(|| json!({})));
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    let message = "CustomResource deletion is in progress";
    set_condition(conditions, "Terminating", "True", "InstanceDeletionInProgress", message, time);
}

/// The order in which clients prefer versions: stable before beta before alpha, higher before lower.
pub(crate) fn priority(version: &str) -> (u8, u32, u32) {
    let number = |text: &str| text.parse::<u32>().ok();
    let Some(rest) = version.strip_prefix('v') else { return (0, 0, 0) };
    let parsed = if let Some((major, minor)) = rest.split_once("beta") {
        number(major).zip(number(minor)).map(|(major, minor)| (2, major, minor))
    } else if let Some((major, minor)) = rest.split_once("alpha") {
        number(major).zip(number(minor)).map(|(major, minor)| (1, major, minor))
    } else {
        number(rest).map(|major| (3, major, 0))
    };
    parsed.unwrap_or_default()
}

fn kind(spec: &Value, version: &Value) -> Option<Kind> {
    if version["served"] != json!(true) {
        return None;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect::<Vec<_>>();
    let names = &spec["names"];
    let (group, plural) = (text(&spec["group"])?, text(&names["plural"])?);
    let openapi = version["schema"].get("openAPIV3Schema")?.clone();
    let subresources = subresources(&version["subresources"]);
    let deprecation = (version["deprecated"] == json!(true)).then(|| {
        let default = || {
            let (version, kind) =
                (text(&version["name"]).unwrap_or_default(), text(&names["kind"]).unwrap_or_default());
            format!("{group}/{version} {kind} is deprecated")
        };
        text(&version["deprecationWarning"]).unwrap_or_else(default)
    });
    Some(Kind {
        version: text(&version["name"])?,
        kind: text(&names["kind"])?,
        list_kind: text(&names["listKind"])?,
        singular: text(&names["singular"]).unwrap_or_default(),
        short_names: list(&names["shortNames"]),
        categories: list(&names["categories"]),
        namespaced: spec["scope"] == json!("Namespaced"),
        generation: Generation::Spec,
        unconditional_update: false,
        returns_deleted: false,
        create_only: false,
        born_with_status: false,
        kept_version: api_version(&group, storage_version(spec)?.as_str()?),
        collection: qualified(&plural, &group),
        columns: Columns::custom(&version["additionalPrinterColumns"]),
        origin: Origin::Custom(Box::new(Custom { schema: Schema::compile(&openapi).ok()?, openapi, deprecation })),
        subresources,
        group,
        plural,
    })
}

fn subresources(value: &Value) -> Subresources {
    let scale = &value["scale"];
    let path = |field: &str| scale[field].as_str().map(str::to_owned);
    let scale = path("specReplicasPath").zip(path("statusReplicasPath")).map(|(spec_replicas, status_replicas)| {
        Scale { spec_replicas, status_replicas, selector: path("labelSelectorPath") }
    });
    Subresources { status: value.get("status").is_some_and(|status| !status.is_null()), scale }
}

fn versions(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["versions"].as_array().into_iter().flatten()
}

fn storage_version(spec: &Value) -> Option<Value> {
    versions(spec).find(|version| version["storage"] == json!(true)).map(|version| version["name"].clone())
}

fn complete_names(definition: &mut Value) {
    let Some(Value::Object(names)) = definition["spec"].get_mut("names") else { return };
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    names.entry("singular").or_insert_with(|| json!(kind.to_lowercase()));
    names.entry("listKind").or_insert_with(|| json!(format!("{kind}List")));
}

/// Names that another kind of the group has already.
fn names_accepted(world: &World, name: &str, definition: &Value) -> Result<(), (&'static str, String)> {
    let spec = &definition["spec"];
    let group = spec["group"].as_str().unwrap_or_default();
    let names = &spec["names"];
    let used = |text: &str| {
        world.kinds.name_taken(name, group, |kind| {
            kind.plural == text || kind.singular == text || kind.short_names.iter().any(|short| short == text)
        })
    };
    let in_use = |text: &str| format!("{text:?} is already in use");
    for (field, reason) in [("plural", "PluralConflict"), ("singular", "SingularConflict")] {
        if let Some(text) = names[field].as_str().filter(|text| used(text)) {
            return Err((reason, in_use(text)));
        }
    }
    for short in names["shortNames"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if used(short) {
            return Err(("ShortNamesConflict", in_use(short)));
        }
    }
    match names["kind"].as_str() {
        Some(text) if world.kinds.name_taken(name, group, |kind| kind.kind == text) => {
            Err(("KindConflict", in_use(text)))
        }
        _ => Ok(()),
    }
}

/// Sets a condition; its time changes with its status only.
fn set_condition(conditions: &mut Value, kind: &str, status: &str, reason: &str, message: &str, time: &str) {
    let all = as_list(conditions);
    let since = all.iter().find(|one| one["type"] == kind && one["status"] == status);
    let since = since.map_or_else(|| json!(time), |one| one["lastTransitionTime"].clone());
    let condition = json!({
        "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since,
    });
    match all.iter_mut().find(|one| one["type"] == kind) {
        Some(found) => *found = condition,
        None => all.push(condition),
    }
}

/// A value as a list; anything else is replaced by an empty one.
fn as_list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = json!([]);
    }
    match value {
        Value::Array(items) => items,
        _ => unreachable!("just made a list"),
    }
}

/// What is wrong with the schemas. One that all versions share is named once, as the real server does.
fn schema_faults(spec: &Value) -> Vec<Cause> {
    let mut schemas = versions(spec).filter_map(|version| version["schema"].get("openAPIV3Schema"));
    let first = schemas.next();
    let shared = first.is_some() && schemas.all(|schema| Some(schema) == first);
    let mut causes = Vec::new();
    for (index, version) in versions(spec).enumerate().take(if shared { 1 } else { usize::MAX }) {
        let prefix = if shared { "spec.validation".to_owned() } else { format!("spec.versions[{index}].schema") };
        let Some(schema) = version["schema"].get("openAPIV3Schema") else {
            let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
            causes.push(Cause::of_field(CauseReason::Required, path, "schemas are required"));
            continue;
        };
        let found = Schema::compile(schema).err().unwrap_or_default();
        causes.extend(found.into_iter().map(|cause| Cause { field: format!("{prefix}.{}", cause.field), ..cause }));
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first() {
        let mut versions = ["v1alpha1", "v2", "v1beta2", "v10", "v1beta1", "odd"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1beta2", "v1beta1", "v1alpha1", "odd"]);
    }
}
