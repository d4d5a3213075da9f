//! What the played controllers share: watch caches, work queues and Events.
//!
//! A controller here is a [`queue::Queue`] of names, filled by the [`mirror::Mirror`]s that it listens to, and a function
//! that brings one name to where it should be. It may be called at any time, any number of times.

mod events;
mod mirror;
mod queue;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Api, Client, Resource};
use ports::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use events::{Recorder, Severity};
pub(crate) use mirror::{Mirror, follow};
pub(crate) use queue::{Again, Error, Queue, Reconcile, run};

/// A namespaced name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Id {
    pub(crate) fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The name of an object; of one without a namespace, the namespace is empty.
    pub(crate) fn of(meta: &ObjectMeta) -> Self {
        Self::new(meta.namespace.clone().unwrap_or_default(), meta.name.clone().unwrap_or_default())
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The cluster as the played parts see it: caches to read from, a client to write with, one clock.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The time of metrics, requests and the operator.
    pub(crate) clock: Arc<dyn Clock>,
    /// The time in objects, which is the machine's where real controllers read them; elsewhere it is the same clock.
    pub(crate) stamps: Arc<dyn Clock>,
    pub(crate) events: Recorder,
    pub(crate) daemon_sets: Mirror<DaemonSet>,
    pub(crate) deployments: Mirror<Deployment>,
    pub(crate) replica_sets: Mirror<ReplicaSet>,
    pub(crate) pods: Mirror<Pod>,
    pub(crate) services: Mirror<Service>,
    pub(crate) endpoints: Mirror<Endpoints>,
    pub(crate) slices: Mirror<EndpointSlice>,
}

impl Cluster {
    /// Starts writing Events; the caches stay empty until [`Cluster::follow`].
    pub(crate) fn new(client: Client, clock: Arc<dyn Clock>, stamps: Arc<dyn Clock>, tasks: &Tasks) -> Arc<Self> {
        let events = Recorder::start(client.clone(), Arc::clone(&stamps), tasks);
        Arc::new(Self {
            client,
            clock,
            stamps,
            events,
            daemon_sets: Mirror::default(),
            deployments: Mirror::default(),
            replica_sets: Mirror::default(),
            pods: Mirror::default(),
            services: Mirror::default(),
            endpoints: Mirror::default(),
            slices: Mirror::default(),
        })
    }

    /// Fills the caches, and keeps them current until the tasks are stopped. Listeners must be there before.
    pub(crate) fn follow(self: &Arc<Self>, tasks: &Tasks) {
        let all = |cluster: &Arc<Self>| (Arc::clone(cluster), cluster.client.clone());
        macro_rules! follow {
            ($($mirror:ident)*) => {$({
                let (cluster, client) = all(self);
                tasks.spawn(async move { follow(Api::all(client), &cluster.$mirror).await });
            })*};
        }
        follow!(daemon_sets deployments replica_sets pods services endpoints slices);
    }

    /// The namespace's objects of a kind.
    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// The tasks of a sandbox: all end when it stops, none is left behind.
#[derive(Clone, Default)]
pub(crate) struct Tasks {
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    /// Runs a task until it ends or is stopped, whichever comes first.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tracker.spawn(async move { stop.run_until_cancelled(task).await });
    }

    /// Ends every task at its next wait, and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

/// The owner that controls an object, if it is of this kind.
pub(crate) fn controller<'a>(meta: &'a ObjectMeta, kind: &str) -> Option<&'a OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true) && owner.kind == kind)
}

/// Whether an object is controlled by the owner with this uid.
pub(crate) fn controlled_by(meta: &ObjectMeta, uid: Option<&str>) -> bool {
    let controllers = meta.owner_references.iter().flatten().filter(|owner| owner.controller == Some(true));
    uid.is_some_and(|uid| controllers.into_iter().any(|owner| owner.uid == uid))
}

/// Whether a pod's containers have ended for good.
pub(crate) fn finished(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// What an object says that this owner controls; whoever deletes the owner in the foreground waits for it.
pub(crate) fn owned<K: Resource<DynamicType = ()>>(owner: &K) -> Option<Vec<OwnerReference>> {
    let owner = owner.controller_owner_ref(&())?;
    Some(vec![OwnerReference { block_owner_deletion: Some(true), ..owner }])
}
