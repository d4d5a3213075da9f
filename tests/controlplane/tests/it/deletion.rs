//! What is left of a canary that was deleted, on a real API server with its garbage collector.

use api::{Canary, Phase};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::manifests::{apply, team};
use crate::stage::Stage;
use crate::waiting::{canaries, gone, reaches, until};

const SERVICES: &str = "/api/v1/namespaces/NAMESPACE/services";

/// The team's objects, with a canary that reverts, and a Service of its own that the canary adopts.
async fn deploy(stage: &Stage, node_port: i64) {
    let analysis = json!({"interval": "10s", "threshold": 1, "iterations": 100});
    for mut object in team(stage.namespace, "kubernetes", &analysis) {
        if object["kind"] == "Canary" {
            object["spec"]["revertOnDeletion"] = json!(true);
        }
        apply(&stage.client, &object).await;
        if object["kind"] == "Namespace" {
            let service = json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "podinfo", "namespace": stage.namespace, "labels": {"team": "web"}},
                "spec": {
                    "type": "NodePort",
                    "selector": {"app": "podinfo"},
                    "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": node_port}],
                },
            });
            apply(&stage.client, &service).await;
        }
    }
}

fn deployments(stage: &Stage) -> Api<Deployment> {
    Api::namespaced(stage.client.clone(), stage.namespace)
}

async fn delete_canary(stage: &Stage) -> String {
    let deleted = canaries(stage).delete("podinfo", &DeleteParams::background()).await.unwrap();
    let canary = deleted.left().expect("the finalizer holds it");
    canary.metadata.uid.unwrap()
}

#[tokio::test]
async fn a_canary_that_is_deleted_in_mid_run_leaves_a_target_that_serves_behind_the_users_service() {
    let Some(stage) = Stage::enter("reverted").await else { return };
    stage.grant(None).await;
    deploy(&stage, 30_511).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let adopted = stage.object(SERVICES, "podinfo").await;
    assert_eq!(adopted["spec"]["selector"], json!({"app": "podinfo-primary"}));
    assert_eq!(adopted["spec"]["ports"][0]["nodePort"], 30_511);
    assert_eq!(adopted["metadata"].get("ownerReferences"), None);

    let image = json!({"spec": {"template": {"spec": {"containers": [{"name": "podinfo", "image": "podinfo:2"}]}}}});
    deployments(&stage).patch("podinfo", &PatchParams::default(), &Patch::Strategic(image)).await.unwrap();
    reaches(&stage, "podinfo", Phase::Progressing).await;

    let uid = delete_canary(&stage).await;
    let primary = deployments(&stage).get("podinfo-primary").await.unwrap().metadata.uid.unwrap();
    gone(canaries(&stage), "podinfo", &uid).await;
    let target = deployments(&stage).get("podinfo").await.unwrap();
    assert_eq!(target.status.unwrap().available_replicas, Some(2), "it serves before its canary goes");
    let service = stage.object(SERVICES, "podinfo").await;
    assert_eq!(service["spec"]["selector"], json!({"app": "podinfo"}));
    assert_eq!(service["spec"]["ports"][0]["nodePort"], 30_511);
    assert_eq!(service["metadata"].get("annotations"), None);
    assert_eq!(service["metadata"]["labels"], json!({"team": "web"}));
    stage.told(&["Terminated canary podinfo.reverted"]).await;
    gone(deployments(&stage), "podinfo-primary", &primary).await;
    operator.end().await;
}

#[tokio::test]
async fn the_finalizer_goes_with_the_field_and_a_deletion_that_a_restart_cuts_in_two_comes_to_its_end() {
    let Some(stage) = Stage::enter("restarted").await else { return };
    stage.grant(None).await;
    deploy(&stage, 30_512).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let held = |canary: Option<&Canary>| {
        let finalizers = canary.and_then(|canary| canary.metadata.finalizers.as_ref());
        finalizers.is_some_and(|finalizers| finalizers.iter().any(|name| name == "finalizer.flagger.app"))
    };
    for reverts in [false, true] {
        let patch = json!({"spec": {"revertOnDeletion": reverts}});
        canaries(&stage).patch("podinfo", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let follows = |canary: Option<&Canary>| held(canary) == reverts;
        until(canaries(&stage), "podinfo", follows).await;
    }

    operator.end().await;
    let uid = delete_canary(&stage).await;
    let operator = stage.operator().await;
    gone(canaries(&stage), "podinfo", &uid).await;
    assert_eq!(stage.deployment("podinfo").await, ("podinfo:1".to_owned(), 2));
    let service: Value = stage.object(SERVICES, "podinfo").await;
    assert_eq!(service["spec"]["selector"], json!({"app": "podinfo"}));
    operator.end().await;
}

#[tokio::test]
async fn a_canary_that_breaks_a_rule_can_be_deleted() {
    let Some(stage) = Stage::enter("mistaken").await else { return };
    stage.grant(None).await;
    deploy(&stage, 30_513).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let patch = json!({"spec": {"metricsServer": "nowhere"}});
    canaries(&stage).patch("podinfo", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.told(&["spec.metricsServer"]).await;

    let uid = delete_canary(&stage).await;
    gone(canaries(&stage), "podinfo", &uid).await;
    assert_eq!(stage.deployment("podinfo").await.1, 2);
    operator.end().await;
}
