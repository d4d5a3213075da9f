//! Services, their ports and their ready endpoints.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;

use crate::cluster::Id;

/// A ready endpoint: a pod's address and port.
pub(crate) type Endpoint = (IpAddr, u16);

/// One port of a Service, and its ready endpoints.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) service: Id,
    /// The port's name, empty when it has none.
    pub(crate) port: String,
    pub(crate) endpoints: Vec<Endpoint>,
}

/// A Service's port and what is behind it.
pub(crate) type Port = (u16, Arc<Backend>);

/// All Services with their ports, in the order that they are written in.
pub(crate) type Services = HashMap<Id, Vec<Port>>;

/// The Service that a cluster name means: `name.namespace`, with or without `.svc` and `.svc.cluster.local`.
pub(crate) fn named(host: &str) -> Option<Id> {
    let short = host.trim_end_matches('.');
    let short = short.strip_suffix(".svc.cluster.local").or_else(|| short.strip_suffix(".svc")).unwrap_or(short);
    let (name, namespace) = short.split_once('.')?;
    (!namespace.contains('.')).then(|| Id::new(namespace, name))
}

/// The port that was asked for; else port 80, else the first.
pub(crate) fn choose(ports: &[Port], asked: Option<u16>) -> Option<&Arc<Backend>> {
    let at = |wanted: u16| ports.iter().find(|(number, _)| *number == wanted);
    let found = match asked {
        Some(asked) => at(asked),
        None => at(80).or_else(|| ports.first()),
    };
    found.map(|(_, backend)| backend)
}

/// Every Service's ports with their ready endpoints.
pub(crate) fn ports(services: &[Arc<Service>], slices: &[Arc<EndpointSlice>]) -> Services {
    let mut by_service: HashMap<Id, Vec<&EndpointSlice>> = HashMap::new();
    for slice in slices {
        if let Some(service) = slice.labels().get("kubernetes.io/service-name") {
            by_service.entry(Id::new(slice.namespace().unwrap_or_default(), service)).or_default().push(slice);
        }
    }
    let listed = |service: &Arc<Service>| {
        let id = Id::of(&service.metadata);
        let slices = by_service.get(&id).map_or(&[][..], Vec::as_slice);
        let ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten()).filter_map(|port| {
            if port.protocol.as_deref().unwrap_or("TCP") != "TCP" {
                return None;
            }
            let name = port.name.clone().unwrap_or_default();
            let endpoints = slices.iter().flat_map(|slice| ready(slice, &name)).collect();
            Some((u16::try_from(port.port).ok()?, Arc::new(Backend { service: id.clone(), port: name, endpoints })))
        });
        (id.clone(), ports.collect())
    };
    services.iter().map(listed).collect()
}

/// The ready endpoints of a slice for the port of this name.
fn ready(slice: &EndpointSlice, name: &str) -> Vec<Endpoint> {
    let port = slice.ports.iter().flatten().find(|port| port.name.as_deref().unwrap_or_default() == name);
    let Some(port) = port.and_then(|port| port.port).and_then(|port| u16::try_from(port).ok()) else {
        return Vec::new();
    };
    let endpoints = slice.endpoints.iter().flatten().filter(|endpoint| {
        // A missing condition means ready.
        endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
    });
    let addresses = endpoints.flat_map(|endpoint| &endpoint.addresses);
    addresses.filter_map(|address| Some((address.parse().ok()?, port))).collect()
}
