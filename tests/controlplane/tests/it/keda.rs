//! A target that KEDA scales, with an API server that knows KEDA's kind and nobody who acts on it.

use api::Phase;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};

use crate::manifests::{apply, team};
use crate::stage::{Stage, within};

const DEFINITION: &str = "scaledobjects.keda.sh";
const SCALED_OBJECTS: &str = "/apis/keda.sh/v1alpha1/namespaces/NAMESPACE/scaledobjects";
const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";

/// KEDA's kind, without its schema: of the newest version, so to speak.
async fn install(stage: &Stage) {
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": open}}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION},
        "spec": {
            "group": "keda.sh",
            "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
            "scope": "Namespaced",
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "schema": schema}],
        },
    });
    apply(&stage.client, &definition).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
    within(await_condition(definitions, DEFINITION, conditions::is_crd_established())).await.unwrap();
}

fn scaler(namespace: &str) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "podinfo", "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"name": "podinfo"},
            "minReplicaCount": 2,
            "inventedLater": {"keep": "me"},
            "triggers": [{"type": "prometheus", "metadata": {"query": r#"hits{app="podinfo"}"#}}],
        },
    })
}

#[tokio::test]
async fn a_scaled_target_is_paused_between_releases_and_keeps_every_field() {
    let Some(stage) = Stage::enter("scaled").await else { return };
    stage.grant(None).await;
    install(&stage).await;
    let analysis = json!({"interval": "10s", "threshold": 1, "iterations": 1});
    for mut object in team(stage.namespace, "kubernetes", &analysis) {
        match object["kind"].as_str() {
            Some("HorizontalPodAutoscaler") => object = scaler(stage.namespace),
            Some("Canary") => {
                let reference = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "podinfo"});
                object["spec"]["autoscalerRef"] = reference;
            }
            _ => {}
        }
        apply(&stage.client, &object).await;
    }
    let operator = stage.operator().await;

    stage.initialized().await;
    let primary = stage.object(SCALED_OBJECTS, "podinfo-primary").await;
    let mut expected = scaler(stage.namespace)["spec"].clone();
    expected["scaleTargetRef"]["name"] = json!("podinfo-primary");
    expected["triggers"][0]["metadata"]["query"] = json!(r#"hits{app="podinfo-primary"}"#);
    assert_eq!(primary["spec"], expected);

    assert_eq!(stage.release("podinfo:2").await.1, Phase::Succeeded);
    let target = stage.object(SCALED_OBJECTS, "podinfo").await;
    assert_eq!(target["metadata"]["annotations"][PAUSED], "0");
    assert_eq!(target["spec"], scaler(stage.namespace)["spec"]);
    operator.end().await;
}
