//! The primary's horizontal pod autoscaler.

use crate::cluster::{Cluster, but, canary};
use expect_test::expect;
use flagger_targets::autoscalers::{Upkeep, find};
use ports::{Key, kinds};
use serde_json::{Value, json};

fn with_hpa(reference: Value) -> api::Canary {
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "cart"});
    canary(json!({"autoscalerRef": but(hpa, reference)}))
}

fn hpa() -> Value {
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "labels": {"team": "shop", "kustomize.toolkit.fluxcd.io/name": "apps"},
            "annotations": {"note": "mine"},
        },
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu"}}],
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
        },
        "status": {"currentReplicas": 2},
    })
}

fn key() -> Key {
    Key::new(kinds::HORIZONTAL_POD_AUTOSCALER, "shop", "cart-primary")
}

fn keep_up(cluster: &mut Cluster, canary: &api::Canary, upkeep: Upkeep) -> usize {
    cluster.settle(canary, |cx, seen| find(cx)?.unwrap().primary(cx, seen, upkeep)).len()
}

#[test]
fn the_primary_gets_a_copy_that_scales_the_primary() {
    let mut cluster = Cluster::with([hpa()]);
    keep_up(&mut cluster, &with_hpa(json!({"primaryScalerReplicas": {"maxReplicas": 9}})), Upkeep::Create);
    expect![[r#"
        {
          "apiVersion": "autoscaling/v2",
          "kind": "HorizontalPodAutoscaler",
          "metadata": {
            "labels": {
              "team": "shop"
            },
            "name": "cart-primary",
            "namespace": "shop",
            "ownerReferences": [
              {
                "apiVersion": "flagger.app/v1beta1",
                "blockOwnerDeletion": true,
                "controller": true,
                "kind": "Canary",
                "name": "cart",
                "uid": "5d1b"
              }
            ]
          },
          "spec": {
            "maxReplicas": 9,
            "metrics": [
              {
                "resource": {
                  "name": "cpu"
                },
                "type": "Resource"
              }
            ],
            "minReplicas": 2,
            "scaleTargetRef": {
              "apiVersion": "apps/v1",
              "kind": "Deployment",
              "name": "cart-primary"
            }
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(cluster.get(&key())).unwrap());
}

#[test]
fn the_copy_follows_the_target_at_promotion_only_and_keeps_foreign_fields() {
    let copy = json!({
        "metadata": {"name": "cart-primary", "resourceVersion": "7", "annotations": {"foreign": "kept"}},
        "spec": {
            "maxReplicas": 3,
            "behavior": {"scaleDown": {}, "scaleUp": {"stabilizationWindowSeconds": 5}},
            "scaleTargetRef": {"name": "cart-primary"},
            "fromTheFuture": true,
        },
    });
    let mut cluster = Cluster::with([hpa(), but(hpa(), copy)]);
    let canary = with_hpa(json!({}));
    assert_eq!(keep_up(&mut cluster, &canary, Upkeep::Create), 0);
    assert_eq!(keep_up(&mut cluster, &canary, Upkeep::Update), 1);

    let copy = cluster.get(&key());
    assert_eq!(
        copy["spec"],
        but(
            hpa(),
            json!({"spec": {
                "scaleTargetRef": {"name": "cart-primary"},
                "fromTheFuture": true,
            }})
        )["spec"]
    );
    assert_eq!(copy["metadata"]["annotations"]["foreign"], "kept");
    assert_eq!(copy["metadata"]["labels"], json!({"team": "shop"}));
    assert_eq!(copy["metadata"]["resourceVersion"], "7");
}

#[test]
fn a_missing_autoscaler_is_said_in_the_words_of_flagger() {
    let missing = Cluster::default()
        .ask(&with_hpa(json!({})), |cx, seen| find(cx)?.unwrap().primary(cx, seen, Upkeep::Create))
        .unwrap_err();
    assert_eq!(
        missing.to_string(),
        r#"HorizontalPodAutoscaler cart.shop get query error: horizontalpodautoscalers.autoscaling "cart" not found"#
    );
}
