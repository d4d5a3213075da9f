//! Ports that the containers offer besides the one that the canary names.

use api::{Canary, IntOrString};
use serde_json::Value;

use crate::Port;

/// Containers that a mesh injects; their ports are the mesh's business.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];

/// The ports of the pod template's containers without the main one, sorted by name; none unless the canary asks for them.
///
/// Of two ports with one name the last counts, as a Service has room for one.
pub(crate) fn ports(canary: &Canary, template: &Value) -> Vec<Port> {
    if !canary.spec.service.port_discovery {
        return Vec::new();
    }
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    let mut found: Vec<Port> = Vec::new();
    for container in containers.into_iter().flatten() {
        let container_name = text(container, "name").unwrap_or_default();
        if SIDECARS.contains(&container_name) {
            continue;
        }
        let ports = container.get("ports").and_then(Value::as_array);
        for (index, port) in ports.into_iter().flatten().enumerate() {
            let Some(number) = port.get("containerPort").and_then(Value::as_i64) else { continue };
            if is_main(canary, text(port, "name"), number) {
                continue;
            }
            let name = text(port, "name").map_or_else(|| format!("tcp-{container_name}-{index}"), str::to_owned);
            let protocol = text(port, "protocol").unwrap_or("TCP").to_owned();
            found.retain(|port| port.name != name);
            found.push(Port { name, number, protocol });
        }
    }
    found.sort();
    found
}

/// Whether the container port is the one that the Services already have as `service.targetPort`.
fn is_main(canary: &Canary, name: Option<&str>, number: i64) -> bool {
    let service = &canary.spec.service;
    match &service.target_port {
        Some(IntOrString::String(main)) if !main.is_empty() => name == Some(main),
        Some(IntOrString::Int(main)) if *main != 0 => number == i64::from(*main),
        _ => number == i64::from(service.port),
    }
}

fn text<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field).and_then(Value::as_str).filter(|text| !text.is_empty())
}
