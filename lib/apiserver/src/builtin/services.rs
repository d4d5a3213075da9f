//! Services: their addresses and ports.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::schema::{Cause, CauseReason};
use crate::world::World;

/// 10.96.0.0/16, of which the first addresses are spoken for (`kubernetes`, DNS).
const FIRST: u32 = u32::from_be_bytes([10, 96, 0, 16]);
const LAST: u32 = u32::from_be_bytes([10, 96, 255, 254]);

/// The cluster addresses that are in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    taken: HashSet<Ipv4Addr>,
    last: u32,
}

impl Addresses {
    /// The next free address; nothing when the whole range is in use.
    fn allocate(&mut self) -> Option<Ipv4Addr> {
        let start = if (FIRST..LAST).contains(&self.last) { self.last + 1 } else { FIRST };
        let address = (start..=LAST).chain(FIRST..start).map(Ipv4Addr::from).find(|one| !self.taken.contains(one))?;
        self.last = u32::from(address);
        Some(address)
    }

    fn claim(&mut self, service: &Value) {
        self.taken.extend(address(service));
    }

    /// Gives back the address of a Service that is gone.
    pub(crate) fn release(&mut self, service: &Value) {
        if let Some(address) = address(service) {
            self.taken.remove(&address);
        }
    }
}

fn address(service: &Value) -> Option<Ipv4Addr> {
    service["spec"]["clusterIP"].as_str()?.parse().ok()
}

pub(super) fn prepare(world: &mut World, service: &mut Value, old: Option<&Value>) {
    let external = service["spec"]["type"] == json!("ExternalName");
    let Some(Value::Object(spec)) = service.get_mut("spec") else { return };
    if external {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] {
            spec.remove(field);
        }
        return;
    }
    if let Some(old) = old {
        keep_allocated(spec, &old["spec"]);
    }
    if spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default().is_empty()
        && let Some(address) = world.addresses.allocate()
    {
        spec.insert("clusterIP".to_owned(), json!(address.to_string()));
    }
    if let Some(address) = spec.get("clusterIP").cloned() {
        spec.entry("clusterIPs").or_insert_with(|| json!([address]));
        spec.entry("ipFamilies").or_insert_with(|| json!(["IPv4"]));
        spec.entry("ipFamilyPolicy").or_insert_with(|| json!("SingleStack"));
    }
    world.addresses.claim(service);
}

/// An update that leaves out what the server allocated means to keep it.
fn keep_allocated(spec: &mut Map<String, Value>, old: &Value) {
    for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"] {
        if let (false, Some(value)) = (spec.contains_key(field), old.get(field)) {
            spec.insert(field.to_owned(), value.clone());
        }
    }
}

pub(super) fn faults(service: &Value, old: Option<&Value>) -> Vec<Cause> {
    let spec = &service["spec"];
    let kind = spec["type"].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    if ports.is_empty() && kind != "ExternalName" && spec["clusterIP"] != json!("None") {
        causes.push(Cause::of_field(CauseReason::Required, "spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        if 1 < ports.len() && port["name"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::of_field(CauseReason::Required, format!("spec.ports[{index}].name"), ""));
        }
        let twin = |other: &Value| other["port"] == port["port"] && other["protocol"] == port["protocol"];
        if ports.iter().take(index).any(twin) {
            let value = json!({"port": port["port"], "protocol": port["protocol"]});
            causes.push(Cause::of_value(CauseReason::Duplicate, format!("spec.ports[{index}]"), &value, ""));
        }
    }
    let was = old.map(|old| &old["spec"]["clusterIP"]).filter(|was| was.is_string() && kind != "ExternalName");
    if let Some(was) = was
        && *was != spec["clusterIP"]
    {
        let value = json!([spec["clusterIP"]]);
        causes.push(Cause::of_value(CauseReason::Invalid, "spec.clusterIPs[0]", &value, "may not change once set"));
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_given_twice_until_it_is_back() {
        let mut addresses = Addresses::default();
        let service = |address: Ipv4Addr| json!({"spec": {"clusterIP": address.to_string()}});
        let first = addresses.allocate().unwrap();
        addresses.claim(&service(first));
        let second = addresses.allocate().unwrap();
        addresses.claim(&service(second));
        assert_ne!(first, second);
        addresses.release(&service(first));
        addresses.last = LAST;
        assert_eq!(addresses.allocate(), Some(first));
    }
}
