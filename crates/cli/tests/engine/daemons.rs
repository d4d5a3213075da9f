//! A `DaemonSet` that is released, on a cluster of one node.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use serde_json::{Value, json};

use crate::hooks::Receiver;
use crate::world::{World, canary};

fn daemon_set(tag: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            // On one node nothing else keeps a promotion from leaving nobody to serve.
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{
                    "name": "agent",
                    "image": format!("ghcr.io/stefanprodan/podinfo:{tag}"),
                    "ports": [{"name": "http", "containerPort": 9898}],
                    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2},
                }]},
            },
        },
    })
}

fn image(daemon_set: &Value) -> &str {
    daemon_set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap()
}

/// How many nodes are to run it, and how many do.
fn nodes(daemon_set: &Value) -> [i64; 2] {
    let count = |field: &str| daemon_set["status"][field].as_i64().unwrap_or_default();
    [count("desiredNumberScheduled"), count("numberAvailable")]
}

#[tokio::test]
async fn a_daemon_set_runs_beside_its_primary_while_it_is_released_and_is_parked_afterwards() {
    let world = World::start(20.0, &[]).await;
    // Holds the promotion until the test has seen both at work.
    let receiver = Receiver::start().await;
    receiver.answer("/hold", &[403]);
    let hold = json!({"name": "hold", "type": "confirm-promotion", "url": format!("{}/hold", receiver.url)});
    let analysis = json!({"interval": "60s", "threshold": 2, "stepWeight": 50, "maxWeight": 50, "webhooks": [hold]});
    let mut agent = canary("agent", &analysis);
    agent["spec"]["targetRef"]["kind"] = json!("DaemonSet");
    world.apply(&daemon_set("6.0.0")).await;
    world.apply(&agent).await;
    world.canary("agent", |canary| canary["status"]["phase"] == "Initialized").await;

    world.apply(&daemon_set("6.0.1")).await;
    world.said("agent", "Advance agent.default canary weight 50").await;
    let target = world.get("apps/v1", "DaemonSet", "agent").await.unwrap();
    let primary = world.get("apps/v1", "DaemonSet", "agent-primary").await.unwrap();
    assert_eq!([nodes(&target), nodes(&primary)], [[1, 1], [1, 1]]);
    assert!(image(&target).ends_with(":6.0.1") && image(&primary).ends_with(":6.0.0"));

    receiver.let_go();
    world.canary("agent", |canary| canary["status"]["phase"] == "Succeeded").await;
    let target = world.get("apps/v1", "DaemonSet", "agent").await.unwrap();
    let primary = world.get("apps/v1", "DaemonSet", "agent-primary").await.unwrap();
    assert!(image(&primary).ends_with(":6.0.1"));
    assert_eq!(nodes(&primary), [1, 1]);
    assert_eq!(target["spec"]["template"]["spec"]["nodeSelector"]["flagger.app/scale-to-zero"], "true");
    world.stop().await;
}
