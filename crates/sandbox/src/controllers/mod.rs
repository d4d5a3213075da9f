//! The controllers that turn what was applied into pods and endpoints, as kube-controller-manager does.
//!
//! Each is a pure function from objects to changes, and a thin shell around it that reads the caches and writes.

mod daemonset;
mod deployment;
mod endpoints;
mod pods;
mod replicaset;

use std::sync::Arc;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use sha2::{Digest, Sha256};

use crate::cluster::{Cluster, Queue, Tasks, run};

/// Starts all of them. They listen to the caches, so this comes before the caches fill.
pub(crate) fn start(cluster: &Arc<Cluster>, tasks: &Tasks) {
    let queue = deployment::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), deployment::Controller(Arc::clone(cluster))));
    let queue = daemonset::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), daemonset::Controller(Arc::clone(cluster))));
    let queue = replicaset::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), replicaset::Controller(Arc::clone(cluster))));
    let queue: Arc<Queue> = endpoints::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), endpoints::Controller(Arc::clone(cluster))));
}

/// A short word for a pod template, in Kubernetes' vowel-free alphabet; other than the original's, but as stable.
fn template_hash(template: &PodTemplateSpec) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    const LENGTH: usize = 10;
    let text = serde_json::to_string(template).unwrap_or_default();
    let digest = Sha256::digest(text);
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
    digest.iter().take(LENGTH).map(letter).collect()
}
