//! Istio, as far as an API server goes: its own kinds with their schemas, from its Go module, and nobody who moves traffic.

use std::process::Command;

use api::Phase;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DynamicObject;
use kube::runtime::wait::{await_condition, conditions};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::left::as_recorded;
use crate::manifests::{apply, documents};
use crate::round_trip;
use crate::stage::{Stage, within};
use crate::waiting::{numbers_while, reaches};

/// What Istio's kinds are taken from, and what Go must find in it.
const MODULE: &str = "istio.io/api@v1.31.1";
const SUM: &str = "h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk=";
const DEFINITIONS: &str = "kubernetes/customresourcedefinitions.gen.yaml";

const KINDS: [&str; 2] = ["destinationrules.networking.istio.io", "virtualservices.networking.istio.io"];
const ROUTES: (&str, &str, &str) = ("networking.istio.io", "v1", "VirtualService");
const VIRTUAL_SERVICES: &str = "/apis/networking.istio.io/v1/namespaces/NAMESPACE/virtualservices";

const CHECKOUT_MIDRUN: &str = include_str!("../../takeover/checkout-midrun.json");

/// A stage with Istio's kinds; `None` where there is no control plane.
async fn enter(namespace: &'static str) -> Option<Stage> {
    // One test at a time: the first does it for all.
    static TURN: Mutex<()> = Mutex::const_new(());
    let stage = Stage::enter(namespace).await?;
    let _turn = TURN.lock().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.client.clone());
    for definition in tokio::task::spawn_blocking(kinds).await.unwrap() {
        apply(&stage.client, &definition).await;
        let name = definition["metadata"]["name"].as_str().unwrap();
        within(await_condition(definitions.clone(), name, conditions::is_crd_established())).await.unwrap();
    }
    Some(stage)
}

/// The definitions that we need. Whoever could build the control plane has Go, and Go keeps what it has fetched.
fn kinds() -> Vec<Value> {
    let found =
        Command::new("go").args(["mod", "download", "-json", MODULE]).current_dir(std::env::temp_dir()).output();
    let found = found.expect("Go, which the control plane was built with, should be there");
    assert!(
        found.status.success(),
        "{}{}",
        String::from_utf8_lossy(&found.stdout),
        String::from_utf8_lossy(&found.stderr)
    );
    let module: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(module["Sum"], SUM);
    let text = std::fs::read_to_string(format!("{}/{DEFINITIONS}", module["Dir"].as_str().unwrap())).unwrap();
    let is_ours = |document: &&str| KINDS.iter().any(|name| document.contains(&format!("\n  name: {name}\n")));
    let ours: Vec<Value> = text.split("\n---\n").filter(is_ours).flat_map(documents).collect();
    assert_eq!(ours.len(), KINDS.len());
    ours
}

/// The weights of primary and canary in the rule that shares requests.
fn weights(spec: &Value) -> Option<[i64; 2]> {
    let weight = |side: usize| spec.pointer(&format!("/http/0/route/{side}/weight"))?.as_i64();
    Some([weight(0)?, weight(1)?])
}

fn canary_weight(route: &DynamicObject) -> Option<i64> {
    let [primary, canary] = weights(&route.data["spec"])?;
    assert_eq!(primary + canary, 100);
    Some(canary)
}

#[tokio::test]
async fn what_is_written_for_istio_is_accepted_and_comes_back_as_it_was_meant() {
    let Some(stage) = enter("istio-cases").await else { return };
    assert!(5 < round_trip::play(&stage.client, "istio").await);
}

#[tokio::test]
async fn a_release_goes_through_the_weights_of_a_virtual_service_up_and_back() {
    let Some(stage) = enter("meshed").await else { return };
    stage.grant(None).await;
    let analysis = json!({
        "interval": "10s", "threshold": 1, "stepWeight": 20, "maxWeight": 40,
        "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
    });
    stage
        .deploy_with("istio", &analysis, |canary| {
            round_trip::without_gateway(canary);
            // Istio is the provider of whoever names none.
            canary["spec"].as_object_mut().unwrap().remove("provider");
            canary["spec"]["service"]["trafficPolicy"] = json!({"tls": {"mode": "ISTIO_MUTUAL"}});
        })
        .await;
    let operator = stage.operator().await;
    stage.initialized().await;

    let (ended, seen) = numbers_while(&stage, ROUTES, canary_weight, stage.release("podinfo:2")).await;
    assert_eq!(ended, (vec![0, 20, 40, 0], Phase::Succeeded));
    assert_eq!(seen["podinfo"], [0, 20, 40, 0]);
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");

    stage.prometheus.answer(50);
    let (ended, seen) = numbers_while(&stage, ROUTES, canary_weight, stage.release("podinfo:3")).await;
    assert_eq!(ended, (vec![0, 20, 0], Phase::Failed));
    assert_eq!(seen["podinfo"], [0, 20, 0]);
    assert_eq!(stage.deployment("podinfo-primary").await.0, "podinfo:2");
    let route = stage.object(VIRTUAL_SERVICES, "podinfo").await;
    assert_eq!(weights(&route["spec"]), Some([100, 0]));
    assert_eq!(route["spec"]["gateways"], json!(["mesh"]));
    operator.end().await;
}

#[tokio::test]
async fn a_run_that_flagger_began_in_the_mesh_goes_on_from_its_weight() {
    let Some(stage) = enter("meshed-midrun").await else { return };
    stage.grant(None).await;
    let left = as_recorded(&stage, CHECKOUT_MIDRUN).await;
    let before = left.written(&stage).await;
    let operator = stage.operator().await;
    let run = reaches(&stage, "checkout", Phase::Succeeded);
    let ((), seen) = Box::pin(numbers_while(&stage, ROUTES, canary_weight, run)).await;
    assert_eq!(seen["checkout"], [30, 40, 50, 0]);
    let after = left.written(&stage).await;
    for rule in ["DestinationRule/checkout-canary", "DestinationRule/checkout-primary"] {
        assert_eq!(after[rule], before[rule], "{rule} is as Flagger wrote it");
    }
    operator.end().await;
}
