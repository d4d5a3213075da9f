//! Which images a canary has: those of its workload's pods.

use std::collections::BTreeSet;
use std::time::Duration;

use ::api::Canary;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use process::cause;
use serde_json::Value;
use tokio::time::timeout;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Which of a canary's two workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Canary,
    Primary,
}

/// The images of this side, init containers included.
pub(super) async fn of(client: &Client, namespace: &str, canary: &str, side: Side) -> Result<Vec<String>, String> {
    let canaries: Api<Canary> = Api::namespaced(client.clone(), namespace);
    let target = within(&format!("canary {canary}.{namespace}"), canaries.get(canary)).await?.spec.target_ref;
    let resource = match target.kind.as_str() {
        "Deployment" => {
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", "Deployment"), "deployments")
        }
        "DaemonSet" => {
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("apps", "v1", "DaemonSet"), "daemonsets")
        }
        kind => return Err(format!("images of a {kind} are not known: name them as image in the webhook's metadata")),
    };
    let name = match side {
        Side::Canary => target.name,
        Side::Primary => format!("{}-primary", target.name),
    };
    let workloads: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let workload = within(&format!("{} {name}.{namespace}", resource.kind), workloads.get(&name)).await?;
    Ok(images(&workload.data))
}

fn images(workload: &Value) -> Vec<String> {
    let pod = &workload["spec"]["template"]["spec"];
    let containers = ["initContainers", "containers"].into_iter().filter_map(|list| pod[list].as_array()).flatten();
    let images: BTreeSet<String> =
        containers.filter_map(|container| container["image"].as_str()).map(str::to_owned).collect();
    images.into_iter().collect()
}

async fn within<T>(what: &str, request: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(got) => got.map_err(|error| format!("failed to read the {what}: {}", cause::chain(&error))),
        Err(_) => Err(format!("failed to read the {what}: no answer in time")),
    }
}
