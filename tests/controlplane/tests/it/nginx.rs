//! Canary Ingresses on a real API server, without an ingress controller.

use api::Phase;
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::manifests::apply;
use crate::round_trip;
use crate::stage::Stage;
use crate::waiting::numbers_while;

const INGRESSES: (&str, &str, &str) = ("networking.k8s.io", "v1", "Ingress");
const PATH: &str = "/apis/networking.k8s.io/v1/namespaces/NAMESPACE/ingresses";
const WEIGHT: &str = "nginx.ingress.kubernetes.io/canary-weight";

/// The team's own Ingress, which leads to the apex Service.
fn ingress(namespace: &str) -> Value {
    let backend = json!({"service": {"name": "podinfo", "port": {"number": 80}}});
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "podinfo",
            "namespace": namespace,
            "annotations": {"kubernetes.io/ingress.class": "nginx"},
        },
        "spec": {"rules": [{
            "host": "podinfo.local",
            "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    })
}

fn weight(ingress: &DynamicObject) -> Option<i64> {
    ingress.metadata.annotations.as_ref()?.get(WEIGHT)?.parse().ok()
}

#[tokio::test]
async fn what_is_written_for_nginx_is_accepted_and_comes_back_as_it_was_meant() {
    let Some(stage) = Stage::enter("nginx-cases").await else { return };
    assert!(2 < round_trip::play(&stage.client, "nginx").await);
}

#[tokio::test]
async fn a_release_goes_through_the_weights_of_a_canary_ingress_up_and_back() {
    let Some(stage) = Stage::enter("fronted").await else { return };
    stage.grant(None).await;
    let analysis = json!({
        "interval": "10s", "threshold": 1, "stepWeight": 20, "maxWeight": 40,
        "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
    });
    stage.deploy_with("nginx", &analysis, round_trip::without_gateway).await;
    apply(&stage.client, &ingress(stage.namespace)).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let users = stage.object(PATH, "podinfo").await;

    let (ended, seen) = numbers_while(&stage, INGRESSES, weight, stage.release("podinfo:2")).await;
    assert_eq!(ended, (vec![0, 20, 40, 0], Phase::Succeeded));
    assert_eq!(seen["podinfo-canary"], [0, 20, 40, 0]);
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");

    stage.prometheus.answer(50);
    let (ended, seen) = numbers_while(&stage, INGRESSES, weight, stage.release("podinfo:3")).await;
    assert_eq!(ended, (vec![0, 20, 0], Phase::Failed));
    assert_eq!(seen["podinfo-canary"], [0, 20, 0]);
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");

    let backend = "/spec/rules/0/http/paths/0/backend/service/name";
    assert_eq!(stage.object(PATH, "podinfo-canary").await.pointer(backend), Some(&json!("podinfo-canary")));
    assert_eq!(stage.object(PATH, "podinfo").await, users, "the team's Ingress stays as it is");
    operator.end().await;
}
