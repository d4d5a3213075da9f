//! Canaries in one cluster, their routing objects in another.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::path::{Path, PathBuf};

use sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use crate::hooks::Receiver;
use crate::world::{World, canary, get};

const ROUTES: &str = "gateway.networking.k8s.io/v1";

/// A cluster, and where its kubeconfig is.
async fn cluster(name: &str) -> (Sandbox, PathBuf) {
    let dir = std::env::temp_dir().join(format!("flagger-mesh-test-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let options = Options { speed: 20.0, seed: 7, dir: Some(dir.clone()), ..Options::default() };
    (Sandbox::start(options).await.unwrap(), dir)
}

fn flag(name: &str, sandbox: &Sandbox) -> String {
    format!("-{name}={}", sandbox.kubeconfig_file().map(Path::display).unwrap())
}

/// The Services that the route leads to, with their weights.
async fn backends(mesh: &Sandbox) -> Vec<(String, i64)> {
    let route = get(mesh.client(), ROUTES, "HTTPRoute", "podinfo").await.unwrap();
    assert_eq!(route["metadata"]["ownerReferences"], Value::Null, "nothing there owns it");
    let backends = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap();
    let text = |backend: &Value| backend["name"].as_str().unwrap().to_owned();
    backends.iter().map(|backend| (text(backend), backend["weight"].as_i64().unwrap())).collect()
}

fn to(primary: i64, canary: i64) -> Vec<(String, i64)> {
    vec![("podinfo-primary".to_owned(), primary), ("podinfo-canary".to_owned(), canary)]
}

#[tokio::test]
async fn routing_objects_in_a_cluster_of_their_own_are_released_and_given_back() {
    let ((home, home_dir), (mesh, mesh_dir)) = (cluster("home").await, cluster("mesh").await);
    let flags = [flag("kubeconfig", &home), flag("kubeconfig-service-mesh", &mesh)];
    let world = World::start_in(home, &flags).await;
    // Holds the run at its only step until the test has seen it.
    let receiver = Receiver::start().await;
    receiver.answer("/hold", &[403]);
    let hold = json!({"name": "hold", "type": "confirm-promotion", "url": format!("{}/hold", receiver.url)});
    let analysis = json!({"interval": "60s", "threshold": 2, "stepWeights": [30], "webhooks": [hold]});
    let mut reverted = canary("podinfo", &analysis);
    reverted["spec"]["revertOnDeletion"] = json!(true);
    world.push("podinfo", "6.0.0").await;
    world.apply(&reverted).await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Initialized").await;
    assert_eq!(backends(&mesh).await, to(100, 0));
    assert_eq!(world.get(ROUTES, "HTTPRoute", "podinfo").await, None, "none in the canaries' cluster");
    for (api_version, kind) in [("apps/v1", "Deployment"), ("v1", "Service")] {
        assert!(world.get(api_version, kind, "podinfo-primary").await.is_some());
        assert_eq!(get(mesh.client(), api_version, kind, "podinfo-primary").await, None, "{kind}");
    }

    world.push("podinfo", "6.0.1").await;
    world.said("podinfo", "Advance podinfo.default canary weight 30").await;
    assert_eq!(backends(&mesh).await, to(70, 30));
    receiver.let_go();
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    assert_eq!(backends(&mesh).await, to(100, 0));

    world.delete("flagger.app/v1beta1", "Canary", "podinfo").await;
    world.said("podinfo", "Terminated canary podinfo.default").await;
    assert_eq!(backends(&mesh).await, [("podinfo".to_owned(), 1)], "it leads to the Service of the target");
    world.stop().await;
    mesh.stop().await;
    for dir in [home_dir, mesh_dir] {
        std::fs::remove_dir_all(dir).unwrap();
    }
}
