//! Subresources other than `status`: scale, a namespace's finalize, and what pods have.

use std::sync::Arc;

use axum::body::Body;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::api::Call;
use crate::body::{self, PatchBody};
use crate::gc::{DeleteOptions, Deleted};
use crate::kinds::{Kind, Scale};
use crate::meta;
use crate::refusal::{Answer, Refusal};
use crate::reply;
use crate::schema::{Cause, CauseReason};
use crate::select::Selector;
use crate::shape::Shape;
use crate::store::Key;
use crate::world::{Cx, Part, World};
use crate::write::Draft;

/// Answers a request to a subresource.
pub(crate) fn answer(call: &Call<'_>, world: &mut World, key: &Key, name: &str) -> Answer<Response<Body>> {
    let pod = call.kind.is("", "Pod");
    match (name, &call.parts.method) {
        ("scale", _) => match call.kind.subresources.scale.clone() {
            Some(scale) => self::scale(call, world, key, &scale),
            None => Err(Refusal::no_such_path()),
        },
        ("finalize", &Method::PUT) if call.kind.is("", "Namespace") => finalize(call, world, key),
        ("binding", &Method::POST) if pod => bind(call, world, key),
        ("eviction", &Method::POST) if pod => evict(call, world, key),
        ("log", &Method::GET) if pod => {
            world.find(&call.kind, key)?;
            let log = call.inner.logs.as_ref().and_then(|logs| logs(&key.namespace, &key.name));
            Ok(reply::text(log.unwrap_or_default()))
        }
        _ if call.kind.custom().is_some() => Err(Refusal::not_found(&call.kind, &key.name)),
        _ => Err(Refusal::no_such_path()),
    }
}

fn scale(call: &Call<'_>, world: &mut World, key: &Key, scale: &Scale) -> Answer<Response<Body>> {
    let old = world.find(&call.kind, key)?;
    let before = scale_of(&call.kind, &old, scale);
    let wanted = match call.parts.method {
        Method::GET => return call.format.send(StatusCode::OK, &before),
        Method::PUT => body::object(&call.parts.headers, call.body)?,
        Method::PATCH => match body::patch(&call.parts.headers, call.body, true)? {
            PatchBody::Change(patch) => patch.apply(&before, &Shape::Free)?,
            PatchBody::Apply(config) => {
                let mut merged = before.clone();
                merged["spec"]["replicas"] = config["spec"]["replicas"].clone();
                merged
            }
        },
        _ => return Err(Refusal::method_not_allowed()),
    };
    let Some(replicas) = wanted["spec"]["replicas"].as_i64().filter(|replicas| 0 <= *replicas) else {
        let detail = "must be greater than or equal to 0";
        let value = &wanted["spec"]["replicas"];
        let cause = Cause::of_value(CauseReason::Invalid, "spec.replicas", value, detail);
        return Err(Refusal::invalid_as("autoscaling", "Scale", &key.name, &cause));
    };
    let mut cx = call.cx(Part::Scale)?;
    let revision = wanted["metadata"]["resourceVersion"].clone();
    let make = |_: &mut World, _: &mut Cx, old: &Arc<Value>| {
        let mut object = Value::clone(old);
        put_at(&mut object, &scale.spec_replicas, json!(replicas));
        if revision.is_string() {
            object["metadata"]["resourceVersion"] = revision;
        }
        Ok(Draft { object, managers: None })
    };
    let updated = world.update(&mut cx, key, make)?;
    call.format.send(StatusCode::OK, &scale_of(&call.kind, &updated, scale))
}

/// An object as its `autoscaling/v1` Scale.
fn scale_of(kind: &Kind, object: &Value, scale: &Scale) -> Value {
    let metadata = &object["metadata"];
    let number = |path: &str| at(object, path).and_then(Value::as_i64).unwrap_or_default();
    let mut status = json!({"replicas": number(&scale.status_replicas)});
    let selector = match &scale.selector {
        Some(path) => at(object, path).and_then(Value::as_str).map(str::to_owned),
        None if kind.custom().is_none() => Some(selector_text(&object["spec"]["selector"])),
        None => None,
    };
    if let Some(selector) = selector {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": {"replicas": number(&scale.spec_replicas)},
        "status": status,
    })
}

/// A label selector in the form of a query parameter.
fn selector_text(selector: &Value) -> String {
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let equal = labels.filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten().filter_map(|one| {
        let key = one["key"].as_str()?;
        let values: Vec<&str> = one["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match one["operator"].as_str()? {
            "In" => Some(format!("{key} in ({})", values.join(","))),
            "NotIn" => Some(format!("{key} notin ({})", values.join(","))),
            "Exists" => Some(key.to_owned()),
            "DoesNotExist" => Some(format!("!{key}")),
            _ => None,
        }
    });
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|name| !name.is_empty())
}

/// The value at a path like `.spec.replicas`.
fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    names(path).try_fold(object, |at, name| at.get(name))
}

fn put_at(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for name in names(path) {
        at = meta::as_map(at).entry(name).or_insert(Value::Null);
    }
    *at = value;
}

/// Takes finalizers of the namespace itself off; the one that loses its last goes if it is on its way out.
fn finalize(call: &Call<'_>, world: &mut World, key: &Key) -> Answer<Response<Body>> {
    let old = world.find(&call.kind, key)?;
    let sent = body::object(&call.parts.headers, call.body)?;
    let mut object = Value::clone(&old);
    object["spec"] = sent["spec"].clone();
    world.rewrite(&call.cx(Part::Whole)?.at(key), object.clone());
    call.format.send(StatusCode::OK, &object)
}

/// Puts a pod on a node.
fn bind(call: &Call<'_>, world: &mut World, key: &Key) -> Answer<Response<Body>> {
    let pod = world.find(&call.kind, key)?;
    let binding = body::object(&call.parts.headers, call.body)?;
    let Some(node) = binding["target"]["name"].as_str().filter(|name| !name.is_empty()) else {
        let cause = Cause::of_field(CauseReason::Required, "target.name", "");
        return Err(Refusal::invalid(&call.kind, &key.name, &[cause]));
    };
    if let Some(taken) = pod["spec"]["nodeName"].as_str().filter(|name| !name.is_empty()) {
        let why = format!("pod {} is already assigned to node {taken:?}", key.name);
        return Err(Refusal::conflict_as("", "pods/binding", &key.name, &why));
    }
    if meta::deleting(&pod) {
        let why = format!("pod {} is being deleted, cannot be assigned to a host", key.name);
        return Err(Refusal::conflict_as("", "pods/binding", &key.name, &why));
    }
    let mut bound = Value::clone(&pod);
    bound["spec"]["nodeName"] = json!(node);
    let scheduled = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": world.time(),
    });
    let status = meta::as_map(&mut bound["status"]);
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if let Value::Array(all) = conditions {
        all.retain(|one| one["type"] != "PodScheduled");
        all.push(scheduled);
    }
    let cx = call.cx(Part::Whole)?;
    if !cx.dry_run {
        world.rewrite(&cx.at(key), bound);
    }
    success(call, StatusCode::CREATED)
}

/// Deletes a pod unless a disruption budget forbids it.
fn evict(call: &Call<'_>, world: &mut World, key: &Key) -> Answer<Response<Body>> {
    let pod = world.find(&call.kind, key)?;
    let budgets = world.store.list("poddisruptionbudgets.policy", Some(&key.namespace));
    let broken = budgets.iter().map(|budget| budget.unpack()).find(|budget| {
        let selector = Selector::of_object(&budget["spec"]["selector"]);
        selector.matches(&pod) && budget["status"]["disruptionsAllowed"].as_i64().unwrap_or_default() < 1
    });
    if let Some(budget) = broken {
        let (name, status) = (meta::name(&budget), &budget["status"]);
        let cause = format!(
            "The disruption budget {name} needs {} healthy pods and has {} currently",
            status["desiredHealthy"], status["currentHealthy"]
        );
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        return Err(Refusal::too_many_requests(message, &cause));
    }
    let eviction = body::optional(&call.parts.headers, call.body)?;
    let options = DeleteOptions {
        grace_secs: eviction["deleteOptions"]["gracePeriodSeconds"].as_i64(),
        ..DeleteOptions::default()
    };
    match world.delete(&call.cx(Part::Whole)?, key, &options)? {
        Deleted::Gone(_) | Deleted::Waits(_) => success(call, StatusCode::CREATED),
    }
}

fn success(call: &Call<'_>, code: StatusCode) -> Answer<Response<Body>> {
    let status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code.as_u16()});
    call.format.send(code, &status)
}
