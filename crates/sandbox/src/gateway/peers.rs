//! Who is behind an address: the pods as a mesh knows them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::cluster::{Id, controller};

/// A pod, as far as routes and metrics speak of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) namespace: String,
    /// What owns it: the Deployment behind its `ReplicaSet`, or else its controller, or itself.
    pub(super) workload: String,
    pub(super) labels: BTreeMap<String, String>,
}

impl Peer {
    /// Whether it has all of these labels.
    pub(super) fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }

    fn of(pod: &Pod) -> Self {
        let labels = pod.labels().clone();
        let owner = pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
        let mut workload = owner.map_or_else(|| pod.name_any(), |owner| owner.name.clone());
        if let (Some(_), Some(hash)) = (controller(&pod.metadata, "ReplicaSet"), labels.get("pod-template-hash"))
            && let Some(deployment) = workload.strip_suffix(hash.as_str()).and_then(|name| name.strip_suffix('-'))
        {
            workload = deployment.to_owned();
        }
        Self { namespace: pod.namespace().unwrap_or_default(), workload, labels }
    }
}

/// All pods.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_ip: HashMap<IpAddr, Arc<Peer>>,
    by_name: HashMap<Id, Arc<Peer>>,
}

impl Peers {
    pub(super) fn of(pods: &[Arc<Pod>]) -> Self {
        let mut peers = Self::default();
        for pod in pods {
            let peer = Arc::new(Peer::of(pod));
            let ip = pod.status.as_ref().and_then(|status| status.pod_ip.as_ref()?.parse().ok());
            peers.by_ip.extend(ip.map(|ip| (ip, Arc::clone(&peer))));
            peers.by_name.insert(Id::of(&pod.metadata), peer);
        }
        peers
    }

    pub(super) fn at(&self, ip: IpAddr) -> Option<&Arc<Peer>> {
        self.by_ip.get(&ip)
    }

    pub(super) fn named(&self, id: &Id) -> Option<&Arc<Peer>> {
        self.by_name.get(id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_pods_workload_is_the_deployment_behind_its_replica_set() {
        let workload = |kind: &str, owner: &str| {
            let owners: Value =
                json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": "u", "controller": true}]);
            let pod = json!({"metadata": {"name": "cart-5d8f-x", "namespace": "test", "ownerReferences": owners,
                "labels": {"pod-template-hash": "5d8f"}}});
            Peer::of(&serde_json::from_value(pod).unwrap()).workload
        };
        assert_eq!(workload("ReplicaSet", "cart-primary-5d8f"), "cart-primary");
        assert_eq!(workload("DaemonSet", "cart"), "cart");
    }
}
