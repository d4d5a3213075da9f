//! The primary's `ScaledObject`, and the pause of the target's.

use crate::cluster::{Cluster, but, canary};
use flagger_targets::autoscalers::{Upkeep, find};
use ports::{Change, Key, kinds};
use serde_json::{Value, json};

const PAUSED: &str = "autoscaling.keda.sh/paused-replicas";

fn with_scaler(reference: Value) -> api::Canary {
    let scaler = json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "cart"});
    canary(json!({"autoscalerRef": but(scaler, reference)}))
}

fn scaler() -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "labels": {"team": "shop", "scaledobject.keda.sh/name": "cart", "kustomize.toolkit.fluxcd.io/name": "apps"},
            "annotations": {
                "scaledobject.keda.sh/transfer-hpa-ownership": "true",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                PAUSED: "0",
            },
        },
        "spec": {
            "scaleTargetRef": {"name": "cart", "envSourceContainerName": "web"},
            "pollingInterval": 10,
            "cooldownPeriod": 20,
            "idleReplicaCount": 0,
            "minReplicaCount": 2,
            "maxReplicaCount": 4,
            "fallback": {"failureThreshold": 3, "replicas": 2, "behavior": "static"},
            "advanced": {
                "restoreToOriginalReplicaCount": true,
                "horizontalPodAutoscalerConfig": {"name": "cart-hpa", "behavior": {"scaleDown": {}}},
            },
            "triggers": [
                {"type": "prometheus", "name": "hits", "useCachedMetrics": true, "metadata": {
                    "serverAddress": "http://cart-metrics", "query": r#"hits{app="cart-canary"} or hits{app="cart"}"#,
                }},
                {"type": "cron", "metadata": {"timezone": "UTC"}},
            ],
        },
    })
}

fn key(name: &str) -> Key {
    Key::new(kinds::SCALED_OBJECT, "shop", name)
}

fn keep_up(cluster: &mut Cluster, canary: &api::Canary, upkeep: Upkeep) -> usize {
    cluster.settle(canary, |cx, seen| find(cx)?.unwrap().primary(cx, seen, upkeep)).len()
}

#[test]
fn the_primary_gets_a_copy_with_all_fields_that_scales_and_asks_about_the_primary() {
    let mut cluster = Cluster::with([scaler()]);
    keep_up(&mut cluster, &with_scaler(json!({"primaryScalerReplicas": {"minReplicas": 3}})), Upkeep::Create);
    let copy = cluster.get(&key("cart-primary"));
    assert_eq!(copy["metadata"]["labels"], json!({"team": "shop"}));
    assert_eq!(copy["metadata"]["annotations"], json!({"scaledobject.keda.sh/transfer-hpa-ownership": "true"}));
    assert_eq!(copy["metadata"]["ownerReferences"][0]["name"], "cart");
    let mut expected = but(
        scaler()["spec"].clone(),
        json!({
            "scaleTargetRef": {"name": "cart-primary"},
            "minReplicaCount": 3,
            "advanced": {"horizontalPodAutoscalerConfig": {"name": "cart-hpa-primary"}},
        }),
    );
    expected["triggers"][0]["metadata"]["query"] = json!(r#"hits{app="cart-primary"} or hits{app="cart-primary"}"#);
    assert_eq!(copy["spec"], expected);
}

#[test]
fn queries_of_the_canarys_own_replace_those_of_their_triggers() {
    let mut cluster = Cluster::with([scaler()]);
    let canary = with_scaler(json!({"primaryScalerQueries": {"hits": "all_hits", "other": "unused"}}));
    keep_up(&mut cluster, &canary, Upkeep::Create);
    let triggers = &cluster.get(&key("cart-primary"))["spec"]["triggers"];
    assert_eq!(triggers[0]["metadata"]["query"], "all_hits");
    assert_eq!(triggers[1], scaler()["spec"]["triggers"][1]);
}

#[test]
fn the_copy_follows_the_target_at_promotion_only_and_keeps_its_own_metadata() {
    let canary = with_scaler(json!({}));
    let mut cluster = Cluster::with([scaler()]);
    keep_up(&mut cluster, &canary, Upkeep::Create);
    let own =
        json!({"metadata": {"labels": {"scaledobject.keda.sh/name": "cart-primary"}, "annotations": {"mine": "1"}}});
    cluster.put(but(cluster.get(&key("cart-primary")).clone(), own));
    cluster.put(but(scaler(), json!({"metadata": {"labels": {"team": "ops"}}, "spec": {"maxReplicaCount": 9}})));

    assert_eq!(keep_up(&mut cluster, &canary, Upkeep::Create), 0);
    assert_eq!(keep_up(&mut cluster, &canary, Upkeep::Update), 1);
    let copy = cluster.get(&key("cart-primary"));
    assert_eq!(copy["spec"]["maxReplicaCount"], 9);
    assert_eq!(copy["metadata"]["labels"], json!({"team": "ops", "scaledobject.keda.sh/name": "cart-primary"}));
    assert_eq!(copy["metadata"]["annotations"]["mine"], "1");
}

#[test]
fn a_parked_target_is_paused_by_one_annotation() {
    let running = but(scaler(), json!({"metadata": {"annotations": {PAUSED: null}}}));
    let mut cluster = Cluster::with([running.clone()]);
    let patch = |value: Value| vec![Change::Merge(key("cart"), json!({"metadata": {"annotations": {PAUSED: value}}}))];
    let canary = with_scaler(json!({}));
    assert_eq!(cluster.settle(&canary, |cx, seen| find(cx)?.unwrap().pause(cx, seen)), patch(json!("0")));
    assert_eq!(cluster.settle(&canary, |cx, seen| find(cx)?.unwrap().resume(cx, seen)), patch(Value::Null));
    assert_eq!(cluster.get(&key("cart")), &running);
    let floor = cluster.ask(&canary, |cx, seen| find(cx)?.unwrap().floor(cx, seen));
    assert_eq!(floor, Ok(Some(2)));
}

#[test]
fn a_missing_autoscaler_is_named() {
    let missing =
        Cluster::default().ask(&with_scaler(json!({})), |cx, seen| find(cx)?.unwrap().pause(cx, seen)).unwrap_err();
    assert_eq!(
        missing.to_string(),
        r#"ScaledObject cart.shop get query error: scaledobjects.keda.sh "cart" not found"#
    );
}
