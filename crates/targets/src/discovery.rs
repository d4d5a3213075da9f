//! Ports that the containers offer besides the one that the canary names.

use api::{Canary, IntOrString};
use ports::Port;
use serde_json::Value;

/// Containers that a mesh injects; their ports are the mesh's business.
const SIDECARS: [&str; 2] = ["istio-proxy", "envoy"];

/// The ports of the pod template's containers without the main one, sorted by name; none unless the canary asks for them.
///
/// A Service has room for one port of a name, and for one of a number and protocol: of two the last counts, and the main one
/// before all.
pub(crate) fn ports(canary: &Canary, template: &Value) -> Vec<Port> {
    let service = &canary.spec.service;
    if !service.port_discovery {
        return Vec::new();
    }
    let main_name = service.port_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("http");
    let mut found: Vec<Port> = Vec::new();
    for (container, index, port) in container_ports(template) {
        let Some(number) = port.get("containerPort").and_then(Value::as_i64) else { continue };
        let protocol = text(port, "protocol").unwrap_or("TCP").to_owned();
        let taken = number == i64::from(service.port) && protocol == "TCP";
        if taken || is_main(canary, text(port, "name"), number) {
            continue;
        }
        let name = text(port, "name").filter(|name| *name != main_name);
        let name = name.map_or_else(|| format!("tcp-{container}-{index}"), str::to_owned);
        found.retain(|other| other.name != name && (other.number, &other.protocol) != (number, &protocol));
        found.push(Port { name, number, protocol });
    }
    found.sort();
    found
}

/// The ports of all containers but sidecars, each with its container's name and its place there.
fn container_ports(template: &Value) -> impl Iterator<Item = (&str, usize, &Value)> {
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    let named =
        containers.into_iter().flatten().map(|container| (text(container, "name").unwrap_or_default(), container));
    named.filter(|(name, _)| !SIDECARS.contains(name)).flat_map(|(name, container)| {
        let ports = container.get("ports").and_then(Value::as_array);
        ports.into_iter().flatten().enumerate().map(move |(index, port)| (name, index, port))
    })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_that_a_service_has_no_room_for_are_left_out_or_renamed() {
        let mut canary = Canary::default();
        canary.spec.service.port = 80;
        canary.spec.service.target_port = Some(IntOrString::Int(8080));
        canary.spec.service.port_discovery = true;
        let template = json!({"spec": {"containers": [
            {"name": "istio-proxy", "ports": [{"containerPort": 15090}]},
            {"name": "web", "ports": [
                {"name": "main", "containerPort": 8080},
                {"name": "old", "containerPort": 80},
                {"name": "http", "containerPort": 9090},
                {"name": "first", "containerPort": 7070},
                {"name": "again", "containerPort": 7070},
            ]},
        ]}});
        let found: Vec<_> = ports(&canary, &template).into_iter().map(|port| (port.name, port.number)).collect();
        assert_eq!(found, [("again".to_owned(), 7070), ("tcp-web-2".to_owned(), 9090)]);
    }
}
