//! The spec of a Service as another Service has it.

use serde_json::{Map, Value};

use crate::Context;

/// Fields of `spec` that the cluster fills in for each Service.
const ALLOTTED: [&str; 3] = ["clusterIP", "clusterIPs", "healthCheckNodePort"];

/// What `clusterIP` says of a headless Service: that it has none is the user's choice.
const HEADLESS: &str = "None";

/// The target's spec with what the canary changes of it and what the cluster allotted to `live`, the copy.
pub(super) fn spec(cx: &Context<'_>, target: &Value, live: Option<&Value>) -> Value {
    let mut spec = own_spec(target);
    if let Some(distribution) = cx.canary.spec.service.traffic_distribution {
        spec["trafficDistribution"] = distribution.as_str().into();
    }
    let live = live.and_then(|live| live.get("spec")).and_then(Value::as_object);
    if let (Some(fields), Some(live)) = (spec.as_object_mut(), live) {
        keep_allotted(fields, live);
    }
    spec
}

/// The spec without what the cluster allotted.
pub(super) fn own_spec(service: &Value) -> Value {
    let mut fields = service.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    let headless = fields.get("clusterIP").is_some_and(|address| address == HEADLESS);
    fields.retain(|name, _| !ALLOTTED.contains(&name.as_str()) || (headless && name.starts_with("clusterIP")));
    for port in ports(&mut fields) {
        port.remove("nodePort");
    }
    Value::Object(fields)
}

fn keep_allotted(fields: &mut Map<String, Value>, live: &Map<String, Value>) {
    for name in ALLOTTED {
        if let Some(allotted) = live.get(name) {
            fields.entry(name).or_insert_with(|| allotted.clone());
        }
    }
    let live_ports = live.get("ports").and_then(Value::as_array);
    for port in ports(fields) {
        let same = live_ports.into_iter().flatten().find(|live| live.get("name") == port.get("name"));
        if let Some(node_port) = same.and_then(|same| same.get("nodePort")) {
            port.insert("nodePort".to_owned(), node_port.clone());
        }
    }
}

fn ports(fields: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let ports = fields.get_mut("ports").and_then(Value::as_array_mut);
    ports.into_iter().flatten().filter_map(Value::as_object_mut)
}
