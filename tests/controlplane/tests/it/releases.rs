//! Whole releases on a real control plane, under the rules that we ship.

use api::Phase;
use serde_json::{Value, json};

use crate::istio;
use crate::round_trip::without_gateway;
use crate::stage::Stage;

const ROUTES: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/NAMESPACE/httproutes";
const SERVICES: &str = "/api/v1/namespaces/NAMESPACE/services";
const AUTOSCALERS: &str = "/apis/autoscaling/v2/namespaces/NAMESPACE/horizontalpodautoscalers";

#[tokio::test]
async fn a_good_version_is_promoted_step_by_step_and_a_bad_one_is_rolled_back() {
    let Some(stage) = Stage::enter("steps").await else { return };
    stage.grant(None).await;
    let analysis = json!({
        "interval": "10s", "threshold": 1, "stepWeight": 20, "maxWeight": 40,
        "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
    });
    stage.deploy("gatewayapi:v1", &analysis).await;
    let operator = stage.operator().await;

    stage.initialized().await;
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:1");
    assert_eq!(stage.object(AUTOSCALERS, "podinfo-primary").await["spec"]["scaleTargetRef"]["name"], "podinfo-primary");
    assert_eq!(weights(&stage).await, [100, 0]);

    assert_eq!(stage.release("podinfo:2").await, (vec![0, 20, 40, 0], Phase::Succeeded));
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");
    assert_eq!(stage.deployment("podinfo").await, ("podinfo:2".to_owned(), 0));
    assert_eq!(weights(&stage).await, [100, 0]);

    stage.prometheus.answer(50);
    assert_eq!(stage.release("podinfo:3").await, (vec![0, 20, 0], Phase::Failed));
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");
    assert_eq!(stage.deployment("podinfo").await, ("podinfo:3".to_owned(), 0));
    assert_eq!(weights(&stage).await, [100, 0]);
    stage.told(&["Halt podinfo.steps advancement success rate 50.00% < 99%"]).await;
    operator.end().await;
}

#[tokio::test]
async fn without_a_mesh_a_good_version_is_promoted_and_a_bad_one_never_serves() {
    let Some(stage) = Stage::enter("switch").await else { return };
    stage.grant(None).await;
    let analysis = json!({
        "interval": "10s", "threshold": 1, "iterations": 2,
        "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
    });
    stage.deploy("kubernetes", &analysis).await;
    let operator = stage.operator().await;

    stage.initialized().await;
    assert_eq!(stage.object(SERVICES, "podinfo").await["spec"]["selector"], json!({"app": "podinfo-primary"}));

    assert_eq!(stage.release("podinfo:2").await.1, Phase::Succeeded);
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");

    stage.prometheus.answer(50);
    assert_eq!(stage.release("podinfo:3").await.1, Phase::Failed);
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");
    assert_eq!(stage.object(SERVICES, "podinfo").await["spec"]["selector"], json!({"app": "podinfo-primary"}));
    operator.end().await;
}

#[tokio::test]
async fn without_a_mesh_weights_are_shares_of_the_pods_behind_the_apex_service() {
    let Some(stage) = Stage::enter("shares").await else { return };
    stage.grant(None).await;
    let analysis = json!({"interval": "10s", "threshold": 1, "stepWeight": 25, "maxWeight": 50});
    stage.deploy("kubernetes", &analysis).await;
    let operator = stage.operator().await;
    stage.initialized().await;

    let (ended, served) = stage.watching_endpoints("podinfo", stage.release("podinfo:2")).await;
    assert_eq!(ended, (vec![0, 25, 50, 0], Phase::Succeeded));
    let sides = |[primary, canary]: &[usize; 2]| (0 < *primary, 0 < *canary);
    let seen: Vec<_> = served.iter().map(sides).collect();
    assert!(seen.contains(&(true, true)), "nobody met the canary: {served:?}");
    assert!(!seen.contains(&(false, false)), "nobody was served: {served:?}");
    assert_eq!(stage.deployment("podinfo-primary").await, ("podinfo:2".to_owned(), 2));
    assert_eq!(stage.deployment("podinfo").await, ("podinfo:2".to_owned(), 0));
    assert_eq!(stage.object(SERVICES, "podinfo").await["spec"]["selector"], json!({"app": "podinfo-primary"}));

    stage.trigger("podinfo", "once more").await;
    stage.phase(Phase::Progressing).await;
    stage.phase(Phase::Succeeded).await;
    operator.end().await;
}

#[tokio::test]
async fn a_manifest_of_the_first_version_is_released() {
    let Some(stage) = istio::enter("first-version").await else { return };
    stage.grant(None).await;
    let analysis = json!({
        "interval": "10s", "threshold": 1, "stepWeight": 25, "maxWeight": 50,
        "metrics": [{"name": "istio_requests_total", "threshold": 99, "interval": "1m"}],
    });
    stage
        .deploy_with("istio", &analysis, |canary| {
            without_gateway(canary);
            canary["spec"]["service"]["gateways"] = json!(["public-gateway.istio-system.svc.cluster.local"]);
            canary["apiVersion"] = "flagger.app/v1alpha1".into();
            canary["spec"]["autoscalerRef"]["apiVersion"] = "autoscaling/v2beta1".into();
            let spec = canary["spec"].as_object_mut().unwrap();
            let analysis = spec.remove("analysis").unwrap();
            spec.insert("canaryAnalysis".into(), analysis);
        })
        .await;
    let operator = stage.operator().await;
    stage.initialized().await;
    assert_eq!(stage.release("podinfo:2").await, (vec![0, 25, 50, 0], Phase::Succeeded));
    let path = "/apis/flagger.app/v1alpha1/namespaces/NAMESPACE/canaries";
    assert_eq!(stage.object(path, "podinfo").await["spec"]["canaryAnalysis"]["stepWeight"], 25);
    operator.end().await;
}

/// The weights of primary and canary in the `HTTPRoute`.
async fn weights(stage: &Stage) -> Vec<i64> {
    let route = stage.object(ROUTES, "podinfo").await;
    let backends = route.pointer("/spec/rules/0/backendRefs").and_then(Value::as_array).unwrap();
    backends.iter().map(|backend| backend["weight"].as_i64().unwrap()).collect()
}
