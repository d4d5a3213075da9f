//! What a user of the sandbox sees: applied manifests become pods that serve, roll, fail and split as in a cluster.

mod world;

use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use world::{World, names, ready, reason, rolled_out, until, waits};

#[tokio::test]
async fn a_deployment_becomes_available_and_serves_its_version_through_its_service() {
    let world = World::start(20.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    let deployment = world.rolled_out("podinfo").await;
    assert_eq!(reason(&deployment, "Available"), Some("MinimumReplicasAvailable"));
    assert_eq!(deployment.metadata.annotations.unwrap()["deployment.kubernetes.io/revision"], "1");

    let load = world.load("podinfo.default.svc.cluster.local", 200.0);
    let counts = until(&load.stats(), |counts| 100 <= counts.requests && 0 < counts.pods.len()).await;
    load.stop().await;
    assert_eq!((counts.failed, counts.lost), (0, 0));
    assert_eq!(counts.versions.keys().collect::<Vec<_>>(), ["6.5.4"]);
    assert_eq!(counts.pods.len(), 2, "both pods serve");
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_rolling_update_under_load_loses_no_request() {
    let world = World::start(20.0).await;
    world.deploy("podinfo", "6.5.4", json!({"spec": {"replicas": 3}})).await;
    world.rolled_out("podinfo").await;
    let load = world.load("podinfo.default", 300.0);
    until(&load.stats(), |counts| counts.versions.contains_key("6.5.4")).await;
    for tag in ["6.6.0", "6.7.0"] {
        world.set_image("podinfo", tag).await;
        world.deployment("podinfo", |deployment| rolled_out(deployment)).await;
        until(&load.stats(), |counts| 50 <= counts.versions.get(tag).copied().unwrap_or(0)).await;
    }
    let stats = load.stats();
    load.stop().await;
    let counts = stats.snapshot();
    assert_eq!((counts.failed, counts.lost), (0, 0), "of {} requests", counts.requests);
    let deployment = world.rolled_out("podinfo").await;
    assert_eq!(deployment.metadata.annotations.unwrap()["deployment.kubernetes.io/revision"], "3");
    world.sandbox.stop().await;
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_stalls_the_rollout_and_leaves_the_old_pods_serving() {
    let world = World::start(60.0).await;
    world.deploy("podinfo", "6.5.4", json!({"spec": {"progressDeadlineSeconds": 30}})).await;
    world.rolled_out("podinfo").await;
    world.set_image("podinfo", "does-not-exist").await;
    world.pod("podinfo", |pod| waits(pod) == Some("ImagePullBackOff")).await;
    let late = |deployment: &_| reason(deployment, "Progressing") == Some("ProgressDeadlineExceeded");
    let deployment = world.deployment("podinfo", late).await;
    assert_eq!(deployment.status.and_then(|status| status.available_replicas), Some(2), "the old pods stay");
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_crashing_container_is_restarted_with_a_growing_pause() {
    let world = World::start(100.0).await;
    let crash = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "podinfo", "image": "podinfo:1", "env": [{"name": "CRASH", "value": "true"}]}]}}}});
    world.deploy("crash", "1", crash).await;
    let restarts = |pod: &k8s_openapi::api::core::v1::Pod| {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
        statuses.first().map_or(0, |status| status.restart_count)
    };
    let pod = world.pod("crash", |pod| waits(pod) == Some("CrashLoopBackOff") && 2 <= restarts(pod)).await;
    let last = pod.status.unwrap().container_statuses.unwrap()[0].last_state.clone().unwrap().terminated.unwrap();
    assert_eq!(last.exit_code, 1);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_routes_weights_split_real_requests_and_follow_its_changes() {
    let world = World::start(20.0).await;
    for (name, tag) in [("podinfo", "6.0.0"), ("podinfo-canary", "7.0.0")] {
        world.deploy(name, tag, json!({})).await;
    }
    world.rolled_out("podinfo").await;
    world.rolled_out("podinfo-canary").await;
    let route = |primary: u32, canary: u32| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "podinfo", "namespace": "default"},
            "spec": {"parentRefs": [{"name": "gateway"}], "hostnames": ["app.example.com"], "rules": [{"backendRefs": [
                {"name": "podinfo", "port": 80, "weight": primary}, {"name": "podinfo-canary", "port": 80, "weight": canary}]}]},
        })
    };
    let apply = |object: Value| world.apply("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", object);
    apply(route(90, 10)).await;
    let load = world.load("app.example.com", 400.0);
    until(&load.stats(), |counts| counts.versions.contains_key("7.0.0")).await;

    let counts = until(&load.stats(), |counts| 1500 <= counts.requests).await;
    // Four standard deviations of a binomial with 1500 draws.
    assert!((counts.share("podinfo-canary") - 0.1).abs() < 0.031, "{counts:?}");
    apply(route(0, 100)).await;
    until(&load.stats(), |counts| {
        50 <= counts.requests && counts.versions.get("6.0.0").is_none_or(|count| *count < 50)
    })
    .await;
    let counts = until(&load.stats(), |counts| 200 <= counts.requests).await;
    assert!((counts.share("podinfo-canary") - 1.0).abs() < f64::EPSILON, "{counts:?}");
    load.stop().await;

    let route = apply(route(0, 100)).await;
    let conditions = route.data["status"]["parents"][0]["conditions"].clone();
    assert_eq!(conditions[0]["status"], "True", "{conditions}");
    let requests = world.sandbox.gateway_stats().requests();
    assert!(requests.keys().any(|passage| passage.route == "podinfo" && passage.backend == "podinfo-canary"));
    world.sandbox.stop().await;
}

#[tokio::test]
async fn scaling_to_zero_and_back_removes_and_returns_the_pods() {
    let world = World::start(20.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    world.rolled_out("podinfo").await;
    for replicas in [0, 3] {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        world.deployments().patch("podinfo", &PatchParams::default(), &patch).await.unwrap();
        let there = |deployment: &k8s_openapi::api::apps::v1::Deployment| {
            let status = deployment.status.clone().unwrap_or_default();
            status.observed_generation == deployment.metadata.generation
                && status.replicas.unwrap_or(0) == replicas
                && status.available_replicas.unwrap_or(0) == replicas
        };
        world.deployment("podinfo", there).await;
    }
    let pods = world.pods().list(&ListParams::default().labels("app=podinfo")).await.unwrap().items;
    assert_eq!(pods.iter().filter(|pod| ready(pod)).count(), 3, "{:?}", names(&pods));
    world.sandbox.stop().await;
}

#[tokio::test]
async fn what_pods_and_the_gateway_count_can_be_queried() {
    let world = World::start(60.0).await;
    let failing = json!({"spec": {"template": {"spec": {"containers": [{
        "name": "podinfo", "image": "podinfo:6.5.4", "ports": [{"name": "http", "containerPort": 9898}],
        "env": [{"name": "FAIL_RATE", "value": "30%"}]}]}}}});
    world.deploy("podinfo", "6.5.4", failing).await;
    world.rolled_out("podinfo").await;
    let load = world.load("podinfo.default", 200.0);
    let rate = r#"sum(rate(http_request_duration_seconds_count{kubernetes_namespace="default",kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",status!~"5.*",path="root"}[1m]))
        / sum(rate(http_request_duration_seconds_count{kubernetes_namespace="default",kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",path="root"}[1m]))"#;
    let value = |query: &str| match world.sandbox.store().query(query, world.sandbox.clock().now().as_millisecond()) {
        Ok(metricstore::QueryValue::Vector { samples, .. }) => samples.first().map(|sample| sample.value),
        other => panic!("{query}: {other:?}"),
    };
    let stats = load.stats();
    until(&stats, |counts| 600 <= counts.requests && value(rate).is_some_and(|share| share < 0.9)).await;
    let share = value(rate).unwrap();
    assert!((share - 0.7).abs() < 0.1, "{share}");
    let passed = value(r#"sum(gateway_requests_total{backend="podinfo"})"#).unwrap();
    assert!(100.0 < passed, "{passed}");
    assert_eq!(stats.snapshot().lost, 0);
    load.stop().await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let world = World::start(1.0).await;
    let taken = world.sandbox.gateway_addr();
    let options = sandbox::Options { gateway_addr: taken, ..sandbox::Options::default() };
    let error = sandbox::Sandbox::start(options).await.err().expect("the port is in use");
    assert_eq!(error.to_string(), format!("failed to start the sandbox's gateway on {taken}"));
    world.sandbox.stop().await;
}
