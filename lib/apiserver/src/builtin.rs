//! What a few built-in kinds do beyond being rows of data, as a bare API server does it.

pub(crate) mod events;
mod namespaces;
mod pods;
mod services;
mod workloads;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(crate) use services::Addresses;

use crate::crd;
use crate::kinds::Kind;
use crate::meta;
use crate::schema::{Cause, CauseReason};
use crate::world::World;

/// Completes an object that is about to be checked and written.
pub(crate) fn prepare(world: &mut World, kind: &Kind, object: &mut Value, old: Option<&Value>) {
    if kind.custom().is_some() {
        return;
    }
    match kind.kind.as_str() {
        "CustomResourceDefinition" => crd::prepare(world, object, old),
        "Namespace" => namespaces::prepare(object, old),
        "Pod" => pods::prepare(object, old),
        "SelfSubjectAccessReview" => meta::put_into(meta::root(object), "status", Some(json!({"allowed": true}))),
        "Service" => services::prepare(world, object, old),
        _ => {}
    }
}

/// Faults that no single field shows.
pub(crate) fn faults(kind: &Kind, object: &Value, old: Option<&Value>) -> Vec<Cause> {
    if kind.custom().is_some() {
        return Vec::new();
    }
    match kind.kind.as_str() {
        "ConfigMap" | "Secret" => frozen(object, old),
        "CustomResourceDefinition" => crd::faults(object, old),
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => workloads::faults(object),
        "HorizontalPodAutoscaler" => workloads::autoscaler_faults(object),
        "Pod" => pods::faults(object, old),
        "Service" => services::faults(object, old),
        _ => Vec::new(),
    }
}

/// Acts on an object that was written.
pub(crate) fn written(world: &mut World, kind: &Kind, stored: &Arc<Value>, created: bool) {
    if kind.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        crd::serve(world, stored);
    } else if kind.collection == events::COLLECTION {
        events::age(world, stored);
    } else if kind.is("", "Namespace") && created {
        namespaces::furnish_later(world, stored);
    }
}

/// Acts on an object that is gone.
pub(crate) fn erased(world: &mut World, kind: &Kind, object: &Value) {
    if kind.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        crd::retire(world, object);
    } else if kind.is("", "Service") {
        world.addresses.release(object);
    }
}

/// Whether an object whose deletion has begun has nothing left to wait for.
pub(crate) fn may_vanish(kind: &Kind, object: &Value) -> bool {
    let emptied = !kind.is("", "Namespace") || object["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    emptied && meta::finalizers(object).is_empty()
}

pub(crate) use namespaces::{empty as empty_namespace, furnish as furnish_namespace};

/// `stringData` is a convenience for writers; the object keeps `data` only.
pub(crate) fn encode_string_data(secret: &mut Value) {
    let fields = meta::root(secret);
    let Some(Value::Object(texts)) = fields.remove("stringData") else { return };
    let data = meta::as_map(fields.entry("data").or_insert_with(|| json!({})));
    for (key, text) in texts {
        data.insert(key, json!(STANDARD.encode(text.as_str().unwrap_or_default())));
    }
}

/// A ConfigMap or Secret that is marked immutable stays as it is.
fn frozen(object: &Value, old: Option<&Value>) -> Vec<Cause> {
    let Some(old) = old.filter(|old| old["immutable"] == json!(true)) else { return Vec::new() };
    let changed = ["immutable", "data", "binaryData"].into_iter().filter(|field| object[field] != old[field]);
    changed
        .map(|field| Cause::of_field(CauseReason::Forbidden, field, "field is immutable when `immutable` is set"))
        .collect()
}
