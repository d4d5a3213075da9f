//! `ReplicaSet`s: as many pods as asked for, and a count of how they are.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Resource, ResourceExt};

use super::pods::{self, Keeper, is_active};
use crate::clock::elapsed;
use crate::cluster::{Again, Cluster, Error, Id, Queue, Reconcile, controlled_by, finished};
use crate::node::status::ready_since;

const COMPONENT: &str = "replicaset-controller";
/// Pods created or deleted in one step; the rest follows in the next.
const AT_ONCE: usize = 50;

/// The `ReplicaSet`s to look at.
pub(super) fn listen(cluster: &Cluster) -> Arc<Queue> {
    pods::listen(cluster, &cluster.replica_sets)
}

/// What one ReplicaSet needs next.
#[derive(Debug, PartialEq)]
struct Plan {
    create: usize,
    delete: Vec<String>,
    status: ReplicaSetStatus,
    again: Again,
}

/// Compares a ReplicaSet with its pods.
fn plan(set: &ReplicaSet, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let spec = &set.spec;
    let wanted = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0);
    let mut active: Vec<&Pod> = pods.iter().map(AsRef::as_ref).filter(|pod| is_active(pod)).collect();
    let patience = Duration::from_secs(u64::try_from(spec.min_ready_seconds.unwrap_or(0)).unwrap_or(0));
    let readiness: Vec<Duration> =
        active.iter().filter_map(|pod| ready_since(pod)).map(|since| elapsed(now, since)).collect();
    let again = readiness.iter().filter_map(|ready| patience.checked_sub(*ready)).filter(|left| !left.is_zero()).min();
    let available = readiness.iter().filter(|ready| patience <= **ready).count();

    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    let some = |amount: usize| (0 < amount).then(|| count(amount));
    let terminating = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_some() && !finished(pod)).count();
    let status = ReplicaSetStatus {
        replicas: count(active.len()),
        fully_labeled_replicas: some(active.len()),
        ready_replicas: some(readiness.len()),
        available_replicas: some(available),
        observed_generation: set.metadata.generation,
        conditions: None,
        terminating_replicas: Some(count(terminating)),
    };
    let surplus = active.len().saturating_sub(wanted);
    active.sort_by_cached_key(|pod| worth(pod));
    Plan {
        create: wanted.saturating_sub(active.len()).min(AT_ONCE),
        delete: active.into_iter().take(surplus.min(AT_ONCE)).map(ResourceExt::name_any).collect(),
        status,
        again,
    }
}

/// What is lost with a pod, least first: unassigned before assigned, pending before running, not ready before ready, and
/// of ready ones the youngest.
fn worth(pod: &Pod) -> (bool, bool, bool, Reverse<Option<Timestamp>>, String) {
    let assigned = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    let running = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
    let ready = ready_since(pod);
    let created = pod.creation_timestamp().map(|at| at.0);
    (assigned, running, ready.is_some(), Reverse(ready.or(created)), pod.name_any())
}

/// Brings `ReplicaSet`s to where they should be.
pub(super) struct Controller(pub(super) Arc<Cluster>);

impl Reconcile for Controller {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let Some(set) = self.0.replica_sets.get(id) else { return Ok(None) };
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let mut pods = self.0.pods.in_namespace(&id.namespace);
        pods.retain(|pod| controlled_by(pod.meta(), set.metadata.uid.as_deref()));
        let plan = plan(&set, &pods, self.0.clock.now());
        let keeper = Keeper { cluster: &self.0, component: COMPONENT, owner: &*set };
        for _ in 0..plan.create {
            keeper.create(&pods::made_of(set.spec.template.clone().unwrap_or_default(), &*set)).await?;
        }
        for name in plan.delete {
            keeper.delete(name).await?;
        }
        if set.status.as_ref() != Some(&plan.status) {
            let changed = ReplicaSet { status: Some(plan.status), ..(*set).clone() };
            let written = self
                .0
                .api::<ReplicaSet>(&id.namespace)
                .replace_status(&id.name, &PostParams::default(), &changed)
                .await
                .map_err(|error| Error::Api("write a ReplicaSet's status", error))?;
            self.0.replica_sets.learn(written);
        }
        Ok(plan.again)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, ready_for_secs: Option<u64>, now: Timestamp) -> Arc<Pod> {
        let since = now - Duration::from_secs(ready_for_secs.unwrap_or(0));
        let ready = if ready_for_secs.is_some() { "True" } else { "False" };
        Arc::new(
            serde_json::from_value(json!({
                "metadata": {"name": name},
                "spec": {"nodeName": "sandbox", "containers": []},
                "status": {"phase": "Running", "conditions": [
                    {"type": "Ready", "status": ready, "lastTransitionTime": since.to_string()}]},
            }))
            .unwrap(),
        )
    }

    fn set(replicas: i32, min_ready_secs: i32) -> ReplicaSet {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "generation": 3},
            "spec": {"replicas": replicas, "minReadySeconds": min_ready_secs, "selector": {}},
        }))
        .unwrap()
    }

    #[test]
    fn unready_pods_go_first_then_the_youngest() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let pods = [pod("old", Some(90), now), pod("young", Some(10), now), pod("broken", None, now)];
        assert_eq!(plan(&set(1, 0), &pods, now).delete, ["broken", "young"]);
    }

    #[test]
    fn a_pod_is_available_when_it_was_ready_long_enough() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let plan = plan(&set(3, 30), &[pod("a", Some(40), now), pod("b", Some(10), now)], now);
        assert_eq!((plan.create, plan.status.ready_replicas, plan.status.available_replicas), (1, Some(2), Some(1)));
        assert_eq!(plan.again, Some(Duration::from_secs(20)));
    }
}
