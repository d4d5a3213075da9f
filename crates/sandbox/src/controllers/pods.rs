//! What the owners of pods share: who listens, and how a pod is made of a template, told of, and taken away.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::api::{DeleteParams, PostParams};
use kube::{Resource, ResourceExt};

use crate::cluster::{Cluster, Error, Id, Mirror, Queue, Severity, controller, finished, owned};

/// The owners of a kind to look at: those that change, and those whose pods do.
pub(super) fn listen<K>(cluster: &Cluster, owners: &Mirror<K>) -> Arc<Queue>
where
    K: Resource<DynamicType = ()>,
{
    let queue = Arc::new(Queue::default());
    let changed = Arc::clone(&queue);
    owners.on_change(move |owner| changed.add(Id::of(owner.meta())));
    let pods = Arc::clone(&queue);
    cluster.pods.on_change(move |pod| {
        let owner = controller(pod.meta(), &K::kind(&()));
        pods.extend(owner.map(|owner| Id::new(pod.namespace().unwrap_or_default(), &owner.name)));
    });
    queue
}

/// Whether a pod has neither ended nor begun to leave.
pub(super) fn is_active(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !finished(pod)
}

/// A pod of the template, which has yet to get its name.
pub(super) fn made_of<K: Resource<DynamicType = ()>>(template: PodTemplateSpec, owner: &K) -> Pod {
    let mut pod = Pod { metadata: template.metadata.unwrap_or_default(), spec: template.spec, status: None };
    pod.metadata.name = None;
    pod.metadata.generate_name = Some(format!("{}-", owner.name_any()));
    pod.metadata.namespace = owner.namespace();
    pod.metadata.owner_references = owned(owner);
    pod
}

/// Whoever makes and takes away the pods of one owner, and tells of it as this component.
pub(super) struct Keeper<'a, K> {
    pub(super) cluster: &'a Cluster,
    pub(super) component: &'static str,
    pub(super) owner: &'a K,
}

impl<K> Keeper<'_, K>
where
    K: Resource<DynamicType = ()> + Debug,
{
    /// Makes a pod.
    pub(super) async fn create(&self, pod: &Pod) -> Result<(), Error> {
        let created = self.cluster.api::<Pod>(&self.namespace()).create(&PostParams::default(), pod).await;
        let created = created.map_err(|error| {
            self.say(Severity::Warning, "FailedCreate", format!("Error creating: {error}"));
            Error::Api("create a pod", error)
        })?;
        self.say(Severity::Normal, "SuccessfulCreate", format!("Created pod: {}", created.name_any()));
        self.cluster.pods.learn(created);
        Ok(())
    }

    /// Takes a pod away, unless it is gone.
    pub(super) async fn delete(&self, name: String) -> Result<(), Error> {
        match self.cluster.api::<Pod>(&self.namespace()).delete(&name, &DeleteParams::default()).await {
            Ok(gone) => {
                gone.left().into_iter().for_each(|pod| self.cluster.pods.learn(pod));
                self.say(Severity::Normal, "SuccessfulDelete", format!("Deleted pod: {name}"));
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.code == 404 => {
                self.cluster.pods.forget(&Id::new(self.namespace(), name));
                Ok(())
            }
            Err(error) => Err(Error::Api("delete a pod", error)),
        }
    }

    fn namespace(&self) -> String {
        self.owner.namespace().unwrap_or_default()
    }

    fn say(&self, severity: Severity, reason: &'static str, message: String) {
        self.cluster.events.say(self.owner, self.component, severity, reason, message);
    }
}
