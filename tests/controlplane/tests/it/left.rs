//! What Flagger (Go) left in a cluster, put into another one as it was.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::manifests::{PROGRESS_DEADLINE_SECS, api, applied, apply};
use crate::stage::Stage;
use crate::waiting::until;

/// Kinds whose controllers write into them, whatever the operator does.
const CONTROLLED: [&str; 2] = ["Deployment", "HorizontalPodAutoscaler"];

/// A canary and all that is around it.
pub(crate) struct Left {
    pub(crate) name: String,
    /// The status as it was.
    pub(crate) status: Value,
    /// Everything but the canary.
    objects: Vec<DynamicObject>,
}

/// Loads a recording as it is.
pub(crate) async fn as_recorded(stage: &Stage, recording: &str) -> Left {
    let list: Value = serde_json::from_str(recording).unwrap();
    load(stage, list["items"].as_array().unwrap().clone()).await
}

/// Loads a recording as if this had been its provider, without the routes.
pub(crate) async fn behind(stage: &Stage, provider: &str, recording: &str) -> Left {
    let mut items = without_routes(recording);
    canary_of(&mut items)["spec"]["provider"] = json!(provider);
    load(stage, items).await
}

/// Loads a recording as if the Gateway API had been its provider, with this share of the traffic on the canary.
pub(crate) async fn behind_a_gateway(stage: &Stage, recording: &str, weight: i64) -> Left {
    let mut items = without_routes(recording);
    let canary = canary_of(&mut items);
    let name = canary["metadata"]["name"].as_str().unwrap().to_owned();
    canary["spec"]["provider"] = json!("gatewayapi:v1");
    let service = canary["spec"]["service"].as_object_mut().unwrap();
    service.retain(|field, _| !["gateways", "retries", "trafficPolicy"].contains(&field.as_str()));
    service.insert("gatewayRefs".to_owned(), json!([gateway()]));
    items.push(route(&name, weight));
    load(stage, items).await
}

/// What was recorded, but for Istio's objects.
fn without_routes(recording: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(recording).unwrap();
    let mut items = list["items"].as_array().unwrap().clone();
    items.retain(|item| item["apiVersion"] != "networking.istio.io/v1");
    items
}

fn canary_of(items: &mut [Value]) -> &mut Value {
    items.iter_mut().find(|item| item["kind"] == "Canary").unwrap()
}

fn gateway() -> Value {
    json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public", "namespace": "infra"})
}

/// A route as Flagger writes it.
fn route(name: &str, weight: i64) -> Value {
    let backend = |side: &str, weight: i64| json!({"group": "", "kind": "Service", "name": format!("{name}-{side}"), "port": 80, "weight": weight});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": name,
            "annotations": {
                "helm.toolkit.fluxcd.io/driftDetection": "disabled",
                "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
            },
            "ownerReferences": [{
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": name, "uid": "",
                "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {
            "hostnames": [format!("{name}.example.com")],
            "parentRefs": [gateway()],
            "rules": [{
                "backendRefs": [backend("primary", 100 - weight), backend("canary", weight)],
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            }],
        },
    })
}

/// Creates the objects, those that own others first, and waits until their pods are ready.
async fn load(stage: &Stage, items: Vec<Value>) -> Left {
    apply(&stage.client, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stage.namespace}}))
        .await;
    let (mut canary, others): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item["kind"] == "Canary");
    canary[0]["spec"]["progressDeadlineSeconds"] = json!(PROGRESS_DEADLINE_SECS);
    let status = canary[0]["status"].clone();
    let created = applied(&stage.client, &anew(stage.namespace, canary[0].clone(), "")).await;
    let (name, uid) = (created.name_any(), created.uid().unwrap());
    let patch = Patch::Merge(json!({"status": status}));
    api(&stage.client, &created).await.patch_status(&name, &PatchParams::default(), &patch).await.unwrap();
    let mut objects = Vec::new();
    for item in others {
        objects.push(applied(&stage.client, &anew(stage.namespace, item, &uid)).await);
    }
    for side in [name.clone(), format!("{name}-primary")] {
        until(Api::namespaced(stage.client.clone(), stage.namespace), &side, is_complete).await;
    }
    Left { name, status, objects }
}

/// The object as it can be created: without what a server gives, and owned by this canary.
pub(crate) fn anew(namespace: &str, mut object: Value, owner: &str) -> Value {
    object.as_object_mut().unwrap().remove("status");
    if object["kind"] == "Service" {
        object["spec"].as_object_mut().unwrap().retain(|field, _| !field.starts_with("clusterIP"));
    }
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata
        .retain(|field, _| !["creationTimestamp", "generation", "resourceVersion", "uid"].contains(&field.as_str()));
    metadata.insert("namespace".to_owned(), json!(namespace));
    for reference in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        reference["uid"] = json!(owner);
    }
    object
}

fn is_complete(deployment: Option<&Deployment>) -> bool {
    let Some(Deployment { spec, status: Some(status), metadata }) = deployment else { return false };
    let available = status.available_replicas.unwrap_or_default();
    status.observed_generation == metadata.generation && spec.replicas == Some(available)
}

impl Left {
    /// What of the objects changes when somebody writes them, by kind and name.
    pub(crate) async fn written(&self, stage: &Stage) -> BTreeMap<String, Value> {
        let mut written = BTreeMap::new();
        for object in &self.objects {
            let live = api(&stage.client, object).await.get(&object.name_any()).await.unwrap();
            let kind = &object.types.as_ref().unwrap().kind;
            let mark = if CONTROLLED.contains(&kind.as_str()) {
                json!([live.data["spec"], live.labels(), live.annotations(), live.owner_references()])
            } else {
                json!(live.resource_version())
            };
            written.insert(format!("{kind}/{}", object.name_any()), mark);
        }
        written
    }
}
