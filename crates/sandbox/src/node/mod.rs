//! The node agent, on any API server: binds each pod to its node, runs it as a real HTTP server and reports how it is.
//!
//! Where it listens is the pod network's matter ([`Network`]): on loopback behind played addresses, or on the pod's own
//! address in a network namespace. In the latter the API server can also ask it for logs ([`kubelet`]).
//!
//! One task owns one pod ([`pod`]), one task inside it owns one container ([`container`]). The agent itself only sees to it
//! that the right pods have a task, and tells the tasks when their pod is to leave.
//!
//! It deliberately runs no user code: every container is the same small application ([`crate::podinfo`]), or a program that
//! whoever started the sandbox brought for its image ([`hosted`]). Init containers
//! are taken as done, liveness and startup probes as passing, volumes as mounted.

mod addresses;
mod container;
mod env;
mod hosted;
mod kubelet;
mod logs;
mod pod;
mod probe;
mod schedule;
pub(crate) mod status;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node as NodeObject, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;
use tokio::sync::watch;

use crate::cluster::{Again, Cluster, Error, Id, Queue, Reconcile, Tasks, run};
use crate::programs::Programs;
use crate::wire::Pool;
pub use addresses::POD_RANGE;
pub(crate) use addresses::{Addresses, Network};
pub use kubelet::BadPair;
pub(crate) use kubelet::Kubelet;
pub(crate) use logs::{Log, Logs};
use pod::Order;

/// The name of the only node.
pub(crate) const NAME: &str = "sandbox";
/// Who says what happens to pods.
const COMPONENT: &str = "kubelet";
/// How often the node says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(300);

/// What all pods of the node share.
pub(crate) struct Node {
    cluster: Arc<Cluster>,
    addresses: Addresses,
    probes: Pool,
    tasks: Tasks,
    seeds: AtomicU64,
    logs: Logs,
    programs: Programs,
    proxy: Option<SocketAddr>,
}

/// What is around the node.
pub(crate) struct Surroundings {
    /// Where the API server finds the agent on the node's address, if it answers at all.
    pub(crate) kubelet_port: Option<u16>,
    /// The HTTP proxy that leads to cluster names, where nothing else does.
    pub(crate) proxy: Option<SocketAddr>,
    /// What containers of some images run.
    pub(crate) programs: Programs,
}

/// The pods that have a task.
#[derive(Default)]
struct Running(Mutex<HashMap<Id, Run>>);

struct Run {
    uid: Option<String>,
    orders: watch::Sender<Order>,
}

/// Starts the agent and the scheduler. They listen to the caches, so this comes before the caches fill.
pub(crate) fn start(
    cluster: &Arc<Cluster>,
    addresses: Addresses,
    logs: Logs,
    seed: u64,
    around: Surroundings,
    tasks: &Tasks,
) {
    let host = addresses.host();
    let node = Arc::new(Node {
        cluster: Arc::clone(cluster),
        addresses,
        probes: Pool::default(),
        tasks: tasks.clone(),
        seeds: AtomicU64::new(seed),
        logs,
        programs: around.programs,
        proxy: around.proxy,
    });
    let queue = Arc::new(Queue::default());
    let pods = Arc::clone(&queue);
    cluster.pods.on_change(move |pod| pods.add(Id::of(pod.meta())));
    tasks.spawn(run(queue, Arc::clone(&cluster.stamps), Agent { node, running: Running::default() }));
    tasks.spawn(be_there(Arc::clone(cluster), host, around.kubelet_port));
    schedule::start(cluster, tasks);
}

impl Node {
    /// A seed for one more container's dice.
    fn seed(&self) -> u64 {
        self.seeds.fetch_add(1, Ordering::Relaxed)
    }

    fn clock(&self) -> &dyn ports::Clock {
        &*self.cluster.stamps
    }

    /// Takes a pod that has ended, or never began, out of the API.
    async fn remove(&self, pod: &Pod) -> Result<(), Error> {
        let id = Id::of(pod.meta());
        let preconditions = Preconditions { uid: pod.metadata.uid.clone(), resource_version: None };
        let at_once = DeleteParams::default().grace_period(0).preconditions(preconditions);
        match self.cluster.api::<Pod>(&id.namespace).delete(&id.name, &at_once).await {
            // Gone already, or another pod has the name by now.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(Error::Api("remove a pod", error)),
            Ok(_) => Ok(()),
        }
    }
}

/// Sees to it that the pods of this node have a task each.
struct Agent {
    node: Arc<Node>,
    running: Running,
}

impl Reconcile for Agent {
    async fn reconcile(&self, id: &Id) -> Result<Again, Error> {
        let Some(pod) = self.node.cluster.pods.get(id) else {
            self.running.order(id, None, Order::Vanish);
            return Ok(None);
        };
        let ours = pod.spec.as_ref().is_some_and(|spec| spec.node_name.as_deref() == Some(NAME));
        let unbound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none());
        let leaving = pod.metadata.deletion_timestamp.is_some();
        let uid = pod.metadata.uid.as_deref();
        if leaving && (ours || unbound) {
            let grace = u64::try_from(pod.metadata.deletion_grace_period_seconds.unwrap_or(0)).unwrap_or(0);
            if !self.running.order(id, uid, Order::Leave { grace: Duration::from_secs(grace) }) {
                self.node.remove(&pod).await?;
            }
        } else if ours && !self.running.has(id, uid) {
            self.running.order(id, None, Order::Vanish);
            self.begin(id.clone(), &pod);
        }
        Ok(None)
    }
}

impl Agent {
    fn begin(&self, id: Id, pod: &Arc<Pod>) {
        let (orders, heard) = watch::channel(Order::Live);
        self.running.insert(id, Run { uid: pod.metadata.uid.clone(), orders });
        self.node.tasks.spawn(pod::live(Arc::clone(&self.node), Arc::clone(pod), heard));
    }
}

impl Running {
    fn insert(&self, id: Id, run: Run) {
        self.with(|running| running.insert(id, run));
    }

    /// Whether this very pod has a task, be it one that has finished its work.
    fn has(&self, id: &Id, uid: Option<&str>) -> bool {
        self.with(|running| running.get(id).is_some_and(|run| run.uid.as_deref() == uid))
    }

    /// Tells a pod's task what to do; false when it has none that listens. Without a uid, whichever pod has the name, and
    /// its task is forgotten.
    fn order(&self, id: &Id, uid: Option<&str>, order: Order) -> bool {
        self.with(|running| match uid {
            None => running.remove(id).is_some_and(|run| run.orders.send(order).is_ok()),
            Some(_) => running.get(id).is_some_and(|run| run.uid.as_deref() == uid && run.orders.send(order).is_ok()),
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Id, Run>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Keeps the Node object in the API, ready.
async fn be_there(cluster: Arc<Cluster>, host: IpAddr, kubelet_port: Option<u16>) {
    let since = cluster.stamps.now();
    loop {
        let stretch = match report(&cluster, host, kubelet_port, since).await {
            Ok(()) => HEARTBEAT,
            Err(error) => {
                tracing::debug!(%error, "failed to report the node");
                Duration::from_secs(1)
            }
        };
        crate::clock::sleep(&*cluster.stamps, stretch).await;
    }
}

async fn report(
    cluster: &Cluster,
    host: IpAddr,
    kubelet_port: Option<u16>,
    since: Timestamp,
) -> Result<(), kube::Error> {
    let api: Api<NodeObject> = Api::all(cluster.client.clone());
    if api.get_opt(NAME).await?.is_none() {
        let mut node = NodeObject::default();
        node.metadata.name = Some(NAME.to_owned());
        let labels = [("kubernetes.io/hostname", NAME), ("kubernetes.io/os", "linux"), ("kubernetes.io/arch", "amd64")];
        node.metadata.labels = Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        api.create(&PostParams::default(), &node).await?;
    }
    // Admission taints a node that is new, and nobody else is there to take that off: with it a DaemonSet wants no pod.
    api.patch(NAME, &PatchParams::default(), &Patch::Merge(json!({"spec": {"taints": null}}))).await?;
    let now = cluster.stamps.now();
    let resources = json!({"cpu": "8", "memory": "16Gi", "pods": "10000"});
    let kubelet = kubelet_port.map(|port| json!({"kubeletEndpoint": {"Port": port}}));
    let status = json!({"status": {
        "daemonEndpoints": kubelet,
        "addresses": [{"type": "InternalIP", "address": host}, {"type": "Hostname", "address": NAME}],
        "capacity": resources,
        "allocatable": resources,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the sandbox is posting ready status",
            "lastHeartbeatTime": Time(now), "lastTransitionTime": Time(since)}],
        "nodeInfo": {"kubeletVersion": "v1.36.0-sandbox", "kubeProxyVersion": "", "osImage": "Flagger sandbox",
            "containerRuntimeVersion": "sandbox://1", "kernelVersion": "", "machineID": "", "systemUUID": "", "bootID": "",
            "operatingSystem": "linux", "architecture": "amd64"},
    }});
    api.patch_status(NAME, &PatchParams::default(), &Patch::Merge(status)).await.map(drop)
}
