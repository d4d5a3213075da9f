//! What is applied, as an admin does it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, oneshot};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const FLAGGER: &str = include_str!("../../../../charts/flagger/crds/crd.yaml");
const GATEWAY: &str = include_str!("../../../../crates/sandbox/crds/gateway.networking.k8s.io.yaml");

/// The rules that we ship.
const RBAC: &str = include_str!("../../../../charts/flagger/rbac.yaml");

pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// Our kinds and those of the Gateway API.
pub(crate) async fn install_kinds(client: &Client) {
    // One test at a time: the first does it for all.
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in documents(FLAGGER).into_iter().chain(documents(GATEWAY)) {
        apply(client, &definition).await;
        let name = definition["metadata"]["name"].as_str().unwrap();
        await_condition(definitions.clone(), name, conditions::is_crd_established()).await.unwrap();
    }
}

/// Somebody else's kind with nothing checked: what is allowed in it is their business.
pub(crate) async fn install_kind(client: &Client, group: &str, version: &str, kind: &str) {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let name = format!("{plural}.{group}");
    let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": singular},
            "versions": [{
                "name": version, "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    });
    apply(client, &definition).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    await_condition(definitions, &name, conditions::is_crd_established()).await.unwrap();
}

/// The rules that we ship, under another name, perhaps with one verb on one resource missing.
pub(crate) fn rules(name: &str, without: Option<(&str, &str)>) -> Vec<Value> {
    let mut documents = documents(RBAC);
    for document in &mut documents {
        if document["kind"] == "ClusterRole" {
            for rule in document["rules"].as_array_mut().unwrap() {
                withdraw(rule, without);
            }
        }
        for pointer in ["/metadata/name", "/roleRef/name", "/subjects/0/name"] {
            if let Some(found) = document.pointer_mut(pointer).filter(|found| *found == "flagger") {
                *found = name.into();
            }
        }
    }
    documents
}

fn withdraw(rule: &mut Value, without: Option<(&str, &str)>) {
    let Some((verb, resource)) = without else { return };
    if rule["resources"].as_array().unwrap().iter().any(|named| named == resource) {
        rule["verbs"].as_array_mut().unwrap().retain(|allowed| allowed != verb);
    }
}

/// Server-side apply, in which unknown fields are an error.
pub(crate) async fn apply(client: &Client, object: &Value) {
    applied(client, object).await;
}

/// What there is once the object is applied.
pub(crate) async fn applied(client: &Client, object: &Value) -> DynamicObject {
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let params = PatchParams::apply("test").force().validation_strict();
    api(client, &object).await.patch(&object.name_any(), &params, &Patch::Apply(&object)).await.unwrap()
}

/// Where objects of this one's kind and namespace are.
pub(crate) async fn api(client: &Client, object: &DynamicObject) -> Api<DynamicObject> {
    let types = object.types.clone().unwrap();
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let gvk = GroupVersionKind::gvk(group, version, &types.kind);
    let (resource, abilities) = oneshot::pinned_kind(client, &gvk).await.unwrap();
    match abilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), &object.namespace().unwrap(), &resource),
    }
}

/// How long pods may take until they are ready: five minutes, as a second of the machine is twenty of the operator's.
pub(crate) const PROGRESS_DEADLINE_SECS: u32 = 6000;

/// What a team has in its repository: a Deployment of `podinfo:1`, and how it is to be released.
pub(crate) fn team(namespace: &str, provider: &str, analysis: &Value) -> Vec<Value> {
    let labels = json!({"app": "podinfo"});
    let container = json!({
        "name": "podinfo",
        "image": "podinfo:1",
        "ports": [{"name": "http", "containerPort": 9898}],
        "resources": {"requests": {"cpu": "100m"}},
    });
    let metadata = json!({"name": "podinfo", "namespace": namespace});
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }),
        json!({
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata,
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
                "minReplicas": 2,
                "maxReplicas": 4,
                "metrics": [{"type": "Resource", "resource": {
                    "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80},
                }}],
            },
        }),
        json!({
            "apiVersion": "flagger.app/v1beta1",
            "kind": "Canary",
            "metadata": metadata,
            "spec": {
                "provider": provider,
                "progressDeadlineSeconds": PROGRESS_DEADLINE_SECS,
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
                "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"},
                "service": {
                    "port": 80,
                    "targetPort": "http",
                    "hosts": ["app.example.com"],
                    "gatewayRefs": [{"name": "gateway"}],
                },
                "analysis": analysis,
            },
        }),
    ]
}
