//! Namespaces, nodes, configuration, events, leases, access.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{NONE, age, age_at, condition, count, joined, list, name, size, text, text_or_none};

pub(super) fn namespace(namespace: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(namespace), json!(text(namespace, "/status/phase")), age(namespace, now)]
}

pub(super) fn config_map(config: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(config), json!(size(config, "/data") + size(config, "/binaryData")), age(config, now)]
}

pub(super) fn secret(secret: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(secret), json!(text(secret, "/type")), json!(size(secret, "/data")), age(secret, now)]
}

pub(super) fn lease(lease: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(lease), json!(text(lease, "/spec/holderIdentity")), age(lease, now)]
}

pub(super) fn priority_class(class: &Value, now: Timestamp) -> Vec<Value> {
    let default = class.get("globalDefault") == Some(&Value::Bool(true));
    let preemption = text(class, "/preemptionPolicy");
    vec![name(class), json!(count(class, "/value")), json!(default), age(class, now), json!(preemption)]
}

/// A kind of which nothing more is shown.
pub(super) fn created(object: &Value, _now: Timestamp) -> Vec<Value> {
    vec![name(object), json!(text(object, "/metadata/creationTimestamp"))]
}

pub(super) fn resource_quota(quota: &Value, now: Timestamp) -> Vec<Value> {
    let hard = quota.pointer("/status/hard").and_then(Value::as_object);
    let shares = |of_limits: bool| -> String {
        let of = hard.into_iter().flatten().filter(|(name, _)| name.starts_with("limits.") == of_limits);
        let used = |name: &str| quota["status"]["used"][name].as_str().unwrap_or("0").to_owned();
        let shares = of.map(|(name, hard)| format!("{name}: {}/{}", used(name), hard.as_str().unwrap_or_default()));
        shares.collect::<Vec<_>>().join(", ")
    };
    vec![name(quota), json!(shares(false)), json!(shares(true)), age(quota, now)]
}

pub(super) fn node(node: &Value, now: Timestamp) -> Vec<Value> {
    let address = |kind: &str| {
        let mut addresses = list(node, "/status/addresses").iter();
        addresses.find(|address| text(address, "/type") == kind).map_or(NONE, |address| text(address, "/address"))
    };
    vec![
        name(node),
        json!(node_status(node)),
        json!(node_roles(node)),
        age(node, now),
        json!(text(node, "/status/nodeInfo/kubeletVersion")),
        json!(address("InternalIP")),
        json!(address("ExternalIP")),
        json!(unknown_or(text(node, "/status/nodeInfo/osImage"))),
        json!(unknown_or(text(node, "/status/nodeInfo/kernelVersion"))),
        json!(unknown_or(text(node, "/status/nodeInfo/containerRuntimeVersion"))),
    ]
}

fn node_status(node: &Value) -> String {
    let ready = match condition(node, "Ready") {
        "True" => "Ready",
        "" => "Unknown",
        _ => "NotReady",
    };
    let cordoned = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    if cordoned { format!("{ready},SchedulingDisabled") } else { ready.to_owned() }
}

fn node_roles(node: &Value) -> String {
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    joined(labels.filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/")))
}

fn unknown_or(text: &str) -> &str {
    if text.is_empty() { "<unknown>" } else { text }
}

/// Both generations of events: `involvedObject` of the core group, `regarding` of `events.k8s.io`.
pub(super) fn event(event: &Value, now: Timestamp) -> Vec<Value> {
    let either = |first: &str, second: &str| match text(event, first) {
        "" => text(event, second).to_owned(),
        found => found.to_owned(),
    };
    let kind = either("/involvedObject/kind", "/regarding/kind").to_lowercase();
    let object = format!("{kind}/{}", either("/involvedObject/name", "/regarding/name"));
    let component = either("/source/component", "/reportingComponent");
    let host = either("/source/host", "/reportingInstance");
    let source = if host.is_empty() { component } else { format!("{component}, {host}") };
    let count = event.get("count").or_else(|| event.get("deprecatedCount")).and_then(Value::as_i64).unwrap_or(1);
    vec![
        event_age(
            event,
            &["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/eventTime"],
            now,
        ),
        json!(text(event, "/type")),
        json!(text(event, "/reason")),
        json!(object),
        json!(either("/involvedObject/fieldPath", "/regarding/fieldPath")),
        json!(source),
        json!(either("/message", "/note").trim()),
        event_age(event, &["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"], now),
        json!(count.max(1)),
        name(event),
    ]
}

fn event_age(event: &Value, pointers: &[&str], now: Timestamp) -> Value {
    let known = pointers.iter().find(|pointer| !text(event, pointer).is_empty());
    age_at(event, known.unwrap_or(&"/eventTime"), now)
}

pub(super) fn persistent_volume_claim(claim: &Value, now: Timestamp) -> Vec<Value> {
    let deleting = !text(claim, "/metadata/deletionTimestamp").is_empty();
    let status = if deleting { "Terminating" } else { text(claim, "/status/phase") };
    let bound = !text(claim, "/spec/volumeName").is_empty();
    let modes = list(claim, "/status/accessModes").iter().filter_map(Value::as_str).map(|mode| match mode {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        "ReadWriteOncePod" => "RWOP",
        other => other,
    });
    let modes = joined(modes);
    vec![
        name(claim),
        json!(status),
        json!(text(claim, "/spec/volumeName")),
        json!(if bound { text(claim, "/status/capacity/storage") } else { "" }),
        json!(if bound { &modes } else { "" }),
        json!(text(claim, "/spec/storageClassName")),
        json!(match text(claim, "/spec/volumeAttributesClassName") {
            "" => "<unset>",
            class => class,
        }),
        age(claim, now),
        json!(match text(claim, "/spec/volumeMode") {
            "" => "<unset>",
            mode => mode,
        }),
    ]
}

pub(super) fn role_binding(binding: &Value, now: Timestamp) -> Vec<Value> {
    let role = format!("{}/{}", text(binding, "/roleRef/kind"), text(binding, "/roleRef/name"));
    let subjects = |kind: &str| {
        let subjects = list(binding, "/subjects").iter().filter(|subject| text(subject, "/kind") == kind);
        let words = subjects.map(|subject| match text(subject, "/namespace") {
            "" => text(subject, "/name").to_owned(),
            namespace => format!("{namespace}/{}", text(subject, "/name")),
        });
        json!(words.collect::<Vec<_>>().join(", "))
    };
    vec![name(binding), json!(role), age(binding, now), subjects("User"), subjects("Group"), subjects("ServiceAccount")]
}

pub(super) fn storage_class(class: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(class),
        json!(text_or_none(class, "/provisioner")),
        json!(text(class, "/reclaimPolicy")),
        json!(text(class, "/volumeBindingMode")),
        json!(class.get("allowVolumeExpansion") == Some(&Value::Bool(true))),
        age(class, now),
    ]
}
