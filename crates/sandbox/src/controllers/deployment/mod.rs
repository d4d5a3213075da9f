//! Deployments: rolling updates, scaling, revisions, and the conditions that say how it goes.
//!
//! Start reading at [`plan::plan`].

mod plan;
mod proportional;
mod revision;
mod rolling;
mod status;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Resource, ResourceExt};
use serde_json::json;

use crate::cluster::{Again, Cluster, Error, Id, Queue, Reconcile, Severity, controlled_by, controller, finished};
use plan::{Fit, Plan, plan};

const COMPONENT: &str = "deployment-controller";

/// The Deployments to look at: those that change, and those whose `ReplicaSet`s or pods do.
pub(super) fn listen(cluster: &Arc<Cluster>) -> Arc<Queue> {
    let queue = Arc::new(Queue::default());
    let deployments = Arc::clone(&queue);
    cluster.deployments.on_change(move |deployment| deployments.add(Id::of(deployment.meta())));
    let sets = Arc::clone(&queue);
    cluster.replica_sets.on_change(move |set| sets.extend(owner(set)));
    let pods = Arc::clone(&queue);
    let caches = Arc::downgrade(cluster);
    cluster.pods.on_change(move |pod| pods.extend(caches.upgrade().and_then(|caches| grandowner(&caches, pod))));
    queue
}

fn owner(set: &ReplicaSet) -> Option<Id> {
    let owner = controller(set.meta(), "Deployment")?;
    Some(Id::new(set.namespace()?, &owner.name))
}

fn grandowner(cluster: &Cluster, pod: &Pod) -> Option<Id> {
    let parent = controller(pod.meta(), "ReplicaSet")?;
    owner(&*cluster.replica_sets.get(&Id::new(pod.namespace()?, &parent.name))?)
}

/// Brings Deployments to where they should be.
pub(super) struct Controller(pub(super) Arc<Cluster>);

impl Reconcile for Controller {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let Some(deployment) = self.0.deployments.get(id) else { return Ok(None) };
        if deployment.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let owned: Vec<Arc<ReplicaSet>> = self
            .0
            .replica_sets
            .in_namespace(&id.namespace)
            .into_iter()
            .filter(|set| controlled_by(set.meta(), deployment.metadata.uid.as_deref()))
            .collect();
        let old_pods = self.old_pods(&deployment, &owned);
        let plan = plan(&deployment, owned.iter().map(AsRef::as_ref), old_pods, self.0.clock.now());
        self.carry_out(&deployment, plan).await
    }
}

impl Controller {
    /// Whether pods of other templates are still there, terminating ones included.
    fn old_pods(&self, deployment: &Deployment, owned: &[Arc<ReplicaSet>]) -> bool {
        let current = revision::name(deployment);
        let old: Vec<&str> = owned
            .iter()
            .filter(|set| set.name_any() != current)
            .filter_map(|set| set.metadata.uid.as_deref())
            .collect();
        let pods = self.0.pods.in_namespace(&deployment.namespace().unwrap_or_default());
        pods.iter().filter(|pod| !finished(pod)).any(|pod| old.iter().any(|uid| controlled_by(pod.meta(), Some(uid))))
    }

    async fn carry_out(&self, deployment: &Arc<Deployment>, plan: Plan) -> Result<Again, Error> {
        let namespace = deployment.namespace().unwrap_or_default();
        let sets = self.0.api::<ReplicaSet>(&namespace);
        if let Some(set) = plan.create {
            let created = sets
                .create(&PostParams::default(), &set)
                .await
                .map_err(|error| Error::Api("create a ReplicaSet", error))?;
            let size = created.spec.replicas.unwrap_or(1);
            if 0 < size {
                self.say_scaled(deployment, &created.name_any(), 0, size);
            }
            self.0.replica_sets.learn(created);
        }
        for fit in plan.fit {
            let patch = Patch::Merge(patch(&fit));
            let fitted = sets
                .patch(&fit.name, &PatchParams::default(), &patch)
                .await
                .map_err(|error| Error::Api("scale a ReplicaSet", error))?;
            self.0.replica_sets.learn(fitted);
            if fit.from != fit.to {
                self.say_scaled(deployment, &fit.name, fit.from, fit.to);
            }
        }
        for name in plan.delete {
            sets.delete(&name, &DeleteParams::background())
                .await
                .map_err(|error| Error::Api("delete a ReplicaSet", error))?;
        }
        self.write_status(deployment, plan.revision, &plan.status).await?;
        Ok(plan.again)
    }

    async fn write_status(
        &self,
        deployment: &Arc<Deployment>,
        revision: Option<String>,
        status: &k8s_openapi::api::apps::v1::DeploymentStatus,
    ) -> Result<(), Error> {
        let deployments = self.0.api::<Deployment>(&deployment.namespace().unwrap_or_default());
        let name = deployment.name_any();
        if revision.is_none() && deployment.status.as_ref() == Some(status) {
            return Ok(());
        }
        // Replaced rather than merged, so that counts which went to zero leave; the version is the latest one known, the
        // generation that was looked at stands in the status itself.
        let latest = self.0.deployments.get(&Id::of(deployment.meta())).unwrap_or_else(|| Arc::clone(deployment));
        let mut changed = Deployment { status: Some(status.clone()), ..(*latest).clone() };
        // With the status, so that it is no new generation.
        let revision = revision.map(|revision| (revision::REVISION.to_owned(), revision));
        changed.annotations_mut().extend(revision);
        let written = deployments
            .replace_status(&name, &PostParams::default(), &changed)
            .await
            .map_err(|error| Error::Api("write a Deployment's status", error))?;
        self.0.deployments.learn(written);
        Ok(())
    }

    fn say_scaled(&self, deployment: &Deployment, set: &str, from: i32, to: i32) {
        let direction = if from < to { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {set} from {from} to {to}");
        self.0.events.say(deployment, COMPONENT, Severity::Normal, "ScalingReplicaSet", message);
    }
}

fn patch(fit: &Fit) -> serde_json::Value {
    json!({
        "metadata": {"resourceVersion": fit.version, "annotations": fit.annotations},
        "spec": {"replicas": fit.to, "minReadySeconds": fit.min_ready_secs},
    })
}
