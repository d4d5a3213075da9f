//! The operator takes over from Flagger (Go) in the middle of everything.

use std::collections::BTreeMap;

use api::{Canary, CanaryStatus, Phase};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Service};
use kube::Api;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::left::{Left, as_recorded, behind, behind_a_gateway};
use crate::stage::Stage;
use crate::waiting::{canaries, numbers_while, reaches, until};

const CART: &str = include_str!("../../takeover/cart-initialized.json");
const CHECKOUT_END: &str = include_str!("../../takeover/checkout-end.json");
const CHECKOUT_MIDRUN: &str = include_str!("../../takeover/checkout-midrun.json");
const GATE: &str = include_str!("../../takeover/gate-midrun.json");
const LOGIN_END: &str = include_str!("../../takeover/login-end.json");
const LOGIN_MIDRUN: &str = include_str!("../../takeover/login-midrun.json");
const SEARCH_END: &str = include_str!("../../takeover/search-end.json");
const SEARCH_MIDRUN: &str = include_str!("../../takeover/search-midrun.json");

const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/NAMESPACE/deployments";

/// Waits until the canary's revision last seen has one of our names. The canary then.
async fn taken_over(stage: &Stage, name: &str) -> Canary {
    let ours = |canary: Option<&Canary>| status(canary).last_applied_spec.starts_with("v1.");
    until(canaries(stage), name, ours).await;
    canaries(stage).get(name).await.unwrap()
}

fn status(canary: Option<&Canary>) -> CanaryStatus {
    canary.and_then(|canary| canary.status.clone()).unwrap_or_default()
}

/// The status without what Flagger does not know: conditions that tell why nothing goes on.
async fn foreign_status(stage: &Stage, name: &str) -> Value {
    let mut status = status(Some(&canaries(stage).get(name).await.unwrap()));
    status.conditions.retain(|condition| condition.type_ == "Promoted");
    json!(status)
}

/// The status but for the names of revisions.
fn unnamed(mut status: Value) -> Value {
    status
        .as_object_mut()
        .unwrap()
        .retain(|field, _| !["lastAppliedSpec", "lastPromotedSpec"].contains(&field.as_str()));
    status
}

/// Every share of the requests that canaries had, by route, while `act` went on.
async fn weights_while(stage: &Stage, act: impl Future<Output = ()>) -> BTreeMap<String, Vec<i64>> {
    let weight = |route: &DynamicObject| route.data.pointer("/spec/rules/0/backendRefs/1/weight")?.as_i64();
    numbers_while(stage, ("gateway.networking.k8s.io", "v1", "HTTPRoute"), weight, act).await.1
}

/// How often each sentence was said about a canary.
async fn said(stage: &Stage, name: &str) -> BTreeMap<String, i32> {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), stage.namespace);
    let about = format!("involvedObject.kind=Canary,involvedObject.name={name}");
    let events = events.list(&ListParams::default().fields(&about)).await.unwrap();
    events.into_iter().map(|event| (event.message.unwrap_or_default(), event.count.unwrap_or(1))).collect()
}

fn services(stage: &Stage) -> Api<Service> {
    Api::namespaced(stage.client.clone(), stage.namespace)
}

async fn ship(stage: &Stage, name: &str, image: &str) {
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}});
    let deployments: Api<Deployment> = Api::namespaced(stage.client.clone(), stage.namespace);
    deployments.patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
}

#[tokio::test]
async fn canaries_that_flagger_left_at_rest_stay_at_rest() {
    let Some(stage) = Stage::enter("inherited").await else { return };
    stage.grant(None).await;
    let login = behind_a_gateway(&stage, LOGIN_END, 0).await;
    let mut resting = vec![as_recorded(&stage, SEARCH_END).await];
    for recording in [CART, CHECKOUT_END] {
        resting.push(behind_a_gateway(&stage, recording, 0).await);
    }
    let mut before = Vec::new();
    for left in resting.iter().chain([&login]) {
        before.push(left.written(&stage).await);
    }
    let operator = stage.operator().await;

    let mut canaries_then = Vec::new();
    for left in &resting {
        let canary = taken_over(&stage, &left.name).await;
        let now = status(Some(&canary));
        assert_eq!(now.last_promoted_spec, now.last_applied_spec, "{}", left.name);
        assert_eq!(unnamed(json!(now)), unnamed(left.status.clone()), "{}", left.name);
        canaries_then.push(canary);
    }
    let failed = status(Some(&taken_over(&stage, "login").await));
    assert_eq!(unnamed(json!(failed)), unnamed(login.status.clone()));
    assert_eq!(login.written(&stage).await, before[3]);

    // The fix of what failed is noticed, and all the while the others are not touched again.
    ship(&stage, "login", "podinfo:6.0.2").await;
    reaches(&stage, "login", Phase::Succeeded).await;
    for (left, (before, then)) in resting.iter().zip(before.iter().zip(canaries_then)) {
        assert_eq!(left.written(&stage).await, *before);
        assert_eq!(canaries(&stage).get(&left.name).await.unwrap().resource_version(), then.resource_version());
        assert_eq!(said(&stage, &left.name).await, BTreeMap::new());
    }
    operator.end().await;
}

#[tokio::test]
async fn runs_that_flagger_began_go_on_from_their_weight() {
    let Some(stage) = Stage::enter("handed-over").await else { return };
    stage.grant(None).await;
    let runs = [as_recorded(&stage, SEARCH_MIDRUN).await, behind_a_gateway(&stage, CHECKOUT_MIDRUN, 30).await];
    let waiting = behind_a_gateway(&stage, GATE, 0).await;
    let untouched = waiting.written(&stage).await;
    let operator = Box::pin(stage.operator());
    let weights = weights_while(&stage, async {
        let operator = operator.await;
        for left in &runs {
            reaches(&stage, &left.name, Phase::Succeeded).await;
        }
        operator.end().await;
    });
    let weights = Box::pin(weights).await;
    for Left { name, status: before, .. } in &runs {
        assert_eq!(weights[name], [30, 40, 50, 0], "{name}");
        let now = status(Some(&canaries(&stage).get(name).await.unwrap()));
        assert_eq!(json!(now.tracked_configs), before["trackedConfigs"]);
        let primary = stage.object(DEPLOYMENTS, &format!("{name}-primary")).await;
        let pod = &primary["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], "ghcr.io/stefanprodan/podinfo:6.0.1");
        assert_eq!(pod["volumes"][0]["configMap"]["name"], format!("{name}-conf-primary"));
        let said = said(&stage, name).await;
        assert!(said.keys().all(|sentence| !sentence.contains("New revision detected")), "{said:?}");
    }
    assert_eq!(waiting.written(&stage).await, untouched);
    assert_eq!(foreign_status(&stage, "gate").await, waiting.status);

    // Now somebody approves.
    let approval = json!([{"op": "replace", "path": "/spec/analysis/webhooks/0/url", "value": stage.prometheus.url}]);
    let approval: Patch<()> = Patch::Json(serde_json::from_value(approval).unwrap());
    canaries(&stage).patch("gate", &PatchParams::default(), &approval).await.unwrap();
    let operator = stage.operator().await;
    let weights = weights_while(&stage, reaches(&stage, "gate", Phase::Succeeded));
    assert_eq!(Box::pin(weights).await["gate"], [0, 10, 20, 30, 40, 50, 0]);
    operator.end().await;
}

#[tokio::test]
async fn checks_that_failed_under_flagger_count() {
    let Some(stage) = Stage::enter("failing").await else { return };
    stage.grant(None).await;
    stage.prometheus.answer(50);
    behind_a_gateway(&stage, LOGIN_MIDRUN, 10).await;
    let operator = stage.operator().await;
    let weights = weights_while(&stage, reaches(&stage, "login", Phase::Failed));
    assert_eq!(Box::pin(weights).await["login"], [10, 0]);
    stage.told(&["Rolling back login.failing failed checks threshold reached 3"]).await;
    operator.end().await;
}

#[tokio::test]
async fn what_cannot_be_routed_yet_is_told_once_and_not_touched() {
    let Some(stage) = Stage::enter("unroutable").await else { return };
    stage.grant(None).await;
    let mut unroutable = Vec::new();
    for recording in [CART, CHECKOUT_MIDRUN, GATE, LOGIN_MIDRUN] {
        let left = behind(&stage, "linkerd", recording).await;
        let before = left.written(&stage).await;
        unroutable.push((left, before));
    }
    as_recorded(&stage, SEARCH_MIDRUN).await;
    stage.deploy("linkerd", &json!({"interval": "10s", "threshold": 1, "stepWeight": 20, "maxWeight": 40})).await;
    let operator = stage.operator().await;
    for (left, _) in &unroutable {
        let told = |canary: Option<&Canary>| status(canary).conditions.iter().any(|known| known.type_ == "Stalled");
        until(canaries(&stage), &left.name, told).await;
    }
    // Others go on, for as long as it takes to try those again.
    reaches(&stage, "search", Phase::Succeeded).await;

    for (left, before) in unroutable {
        assert_eq!(left.written(&stage).await, before);
        assert_eq!(foreign_status(&stage, &left.name).await, left.status);
        let said = said(&stage, &left.name).await;
        assert!(said.keys().any(|sentence| sentence.contains(r#"provider "linkerd""#)), "{said:?}");
        assert!(said.values().all(|times| *times == 1), "{said:?}");
    }
    stage.told(&[r#"provider "linkerd""#, "is not available"]).await;
    for made in ["podinfo", "podinfo-canary", "podinfo-primary"] {
        assert!(services(&stage).get_opt(made).await.unwrap().is_none(), "{made}");
    }
    operator.end().await;
}
