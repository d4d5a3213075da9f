//! A machine that is played: pods are bound to it, run at once, and are ready.
//!
//! *Objects.* Reads and writes Pods, `bindings`, the pods' `status`, and its own Node.
//! *Quirk.* Pods get addresses that nobody listens on: Endpoints refuse those of loopback.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node as Machine, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// The pause before it starts over when the API server is in trouble.
const PAUSE: Duration = Duration::from_millis(200);

/// Runs pods while it is held.
#[derive(Debug)]
pub struct Node {
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// Registers a machine of this name, and from now on runs the pods of one namespace on it, or all of them. It needs an
    /// admin's client.
    pub async fn join(client: Client, name: &str, namespace: Option<&str>) -> Result<Self, kube::Error> {
        register(&client, name).await?;
        let (name, namespace) = (name.to_owned(), namespace.map(str::to_owned));
        let agent = Agent { client, name, namespace, addresses: AtomicU16::new(1) };
        Ok(Self { task: tokio::spawn(async move { agent.run().await }) })
    }
}

async fn register(client: &Client, name: &str) -> Result<(), kube::Error> {
    let machines: Api<Machine> = Api::all(client.clone());
    let machine = Machine {
        metadata: kube::core::ObjectMeta { name: Some(name.to_owned()), ..Default::default() },
        ..Default::default()
    };
    machines.create(&PostParams::default(), &machine).await?;
    // Admission taints what is new, and nobody else is there to take that off: without it a DaemonSet wants no pod.
    machines.patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": {"taints": null}}))).await?;
    let resources = json!({"cpu": "64", "memory": "256Gi", "pods": "10000"});
    let status = json!({"status": {
        "allocatable": resources,
        "capacity": resources,
        "conditions": [{"type": "Ready", "status": "True", "reason": "Played", "lastHeartbeatTime": Timestamp::now(),
                        "lastTransitionTime": Timestamp::now()}],
    }});
    machines.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

struct Agent {
    client: Client,
    name: String,
    /// The only one whose pods it runs.
    namespace: Option<String>,
    /// How many addresses are given.
    addresses: AtomicU16,
}

impl Agent {
    async fn run(&self) {
        let pods: Api<Pod> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        loop {
            let mut pods = std::pin::pin!(watcher(pods.clone(), watcher::Config::default()).applied_objects());
            while let Some(Ok(pod)) = pods.next().await {
                if self.tend(&pod).await.is_err() {
                    break;
                }
            }
            // Starting over brings every pod again, so that none is forgotten.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Does the next thing that the pod needs; the change that it makes brings the pod here again.
    async fn tend(&self, pod: &Pod) -> Result<(), kube::Error> {
        let (pods, name) = (self.pods(pod), pod.name_any());
        let bound_to = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let done = match (bound_to, phase) {
            (Some(node), _) if node != self.name => Ok(()),
            _ if pod.metadata.deletion_timestamp.is_some() => {
                pods.delete(&name, &DeleteParams::default().grace_period(0)).await.map(drop)
            }
            (None, _) => self.bind(pod).await,
            (Some(_), Some("Running")) => Ok(()),
            (Some(_), _) => {
                pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(self.running(pod))).await.map(drop)
            }
        };
        match done {
            // It went, or moved on, in the meantime.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            done => done,
        }
    }

    async fn bind(&self, pod: &Pod) -> Result<(), kube::Error> {
        let name = pod.name_any();
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": self.name},
        });
        // What comes back is a Status.
        let _: Value = self.pods(pod).create_subresource("binding", &name, &PostParams::default(), &binding).await?;
        Ok(())
    }

    /// The status of a pod whose containers run and are ready.
    fn running(&self, pod: &Pod) -> Value {
        let now = Timestamp::now();
        let [high, low] = self.addresses.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let address = format!("10.64.{high}.{low}");
        let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
            .map(|condition| json!({"type": condition, "status": "True", "lastTransitionTime": now}));
        let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| {
            json!({
                "name": container.name,
                "image": container.image,
                "imageID": "played",
                "containerID": "played://1",
                "ready": true,
                "started": true,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            })
        });
        json!({"status": {
            "phase": "Running",
            "startTime": now,
            "hostIP": "10.64.255.255",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": conditions,
            "containerStatuses": containers.collect::<Vec<_>>(),
        }})
    }

    fn pods(&self, pod: &Pod) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &pod.namespace().unwrap_or_default())
    }
}
