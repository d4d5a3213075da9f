//! One pod's life: an address, its containers, its status, and an orderly end.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::container;
use super::status::{Facts, Place, status};
use super::{COMPONENT, Node};
use crate::cluster::{Error, Id, Severity};

/// Where a pod really listens, for people who want to talk to it without the gateway.
const LISTEN: &str = "sandbox.flagger.app/listen";
/// How long a leaving pod goes on serving, so that everybody hears that it leaves: of the cluster's time, …
const DRAIN: Duration = Duration::from_secs(2);
/// … and at least of real time, because the news itself travels at the machine's speed.
const DRAIN_REAL: Duration = Duration::from_millis(300);
/// How long requests in flight may take to finish at least, in real time.
const FINISH_REAL: Duration = Duration::from_secs(1);
/// How long to wait before a status that could not be written is written again, in real time.
const RETRY: Duration = Duration::from_millis(50);
/// News of containers that wait to be reported.
const NEWS: usize = 16;

/// What the agent wants of a pod's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Go on.
    Live,
    /// Leave the endpoints, finish what is in flight, and go, within the grace period.
    Leave { grace: Duration },
    /// The pod is gone from the API: stop at once.
    Vanish,
}

/// Runs a pod until it has left.
pub(super) async fn live(node: Arc<Node>, pod: Arc<Pod>, mut orders: watch::Receiver<Order>) {
    let Some(ip) = node.addresses.lease() else {
        node.cluster.events.say(&*pod, COMPONENT, Severity::Warning, "FailedCreatePodSandBox", "no address is free");
        return;
    };
    let (stop, containers) = (CancellationToken::new(), TaskTracker::new());
    let (tell, news) = mpsc::channel(NEWS);
    let count = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    for at in 0..count {
        let runner = container::Runner::new(Arc::clone(&node), Arc::clone(&pod), at, ip, tell.clone());
        node.tasks.spawn(containers.track_future(runner.run(stop.clone())));
    }
    containers.close();
    drop(tell);

    let reporter = Reporter {
        node: &node,
        pod: &pod,
        ip,
        said: pod.status.clone().unwrap_or_default(),
        listeners: BTreeSet::new(),
    };
    let (order, began) = tokio::select! {
        order = until_it_leaves(&node, &pod, &mut orders) => order,
        never = reporter.report(news, vec![Facts::default(); count]) => match never {},
    };
    stop.cancel();
    if order != Order::Vanish {
        let grace = match order {
            Order::Leave { grace } => node.clock().real(grace).saturating_sub(began.elapsed()).max(FINISH_REAL),
            Order::Live | Order::Vanish => FINISH_REAL,
        };
        if tokio::time::timeout(grace, containers.wait()).await.is_err() {
            tracing::debug!(pod = %pod.name_any(), "requests in flight outlived the grace period");
        }
        remove(&node, &pod).await;
    }
    node.addresses.release(ip);
    node.logs.forget(&Id::of(pod.meta()));
}

/// Waits for the pod's last order; one that leaves in order has then been left alone by all its clients.
async fn until_it_leaves(node: &Node, pod: &Pod, orders: &mut watch::Receiver<Order>) -> (Order, tokio::time::Instant) {
    let order = orders.wait_for(|order| *order != Order::Live).await.map_or(Order::Vanish, |order| *order);
    let began = tokio::time::Instant::now();
    let Order::Leave { grace } = order else { return (order, began) };
    for container in pod.spec.iter().flat_map(|spec| &spec.containers) {
        let message = format!("Stopping container {}", container.name);
        node.cluster.events.say(pod, COMPONENT, Severity::Normal, "Killing", message);
    }
    let drain = if grace.is_zero() { Duration::ZERO } else { node.clock().real(DRAIN.min(grace)).max(DRAIN_REAL) };
    tokio::select! {
        () = tokio::time::sleep(drain) => (order, began),
        _ = orders.wait_for(|order| *order == Order::Vanish) => (Order::Vanish, began),
    }
}

/// Takes the pod out of the API, however often that has to be tried.
async fn remove(node: &Node, pod: &Pod) {
    while let Err(error) = node.remove(pod).await {
        tracing::debug!(error = &error as &dyn std::error::Error, "a pod's removal is tried again");
        tokio::time::sleep(RETRY).await;
    }
}

/// Writes what containers tell into the pod's status.
struct Reporter<'a> {
    node: &'a Node,
    pod: &'a Pod,
    ip: IpAddr,
    said: PodStatus,
    listeners: BTreeSet<SocketAddr>,
}

impl Reporter<'_> {
    /// Reports for ever: the first status at once, then one for each piece of news.
    async fn report(
        mut self,
        mut news: mpsc::Receiver<(usize, Facts)>,
        mut facts: Vec<Facts>,
    ) -> std::convert::Infallible {
        loop {
            let written = self.write(&facts).await;
            let retry = written.is_err();
            if let Err(error) = written {
                tracing::debug!(error = &error as &dyn std::error::Error, "a pod's status is written again");
            }
            tokio::select! {
                Some((at, told)) = news.recv() => {
                    facts.get_mut(at).into_iter().for_each(|facts| *facts = told.clone());
                }
                () = tokio::time::sleep(RETRY), if retry => {}
                else => std::future::pending().await,
            }
        }
    }

    async fn write(&mut self, facts: &[Facts]) -> Result<(), Error> {
        let place = Place { pod: self.ip, host: self.node.addresses.host() };
        let status = status(self.pod, &self.said, place, facts, self.node.clock().now());
        if status == self.said {
            return Ok(());
        }
        let name = self.pod.name_any();
        let api = self.node.cluster.api::<Pod>(&self.pod.namespace().unwrap_or_default());
        let listeners = self.node.addresses.listeners(self.ip);
        if listeners != self.listeners {
            let listen: Vec<String> = listeners.iter().map(ToString::to_string).collect();
            let patch = Patch::Merge(json!({"metadata": {"annotations": {LISTEN: listen.join(",")}}}));
            api.patch(&name, &PatchParams::default(), &patch)
                .await
                .map_err(|error| Error::Api("annotate a pod", error))?;
            self.listeners = listeners;
        }
        let patch = Patch::Merge(json!({"metadata": {"uid": self.pod.meta().uid}, "status": status}));
        let written = api
            .patch_status(&name, &PatchParams::default(), &patch)
            .await
            .map_err(|error| Error::Api("write a pod's status", error))?;
        self.node.cluster.pods.learn(written);
        self.said = status;
        Ok(())
    }
}
