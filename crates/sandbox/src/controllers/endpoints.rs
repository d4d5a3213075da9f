//! Endpoints and `EndpointSlic`s: where a Service's pods can be reached.
//!
//! Slices list every pod with an address and say of each whether it is ready, serving and terminating; Endpoints list the
//! ready and the not ready ones, and no terminating ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort as OldPort, EndpointSubset, Endpoints, ObjectReference, Pod, Service, ServicePort,
};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cluster::{Again, Cluster, Error, Id, Mirror, Queue, Reconcile, owned};
use crate::node::status::ready_since;

const SERVICE: &str = "kubernetes.io/service-name";
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
/// Endpoints in one slice, Kubernetes' own default.
const SLICE: usize = 100;

/// The Services to look at: those that change, those whose pods do, and those whose endpoints somebody edited.
pub(super) fn listen(cluster: &Arc<Cluster>) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    let services = Arc::clone(&queue);
    cluster.services.on_change(move |service| services.add(Id::of(service.meta())));
    let pods = Arc::clone(&queue);
    let caches = Arc::downgrade(cluster);
    cluster.pods.on_change(move |pod| {
        let Some(caches) = caches.upgrade() else { return };
        let services = caches.services.in_namespace(&pod.namespace().unwrap_or_default());
        pods.extend(services.iter().filter(|service| selects(service, pod)).map(|service| Id::of(service.meta())));
    });
    let endpoints = Arc::clone(&queue);
    cluster.endpoints.on_change(move |object| endpoints.add(Id::of(object.meta())));
    let slices = Arc::clone(&queue);
    cluster.slices.on_change(move |slice| {
        let service = slice.labels().get(SERVICE);
        slices.extend(service.map(|service| Id::new(slice.namespace().unwrap_or_default(), service)));
    });
    queue
}

/// Whether a Service has a selector and it fits the pod.
fn selects(service: &Service, pod: &Pod) -> bool {
    let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| {
        !selector.is_empty() && selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value))
    })
}

/// The port numbers that a Service's ports have on one pod: pods of one Service may name different numbers alike.
type Ports = Vec<(Option<String>, String, i32)>;

/// A pod that can be reached.
struct Reached<'a> {
    pod: &'a Pod,
    ip: String,
    ready: bool,
    terminating: bool,
}

/// The pods of a Service, by their port numbers and then by address.
fn reached<'a>(service: &Service, pods: &'a [Arc<Pod>]) -> BTreeMap<Ports, Vec<Reached<'a>>> {
    let spec = service.spec.clone().unwrap_or_default();
    let always = spec.publish_not_ready_addresses.unwrap_or(false);
    let mut groups: BTreeMap<Ports, Vec<Reached>> = BTreeMap::new();
    for pod in pods {
        let status = pod.status.clone().unwrap_or_default();
        let finished = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        let Some(ip) = status.pod_ip.filter(|_| !finished && selects(service, pod)) else { continue };
        let ports = spec.ports.iter().flatten().filter_map(|port| resolve(port, pod)).collect();
        let ready = always || ready_since(pod).is_some();
        let terminating = pod.metadata.deletion_timestamp.is_some();
        groups.entry(ports).or_default().push(Reached { pod, ip, ready, terminating });
    }
    for group in groups.values_mut() {
        group.sort_by(|one, other| one.ip.cmp(&other.ip));
    }
    groups
}

fn resolve(port: &ServicePort, pod: &Pod) -> Option<(Option<String>, String, i32)> {
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
            ports.find(|port| port.name.as_ref() == Some(name))?.container_port
        }
    };
    Some((port.name.clone(), port.protocol.clone().unwrap_or_else(|| "TCP".into()), number))
}

/// The Endpoints object that a Service should have.
fn endpoints(service: &Service, pods: &[Arc<Pod>]) -> Endpoints {
    let address = |reached: &Reached| EndpointAddress {
        ip: reached.ip.clone(),
        node_name: reached.pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        target_ref: Some(target(reached.pod)),
        hostname: None,
    };
    let some = |addresses: Vec<EndpointAddress>| (!addresses.is_empty()).then_some(addresses);
    let subset = |(ports, group): (Ports, Vec<Reached>)| {
        let staying: Vec<&Reached> = group.iter().filter(|reached| !reached.terminating).collect();
        let listed = |ready: bool| -> Vec<EndpointAddress> {
            staying.iter().filter(|reached| reached.ready == ready).map(|reached| address(reached)).collect()
        };
        let ports = ports.into_iter().map(|(name, protocol, port)| OldPort {
            app_protocol: None,
            name,
            port,
            protocol: Some(protocol),
        });
        (!staying.is_empty()).then(|| EndpointSubset {
            addresses: some(listed(true)),
            not_ready_addresses: some(listed(false)),
            ports: Some(ports.collect()),
        })
    };
    let subsets: Vec<EndpointSubset> = reached(service, pods).into_iter().filter_map(subset).collect();
    let mut endpoints = Endpoints { subsets: (!subsets.is_empty()).then_some(subsets), ..Endpoints::default() };
    endpoints.metadata.name.clone_from(&service.metadata.name);
    endpoints.metadata.namespace.clone_from(&service.metadata.namespace);
    endpoints.metadata.labels.clone_from(&service.metadata.labels);
    endpoints
}

/// The slices that a Service should have. Their names count up, so that the same pods give the same slices.
fn slices(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSlice> {
    let endpoint = |reached: &Reached| Endpoint {
        addresses: vec![reached.ip.clone()],
        conditions: Some(EndpointConditions {
            ready: Some(reached.ready && !reached.terminating),
            serving: Some(reached.ready),
            terminating: Some(reached.terminating),
        }),
        node_name: reached.pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
        target_ref: Some(target(reached.pod)),
        ..Endpoint::default()
    };
    let mut slices = Vec::new();
    for (ports, group) in reached(service, pods) {
        for part in group.chunks(SLICE) {
            let ports = ports.iter().map(|(name, protocol, port)| EndpointPort {
                app_protocol: None,
                name: name.clone().or_else(|| Some(String::new())),
                port: Some(*port),
                protocol: Some(protocol.clone()),
            });
            slices.push(EndpointSlice {
                address_type: "IPv4".into(),
                endpoints: Some(part.iter().map(endpoint).collect()),
                ports: Some(ports.collect()),
                metadata: slice_meta(service, slices.len()),
            });
        }
    }
    if slices.is_empty() {
        // That there are none is said, too.
        let metadata = slice_meta(service, 0);
        slices.push(EndpointSlice {
            address_type: "IPv4".into(),
            endpoints: Some(Vec::new()),
            metadata,
            ..EndpointSlice::default()
        });
    }
    slices
}

fn slice_meta(service: &Service, number: usize) -> kube::core::ObjectMeta {
    let name = service.name_any();
    let mut labels = service.labels().clone();
    labels.insert(SERVICE.to_owned(), name.clone());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    kube::core::ObjectMeta {
        name: Some(format!("{name}-{number}")),
        namespace: service.namespace(),
        labels: Some(labels),
        owner_references: owned(service),
        ..kube::core::ObjectMeta::default()
    }
}

fn target(pod: &Pod) -> ObjectReference {
    ObjectReference { api_version: None, resource_version: None, ..pod.object_ref(&()) }
}

/// Brings the endpoints of Services to where they should be.
pub(super) struct Controller(pub(super) Arc<Cluster>);

impl Reconcile for Controller {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let service = self.0.services.get(id).filter(|service| service.metadata.deletion_timestamp.is_none());
        let Some(service) = service else { return self.remove(id, &BTreeSet::new()).await.map(|()| None) };
        if service.spec.as_ref().and_then(|spec| spec.selector.as_ref()).is_none_or(BTreeMap::is_empty) {
            // Its endpoints are somebody else's to keep.
            return Ok(None);
        }
        let pods = self.0.pods.in_namespace(&id.namespace);
        let wanted = slices(&service, &pods);
        let names = wanted.iter().map(ResourceExt::name_any).collect();
        for slice in wanted {
            let same = |found: &EndpointSlice| found.endpoints == slice.endpoints && found.ports == slice.ports;
            write(&self.0.slices, &self.0.api(&id.namespace), &slice, same).await?;
        }
        self.remove(id, &names).await?;
        let wanted = endpoints(&service, &pods);
        let same = |found: &Endpoints| found.subsets == wanted.subsets && found.labels() == wanted.labels();
        write(&self.0.endpoints, &self.0.api(&id.namespace), &wanted, same).await?;
        Ok(None)
    }
}

impl Controller {
    /// Removes the slices of a Service that are not kept; of a Service that is gone, its Endpoints too.
    async fn remove(&self, service: &Id, keep: &BTreeSet<String>) -> Result<(), Error> {
        let ours = |slice: &EndpointSlice| {
            slice.labels().get(SERVICE) == Some(&service.name)
                && slice.labels().get(MANAGED_BY).is_some_and(|manager| manager == MANAGER)
        };
        for slice in self.0.slices.in_namespace(&service.namespace) {
            if ours(&slice) && !keep.contains(&slice.name_any()) {
                delete(&self.0.slices, &self.0.api(&service.namespace), &Id::of(slice.meta())).await?;
            }
        }
        if keep.is_empty() && self.0.services.get(service).is_none() && self.0.endpoints.get(service).is_some() {
            delete(&self.0.endpoints, &self.0.api(&service.namespace), service).await?;
        }
        Ok(())
    }
}

/// Creates or replaces an object, unless it is as it should be.
async fn write<K>(mirror: &Mirror<K>, api: &Api<K>, wanted: &K, same: impl Fn(&K) -> bool) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let written = match mirror.get(&Id::of(wanted.meta())) {
        Some(found) if same(&found) => return Ok(()),
        Some(found) => {
            let mut wanted = wanted.clone();
            wanted.meta_mut().resource_version = found.resource_version();
            api.replace(&wanted.name_any(), &PostParams::default(), &wanted).await
        }
        None => api.create(&PostParams::default(), wanted).await,
    };
    mirror.learn(written.map_err(|error| Error::Api("write endpoints", error))?);
    Ok(())
}

async fn delete<K>(mirror: &Mirror<K>, api: &Api<K>, id: &Id) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    match api.delete(&id.name, &DeleteParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 404 => {}
        Err(error) => return Err(Error::Api("delete endpoints", error)),
        Ok(_) => {}
    }
    mirror.forget(id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, ip: &str, ready: bool, port: i32) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "test", "labels": {"app": "podinfo", "more": "x"}},
            "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": port}]}]},
            "status": {"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready",
                "status": if ready { "True" } else { "False" }, "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        }))
        .unwrap()
    }

    fn service() -> Service {
        serde_json::from_value(json!({
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {"selector": {"app": "podinfo"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
        }))
        .unwrap()
    }

    #[test]
    fn ready_unready_and_terminating_pods_are_told_apart() {
        let mut leaving = pod("c", "10.244.0.3", true, 9898);
        leaving.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
        let pods = [pod("a", "10.244.0.1", true, 9898), pod("b", "10.244.0.2", false, 9898), leaving].map(Arc::new);

        let subsets = endpoints(&service(), &pods).subsets.unwrap();
        let ips = |addresses: &Option<Vec<EndpointAddress>>| -> Vec<String> {
            addresses.iter().flatten().map(|address| address.ip.clone()).collect()
        };
        assert_eq!(ips(&subsets[0].addresses), ["10.244.0.1"]);
        assert_eq!(ips(&subsets[0].not_ready_addresses), ["10.244.0.2"]);

        let slices = slices(&service(), &pods);
        let conditions: Vec<_> =
            slices[0].endpoints.iter().flatten().map(|endpoint| endpoint.conditions.clone().unwrap()).collect();
        let ready: Vec<_> = conditions.iter().map(|conditions| (conditions.ready, conditions.terminating)).collect();
        assert_eq!(ready, [(Some(true), Some(false)), (Some(false), Some(false)), (Some(false), Some(true))]);
        assert_eq!(slices[0].ports.as_ref().unwrap()[0].port, Some(9898));
    }

    #[test]
    fn pods_that_name_different_numbers_alike_are_in_slices_of_their_own() {
        let pods = [pod("a", "10.244.0.1", true, 9898), pod("b", "10.244.0.2", true, 8080)].map(Arc::new);
        assert_eq!(slices(&service(), &pods).len(), 2);
        assert_eq!(endpoints(&service(), &pods).subsets.unwrap().len(), 2);
    }

    #[test]
    fn a_service_without_pods_has_a_slice_without_endpoints() {
        let slices = slices(&service(), &[]);
        assert_eq!((slices.len(), slices[0].endpoints.as_deref()), (1, Some([].as_slice())));
    }
}
