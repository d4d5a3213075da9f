//! A release of a `DaemonSet`, by Kubernetes' own controller.

use api::Phase;
use serde_json::{Value, json};

use crate::manifests::{apply, team};
use crate::stage::Stage;

const DAEMON_SETS: &str = "/apis/apps/v1/namespaces/NAMESPACE/daemonsets";

/// An agent for the node that this test has to itself.
fn agent(namespace: &str, image: &str) -> Value {
    let only = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [namespace]}]}]);
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "podinfo", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "podinfo"}},
            "template": {
                "metadata": {"labels": {"app": "podinfo"}},
                "spec": {
                    "containers": [{"name": "podinfo", "image": image, "ports": [{"name": "http", "containerPort": 9898}]}],
                    "affinity": {"nodeAffinity": {
                        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": only},
                    }},
                },
            },
        },
    })
}

/// The image of a `DaemonSet`, and the nodes that are to run it.
async fn daemons(stage: &Stage, name: &str) -> (Value, Value) {
    let found = stage.object(DAEMON_SETS, name).await;
    let image = found["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    (image, found["status"]["desiredNumberScheduled"].clone())
}

#[tokio::test]
async fn a_daemon_set_is_promoted_and_parked() {
    let Some(stage) = Stage::enter("daemons").await else { return };
    stage.grant(None).await;
    let analysis = json!({"interval": "10s", "threshold": 1, "iterations": 2});
    for mut object in team(stage.namespace, "kubernetes", &analysis) {
        match object["kind"].as_str() {
            Some("Canary") => {
                object["spec"]["targetRef"]["kind"] = json!("DaemonSet");
                object["spec"].as_object_mut().unwrap().remove("autoscalerRef");
            }
            Some("Namespace") => {}
            _ => continue,
        }
        apply(&stage.client, &object).await;
    }
    apply(&stage.client, &agent(stage.namespace, "podinfo:1")).await;
    let operator = stage.operator().await;

    stage.initialized().await;
    assert_eq!(daemons(&stage, "podinfo-primary").await, (json!("podinfo:1"), json!(1)));

    // The team's own tools know nothing of what parks the target, and leave it there.
    let (_, phase) = stage.follow(apply(&stage.client, &agent(stage.namespace, "podinfo:2"))).await;
    assert_eq!(phase, Phase::Succeeded);
    assert_eq!(daemons(&stage, "podinfo-primary").await, (json!("podinfo:2"), json!(1)));
    let parked = stage.object(DAEMON_SETS, "podinfo").await;
    assert_eq!(parked["spec"]["template"]["spec"]["nodeSelector"], json!({"flagger.app/scale-to-zero": "true"}));
    let primary = stage.object(DAEMON_SETS, "podinfo-primary").await;
    assert_eq!(primary["spec"]["template"]["spec"]["nodeSelector"], Value::Null);
    operator.end().await;
}
