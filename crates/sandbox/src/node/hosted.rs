//! A program of this process in a container.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::ResourceExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Node;
use crate::images::Image;
use crate::programs::{Ended, Process};
use crate::wire::bind;

/// A running program. Dropping it ends it at once.
pub(super) struct Hosted {
    addrs: Vec<SocketAddr>,
    stop: CancellationToken,
    program: Shared<BoxFuture<'static, Ended>>,
}

/// The container that a program runs in.
pub(super) struct Place<'a> {
    pub(super) pod: &'a Pod,
    pub(super) container: &'a Container,
    pub(super) ip: IpAddr,
    pub(super) ports: &'a [u16],
}

impl Hosted {
    /// Starts the program of an image, `None` when there is none for it.
    pub(super) async fn start(
        node: &Node,
        place: &Place<'_>,
        image: &Image,
        env: &BTreeMap<String, String>,
    ) -> Option<std::io::Result<Self>> {
        let program = node.programs.of(&image.repository)?;
        let (mut listeners, mut addrs) = (Vec::new(), Vec::new());
        for addr in node.addresses.listen_at(place.ip, place.ports) {
            match bind(addr).await {
                Ok((listener, addr)) => {
                    listeners.push(listener);
                    addrs.push(addr);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        for addr in &addrs {
            node.addresses.open(place.ip, place.ports, *addr);
        }
        let (pod, namespace) = (place.pod.name_any(), place.pod.namespace().unwrap_or_default());
        let stop = CancellationToken::new();
        let container = place.container;
        let process = Process {
            proxy: node.proxy.map(|addr| format!("http://{pod}.{namespace}@{addr}")),
            words: container.command.iter().chain(&container.args).flatten().cloned().collect(),
            tag: image.tag.clone(),
            env: env.clone(),
            client: node.cluster.client.clone(),
            clock: Arc::clone(&node.cluster.clock),
            stop: stop.clone(),
            pod,
            namespace,
            listeners,
        };
        let running = AbortOnDropHandle::new(tokio::spawn(program(process)));
        let program = running.map(|ended| ended.unwrap_or_else(|error| Err(error.to_string())));
        Some(Ok(Self { addrs, stop, program: program.boxed().shared() }))
    }

    /// Resolves when it has ended, with the reason.
    pub(super) fn ended(&self) -> impl Future<Output = Ended> + use<> {
        self.program.clone()
    }

    /// Leads nobody to it any more, and lets it finish.
    pub(super) async fn stop(self, node: &Node, patience: Duration) {
        for addr in &self.addrs {
            node.addresses.close(*addr);
        }
        self.stop.cancel();
        if tokio::time::timeout(patience, self.program).await.is_err() {
            tracing::debug!("a program outlived its container's patience");
        }
    }
}
