//! `DaemonSet`s: a pod on every node that their pods may run on. Here that is one node, or none.
//!
//! It keeps no `ControllerRevision`s: which template a pod was made of is told by the hash in its labels.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::PostParams;
use kube::{Resource, ResourceExt};

use super::pods::{self, Keeper, is_active};
use super::template_hash;
use crate::clock::elapsed;
use crate::cluster::{Again, Cluster, Error, Id, Queue, Reconcile, controlled_by};
use crate::node::schedule::fits;
use crate::node::status::ready_since;

const COMPONENT: &str = "daemonset-controller";
const HASH: &str = "controller-revision-hash";

/// The `DaemonSet`s to look at.
pub(super) fn listen(cluster: &Cluster) -> Arc<Queue> {
    pods::listen(cluster, &cluster.daemon_sets)
}

/// What one `DaemonSet` needs next.
#[derive(Debug, PartialEq)]
struct Plan {
    create: bool,
    delete: Vec<String>,
    status: DaemonSetStatus,
    again: Again,
}

/// How an update goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Update {
    /// The new pod comes when somebody has deleted the old one.
    OnDelete,
    /// The old pod goes first.
    Replace,
    /// The new pod comes first.
    Surge,
}

impl Update {
    fn of(set: &DaemonSet) -> Self {
        let strategy = set.spec.update_strategy.as_ref();
        if strategy.is_some_and(|strategy| strategy.type_.as_deref() == Some("OnDelete")) {
            return Self::OnDelete;
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        match rolling.and_then(|rolling| rolling.max_surge.as_ref()) {
            None | Some(IntOrString::Int(0)) => Self::Replace,
            Some(IntOrString::String(share)) if share == "0%" || share == "0" => Self::Replace,
            Some(_) => Self::Surge,
        }
    }
}

/// Compares a `DaemonSet` with its pods.
fn plan(set: &DaemonSet, pods: &[Arc<Pod>], now: Timestamp) -> Plan {
    let hash = hash(set);
    let wanted = set.spec.template.spec.as_ref().is_none_or(fits);
    let min_ready = set.spec.min_ready_seconds.unwrap_or_default();
    let patience = Duration::from_secs(u64::try_from(min_ready).unwrap_or_default());
    let ready = |pod: &&Pod| ready_since(pod).map(|since| elapsed(now, since));
    let available = |pod: &&Pod| ready(pod).is_some_and(|ready| patience <= ready);

    let active: Vec<&Pod> = pods.iter().map(AsRef::as_ref).filter(|pod| is_active(pod)).collect();
    let (new, old): (Vec<&Pod>, Vec<&Pod>) =
        active.iter().copied().partition(|pod| pod.labels().get(HASH) == Some(&hash));
    let update = Update::of(set);
    let create = wanted && if update == Update::Surge { new.is_empty() } else { pods.is_empty() };
    let replaced = match update {
        Update::OnDelete => false,
        Update::Replace => true,
        Update::Surge => new.iter().any(available),
    };
    let gone = match (wanted, replaced) {
        (false, _) => active.as_slice(),
        (true, true) => old.as_slice(),
        (true, false) => &[],
    };
    let number = |any: bool| i32::from(wanted && any);
    let serves = active.iter().any(available);
    let status = DaemonSetStatus {
        desired_number_scheduled: i32::from(wanted),
        current_number_scheduled: number(!active.is_empty()),
        number_misscheduled: i32::from(!wanted && !active.is_empty()),
        number_ready: number(active.iter().any(|pod| ready(pod).is_some())),
        updated_number_scheduled: Some(number(!new.is_empty())).filter(|count| 0 < *count),
        number_available: Some(number(serves)).filter(|count| 0 < *count),
        number_unavailable: Some(number(!serves)).filter(|count| 0 < *count),
        observed_generation: set.metadata.generation,
        ..DaemonSetStatus::default()
    };
    let again = active.iter().filter_map(|pod| patience.checked_sub(ready(pod)?)).filter(|left| !left.is_zero()).min();
    Plan { create, delete: gone.iter().map(|pod| pod.name_any()).collect(), status, again }
}

fn hash(set: &DaemonSet) -> String {
    template_hash(&set.spec.template)
}

/// Brings `DaemonSet`s to where they should be.
pub(super) struct Controller(pub(super) Arc<Cluster>);

impl Reconcile for Controller {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let Some(set) = self.0.daemon_sets.get(id) else { return Ok(None) };
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let mut pods = self.0.pods.in_namespace(&id.namespace);
        pods.retain(|pod| controlled_by(pod.meta(), set.metadata.uid.as_deref()));
        let plan = plan(&set, &pods, self.0.clock.now());
        let keeper = Keeper { cluster: &self.0, component: COMPONENT, owner: &*set };
        if plan.create {
            keeper.create(&pod(&set)).await?;
        }
        for name in plan.delete {
            keeper.delete(name).await?;
        }
        if set.status.as_ref() != Some(&plan.status) {
            let changed = DaemonSet { status: Some(plan.status), ..(*set).clone() };
            let written = self
                .0
                .api::<DaemonSet>(&id.namespace)
                .replace_status(&id.name, &PostParams::default(), &changed)
                .await
                .map_err(|error| Error::Api("write a DaemonSet's status", error))?;
            self.0.daemon_sets.learn(written);
        }
        Ok(plan.again)
    }
}

/// A pod of the template, which tells of which one.
fn pod(set: &DaemonSet) -> Pod {
    let mut pod = pods::made_of(set.spec.template.clone(), set);
    pod.metadata.labels.get_or_insert_default().insert(HASH.to_owned(), hash(set));
    pod
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn set(image: &str, strategy: &Value, selector: &Value) -> DaemonSet {
        serde_json::from_value(json!({
            "metadata": {"name": "agent", "generation": 3},
            "spec": {
                "selector": {}, "updateStrategy": strategy,
                "template": {"spec": {"nodeSelector": selector, "containers": [{"name": "main", "image": image}]}},
            },
        }))
        .unwrap()
    }

    fn made(name: &str, of: &DaemonSet, ready: bool) -> Arc<Pod> {
        let mut made = pod(of);
        made.metadata.name = Some(name.to_owned());
        let status = if ready { "True" } else { "False" };
        made.status = serde_json::from_value(json!({"phase": "Running", "conditions": [
            {"type": "Ready", "status": status, "lastTransitionTime": NOW.to_string()}]}))
        .unwrap();
        Arc::new(made)
    }

    #[test]
    fn a_pod_runs_where_the_node_selector_lets_it_and_nowhere_else() {
        let (parked, anywhere) = (json!({"flagger.app/scale-to-zero": "true"}), json!({}));
        let serves = plan(&set("a", &json!({}), &anywhere), &[], NOW);
        assert!(serves.create && serves.status.desired_number_scheduled == 1);
        let pods = [made("old", &set("a", &json!({}), &anywhere), true)];
        let parked = plan(&set("a", &json!({}), &parked), &pods, NOW);
        assert_eq!(
            (parked.create, parked.delete, parked.status.desired_number_scheduled),
            (false, vec!["old".into()], 0)
        );
    }

    #[test]
    fn an_update_replaces_the_pod_or_puts_the_new_one_first_or_waits_for_somebody() {
        let next = |strategy: Value, ready: Option<bool>| {
            let set = |image: &str| set(image, &strategy, &json!({}));
            let new = ready.map(|ready| made("new", &set("b"), ready));
            let pods: Vec<_> = [Some(made("old", &set("a"), true)), new].into_iter().flatten().collect();
            let plan = plan(&set("b"), &pods, NOW);
            (plan.create, plan.delete.join(" "))
        };
        let surge = || json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
        assert_eq!(next(json!({"type": "RollingUpdate"}), None), (false, "old".to_owned()));
        assert_eq!(next(surge(), None), (true, String::new()));
        assert_eq!(next(surge(), Some(false)), (false, String::new()));
        assert_eq!(next(surge(), Some(true)), (false, "old".to_owned()));
        assert_eq!(next(json!({"type": "OnDelete"}), None), (false, String::new()));
    }
}
