//! The controllers that turn what was applied into pods and endpoints, as kube-controller-manager does.
//!
//! Each is a pure function from objects to changes, and a thin shell around it that reads the caches and writes.

mod deployment;
mod endpoints;
mod replicaset;

use std::sync::Arc;

use crate::cluster::{Cluster, Queue, Tasks, run};

/// Starts all of them. They listen to the caches, so this comes before the caches fill.
pub(crate) fn start(cluster: &Arc<Cluster>, tasks: &Tasks) {
    let queue = deployment::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), deployment::Controller(Arc::clone(cluster))));
    let queue = replicaset::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), replicaset::Controller(Arc::clone(cluster))));
    let queue: Arc<Queue> = endpoints::listen(cluster);
    tasks.spawn(run(queue, Arc::clone(&cluster.clock), endpoints::Controller(Arc::clone(cluster))));
}
