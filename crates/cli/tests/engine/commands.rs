//! What people do to a canary with a patch: the commands of the documented set-ups.

use serde_json::{Value, json};

use crate::world::{World, canary};

/// The status of the condition that `kubectl wait --for=condition=Promoted` waits for.
fn promoted(canary: &Value) -> Option<&Value> {
    let conditions = canary["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Promoted").map(|condition| &condition["status"])
}

/// A run that stands at its first step until somebody does something.
fn held() -> Value {
    json!({"interval": "10m", "threshold": 2, "stepWeight": 20, "maxWeight": 60})
}

#[tokio::test]
async fn skip_analysis_in_mid_run_promotes_at_once_and_the_condition_tells_those_who_wait() {
    let world = World::start(20.0, &[]).await;
    world.release("podinfo", "6.0.0", &held()).await;
    world.push("podinfo", "6.0.1").await;
    world
        .canary("podinfo", |canary| {
            canary["status"]["canaryWeight"] == 20 && promoted(canary) == Some(&json!("Unknown"))
        })
        .await;
    world.patch("Canary", "podinfo", &json!({"spec": {"skipAnalysis": true}})).await;
    let done = world.canary("podinfo", |canary| promoted(canary) == Some(&json!("True"))).await;
    assert_eq!([&done["status"]["phase"], &done["status"]["canaryWeight"]], [&json!("Succeeded"), &json!(0)]);
    world.said("podinfo", "Promotion completed! Canary analysis was skipped for podinfo.default").await;
    let primary = world.get("apps/v1", "Deployment", "podinfo-primary").await.unwrap();
    let image = &primary["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "ghcr.io/stefanprodan/podinfo:6.0.1");
    assert_eq!(world.weight("podinfo").await, 0);
    world.stop().await;
}

#[tokio::test]
async fn revert_on_deletion_and_a_delete_in_mid_run_leave_the_target_with_the_traffic() {
    let world = World::start(20.0, &[]).await;
    world.release("podinfo", "6.0.0", &held()).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["canaryWeight"] == 20).await;
    world.patch("Canary", "podinfo", &json!({"spec": {"revertOnDeletion": true}})).await;
    let finalized = |canary: &Value| canary["metadata"]["finalizers"].as_array().is_some_and(|held| !held.is_empty());
    world.canary("podinfo", finalized).await;
    world.delete("flagger.app/v1beta1", "Canary", "podinfo").await;
    world.gone("flagger.app/v1beta1", "Canary", "podinfo").await;
    let target = world.get("apps/v1", "Deployment", "podinfo").await.unwrap();
    assert_eq!([&target["spec"]["replicas"], &target["status"]["readyReplicas"]], [&json!(1), &json!(1)]);
    world.said("podinfo", "Terminated canary podinfo.default").await;
    world.stop().await;
}

#[tokio::test]
async fn a_worker_that_listens_on_nothing_is_released_and_rolled_back_by_its_cpu_and_memory() {
    let metrics = crate::hooks::Receiver::start().await;
    let reading = |value: &str| format!(r#"{{"data":{{"resultType":"vector","result":[{{"value":[1,"{value}"]}}]}}}}"#);
    let world = World::start(20.0, &[format!("-metrics-server={}", metrics.url)]).await;
    let usage = |name: &str, series: &str| {
        json!({"name": name, "thresholdRange": {"max": 80}, "query":
            format!("sum({series}{{namespace=\"{{{{ namespace }}}}\",pod=~\"{{{{ target }}}}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\"}})")})
    };
    let metrics_asked = json!([usage("cpu-usage", "cpu"), usage("memory-usage", "memory")]);
    let analysis = json!({"interval": "30s", "threshold": 1, "iterations": 2, "metrics": metrics_asked});
    let mut worker = canary("worker", &analysis);
    worker["spec"]["provider"] = json!("kubernetes");
    worker["spec"]["service"] = json!({"port": 80});
    let deployment = |tag: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker", "namespace": "default"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "worker"}},
                "template": {
                    "metadata": {"labels": {"app": "worker"}},
                    "spec": {"containers": [{"name": "worker", "image": format!("ghcr.io/stefanprodan/podinfo:{tag}")}]},
                },
            },
        })
    };
    metrics.says(&reading("1"));
    world.apply(&deployment("6.0.0")).await;
    world.apply(&worker).await;
    world.canary("worker", |canary| canary["status"]["phase"] == "Initialized").await;
    world.apply(&deployment("6.0.1")).await;
    world.canary("worker", |canary| canary["status"]["phase"] == "Succeeded").await;
    let asked = metrics.paths();
    let pods = "%7Bnamespace%3D%22default%22%2Cpod%3D%7E%22worker-";
    for series in ["cpu", "memory"] {
        assert!(asked.iter().any(|path| path.contains(&format!("sum%28{series}{pods}"))), "{asked:#?}");
    }
    metrics.says(&reading("93"));
    world.apply(&deployment("6.0.2")).await;
    world.canary("worker", |canary| canary["status"]["phase"] == "Failed").await;
    world.said("worker", "Halt worker.default advancement cpu-usage 93.00 > 80").await;
    world.stop().await;
}
