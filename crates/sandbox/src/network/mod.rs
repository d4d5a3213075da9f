//! The network for Services in a network namespace of the sandbox's own: each cluster address leads to a ready endpoint, each
//! name of a Service to its address.
//!
//! The ranges of pods and Services have to be local to the namespace already ([`POD_RANGE`](crate::POD_RANGE)). Who made the
//! EndpointSlices does not matter; on a real control plane they are Kubernetes' own.

mod dns;
mod proxy;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;

use crate::cluster::{Cluster, Tasks};
pub use dns::resolv_conf;

/// Starts both. They listen to the caches, so this comes before the caches fill.
pub(crate) async fn start(cluster: &Arc<Cluster>, dns: Ipv4Addr, seed: u64, tasks: &Tasks) -> io::Result<()> {
    proxy::start(cluster, seed, tasks);
    dns::start(cluster, dns, tasks).await
}

/// The address of a Service that has one of its own.
fn address(service: &Service) -> Option<IpAddr> {
    service.spec.as_ref()?.cluster_ip.as_ref()?.parse().ok()
}
