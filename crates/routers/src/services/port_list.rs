//! The ports of the Services, compared as the API server completes them.

use std::collections::BTreeMap;

use api::IntOrString;
use serde_json::{Value, json};

use crate::Context;

/// The ports that the canary asks for: the main one, then the discovered ones in their order.
pub(super) fn canary(cx: &Context<'_>) -> Vec<Value> {
    let service = &cx.canary.spec.service;
    let target = match &service.target_port {
        Some(IntOrString::Int(number)) if *number != 0 => json!(number),
        Some(IntOrString::String(name)) if !name.is_empty() => json!(name),
        _ => json!(service.port),
    };
    let mut main = json!({
        "name": service.port_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("http"),
        "protocol": "TCP",
        "port": service.port,
        "targetPort": target,
    });
    if let Some(protocol) = service.app_protocol.as_deref().filter(|protocol| !protocol.is_empty()) {
        main["appProtocol"] = protocol.into();
    }
    let discovered = cx.ports.iter().map(
        |port| json!({"name": port.name, "protocol": port.protocol, "port": port.number, "targetPort": port.number}),
    );
    std::iter::once(main).chain(discovered).collect()
}

/// The live Service's ports as they should be, `None` when they are. Order doesn't count; node ports stay with their names.
pub(super) fn updated(live: &Value, wanted: &[Value]) -> Option<Value> {
    let live = live.pointer("/spec/ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if by_name(live) == by_name(wanted) {
        return None;
    }
    let node_ports: BTreeMap<_, _> = live.iter().filter_map(|port| Some((name(port), port.get("nodePort")?))).collect();
    let with_node_port = |port: &Value| {
        let mut port = port.clone();
        if let Some(node_port) = node_ports.get(&name(&port)) {
            port["nodePort"] = Value::clone(node_port);
        }
        port
    };
    Some(wanted.iter().map(with_node_port).collect())
}

/// The ports with the API's defaults filled in, without what the cluster chooses.
fn by_name(ports: &[Value]) -> BTreeMap<String, Value> {
    let complete = |port: &Value| {
        let field = |name: &str| port.get(name).filter(|value| !value.is_null());
        json!({
            "protocol": field("protocol").unwrap_or(&json!("TCP")),
            "port": field("port"),
            "targetPort": field("targetPort").or(field("port")),
            "appProtocol": field("appProtocol"),
        })
    };
    ports.iter().map(|port| (name(port), complete(port))).collect()
}

fn name(port: &Value) -> String {
    port.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
