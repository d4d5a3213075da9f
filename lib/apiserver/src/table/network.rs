//! Services, endpoints, ingresses.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{NONE, abridged, age, joined, labels, list, name, selector, text, text_or_none};

/// How many endpoints or hosts a cell shows before it counts the rest.
const SHOWN: usize = 3;

pub(super) fn service(service: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(service),
        json!(text(service, "/spec/type")),
        json!(text_or_none(service, "/spec/clusterIP")),
        json!(external_address(service)),
        json!(service_ports(service)),
        age(service, now),
        json!(labels(service, "/spec/selector")),
    ]
}

fn external_address(service: &Value) -> String {
    let own = joined(list(service, "/spec/externalIPs").iter().filter_map(Value::as_str));
    match text(service, "/spec/type") {
        "ExternalName" => text(service, "/spec/externalName").to_owned(),
        "LoadBalancer" => {
            let balancer = load_balancer(service);
            match (balancer.as_str(), own.as_str()) {
                (NONE, NONE) => "<pending>".to_owned(),
                (NONE, _) => own,
                (_, NONE) => balancer,
                (_, _) => format!("{balancer},{own}"),
            }
        }
        _ => own,
    }
}

fn load_balancer(object: &Value) -> String {
    let address = |ingress: &'_ Value| match text(ingress, "/ip") {
        "" => text(ingress, "/hostname").to_owned(),
        address => address.to_owned(),
    };
    let addresses: Vec<String> = list(object, "/status/loadBalancer/ingress").iter().map(address).collect();
    joined(addresses.iter().map(String::as_str))
}

fn service_ports(service: &Value) -> String {
    let word = |port: &Value| {
        let number = port.get("port").map(Value::to_string).unwrap_or_default();
        let node = port.get("nodePort").and_then(Value::as_i64).filter(|node| 0 < *node);
        let node = node.map_or(String::new(), |node| format!(":{node}"));
        let protocol = Some(text(port, "/protocol")).filter(|protocol| !protocol.is_empty()).unwrap_or("TCP");
        format!("{number}{node}/{protocol}")
    };
    let ports: Vec<String> = list(service, "/spec/ports").iter().map(word).collect();
    joined(ports.iter().map(String::as_str))
}

pub(super) fn endpoints(endpoints: &Value, now: Timestamp) -> Vec<Value> {
    let mut words = Vec::new();
    for subset in list(endpoints, "/subsets") {
        let addresses = list(subset, "/addresses");
        let ports = list(subset, "/ports");
        for address in addresses {
            let address = text(address, "/ip");
            if ports.is_empty() {
                words.push(address.to_owned());
            }
            let with_port =
                |port: &Value| format!("{address}:{}", port.get("port").map(Value::to_string).unwrap_or_default());
            words.extend(ports.iter().map(with_port));
        }
    }
    vec![name(endpoints), json!(abridged(&words, SHOWN)), age(endpoints, now)]
}

pub(super) fn endpoint_slice(slice: &Value, now: Timestamp) -> Vec<Value> {
    let port = |port: &Value| match port.get("port") {
        None | Some(Value::Null) => "*".to_owned(),
        Some(number) => number.to_string(),
    };
    let ports: Vec<String> = list(slice, "/ports").iter().map(port).collect();
    let addresses = list(slice, "/endpoints").iter().flat_map(|endpoint| list(endpoint, "/addresses"));
    let addresses: Vec<String> = addresses.filter_map(Value::as_str).map(str::to_owned).collect();
    let unset = |cell: String| if cell == NONE { "<unset>".to_owned() } else { cell };
    vec![
        name(slice),
        json!(text(slice, "/addressType")),
        json!(unset(abridged(&ports, SHOWN))),
        json!(unset(abridged(&addresses, SHOWN))),
        age(slice, now),
    ]
}

pub(super) fn ingress(ingress: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<String> = list(ingress, "/spec/rules")
        .iter()
        .map(|rule| text(rule, "/host"))
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect();
    let hosts = if hosts.is_empty() { "*".to_owned() } else { abridged(&hosts, SHOWN) };
    let address = load_balancer(ingress);
    let ports = if list(ingress, "/spec/tls").is_empty() { "80" } else { "80, 443" };
    vec![
        name(ingress),
        json!(text_or_none(ingress, "/spec/ingressClassName")),
        json!(hosts),
        json!(if address == NONE { "" } else { &address }),
        json!(ports),
        age(ingress, now),
    ]
}

pub(super) fn ingress_class(class: &Value, now: Timestamp) -> Vec<Value> {
    let parameters = match (text(class, "/spec/parameters/kind"), text(class, "/spec/parameters/apiGroup")) {
        ("", _) => NONE.to_owned(),
        (kind, "") => format!("{kind}/{}", text(class, "/spec/parameters/name")),
        (kind, group) => format!("{kind}.{group}/{}", text(class, "/spec/parameters/name")),
    };
    vec![name(class), json!(text(class, "/spec/controller")), json!(parameters), age(class, now)]
}

pub(super) fn network_policy(policy: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(policy), json!(selector(policy, "/spec/podSelector")), age(policy, now)]
}
