//! The scheduler: there is one node, and every pod that may run there is bound to it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod, PodSpec};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::NAME;
use crate::cluster::{Again, Cluster, Error, Id, Queue, Reconcile, Severity, Tasks, run};

const COMPONENT: &str = "default-scheduler";

/// Starts binding pods as they appear.
pub(super) fn start(cluster: &Arc<Cluster>, tasks: &Tasks) {
    let queue = Arc::new(Queue::default());
    let pods = Arc::clone(&queue);
    cluster.pods.on_change(move |pod| {
        if waiting(pod) {
            pods.add(Id::of(pod.meta()));
        }
    });
    tasks.spawn(run(queue, Arc::clone(&cluster.stamps), Scheduler(Arc::clone(cluster))));
}

fn waiting(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none())
}

/// Whether the node has every label that the node selector of such a pod wants.
pub(crate) fn fits(pod: &PodSpec) -> bool {
    pod.node_selector.iter().flatten().all(|(key, value)| match key.as_str() {
        "kubernetes.io/hostname" => value == NAME,
        "kubernetes.io/os" => value == "linux",
        // The application runs anywhere.
        "kubernetes.io/arch" => true,
        _ => false,
    })
}

struct Scheduler(Arc<Cluster>);

impl Reconcile for Scheduler {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let Some(pod) = self.0.pods.get(id).filter(|pod| waiting(pod)) else { return Ok(None) };
        if pod.spec.as_ref().is_none_or(fits) { self.bind(&pod, id).await } else { self.refuse(&pod, id).await }
    }
}

impl Scheduler {
    async fn bind(&self, pod: &Pod, id: &Id) -> Result<Again, Error> {
        let mut binding = Binding::default();
        binding.metadata.name = Some(id.name.clone());
        binding.target =
            ObjectReference { kind: Some("Node".into()), name: Some(NAME.into()), ..ObjectReference::default() };
        let bound: Result<Value, kube::Error> = self
            .0
            .api::<Pod>(&id.namespace)
            .create_subresource("binding", &id.name, &PostParams::default(), &binding)
            .await;
        match bound {
            Ok(_) => {
                let message = format!("Successfully assigned {id} to {NAME}");
                self.0.events.say(pod, COMPONENT, Severity::Normal, "Scheduled", message);
                Ok(None)
            }
            // Gone, or bound already: the watch will tell.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(None),
            Err(error) => Err(Error::Api("bind a pod", error)),
        }
    }

    async fn refuse(&self, pod: &Pod, id: &Id) -> Result<Again, Error> {
        let message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.";
        let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
        if conditions.into_iter().flatten().any(|condition| condition.reason.as_deref() == Some("Unschedulable")) {
            return Ok(None);
        }
        self.0.events.say(pod, COMPONENT, Severity::Warning, "FailedScheduling", message);
        let status = json!({"status": {"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(self.0.stamps.now()),
        }]}});
        self.0
            .api::<Pod>(&id.namespace)
            .patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(status))
            .await
            .map_err(|error| Error::Api("refuse a pod", error))?;
        Ok(None)
    }
}
