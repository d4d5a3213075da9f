//! Applied manifests become pods that serve, roll and fail as in a cluster.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use sandbox::{Options, Sandbox};
use serde_json::json;

use crate::world::{PATIENCE, World, names, ready, reason, rolled_out, settles, until, waits};

#[tokio::test]
async fn a_deployment_becomes_available_and_serves_its_version_through_its_service() {
    let world = World::start(20.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    let deployment = world.serves("podinfo").await;
    assert_eq!(reason(&deployment, "Available"), Some("MinimumReplicasAvailable"));
    assert_eq!(deployment.metadata.annotations.unwrap()["deployment.kubernetes.io/revision"], "1");

    let load = world.load("podinfo.default.svc.cluster.local", 200.0);
    let counts = until(&load.stats(), |counts| 100 <= counts.requests).await;
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
    world.serves("podinfo").await;
    let load = world.load("podinfo.default", 300.0);
    until(&load.stats(), |counts| counts.versions.contains_key("6.5.4")).await;
    for tag in ["6.6.0", "6.7.0"] {
        world.set_image("podinfo", tag).await;
        world.deployment("podinfo", rolled_out).await;
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
    let restarts = |pod: &Pod| {
        let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
        statuses.first().map_or(0, |status| status.restart_count)
    };
    let pod = world.pod("crash", |pod| waits(pod) == Some("CrashLoopBackOff") && 2 <= restarts(pod)).await;
    let last = pod.status.unwrap().container_statuses.unwrap()[0].last_state.clone().unwrap().terminated.unwrap();
    assert_eq!(last.exit_code, 1);
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
        let there = |deployment: &Deployment| {
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
async fn a_settled_cluster_writes_nothing() {
    let world = World::start(20.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    world.rolled_out("podinfo").await;
    let load = world.load("podinfo.default", 200.0);
    let versions = async || {
        let objects = world.pods().list(&ListParams::default()).await.unwrap().items;
        let pods = objects.into_iter().map(|pod| pod.metadata.resource_version);
        let deployment = world.deployments().get("podinfo").await.unwrap().metadata.resource_version;
        pods.chain([deployment]).collect::<Vec<_>>()
    };
    // It settles: there are twenty seconds of its time, which are several probes and scrapes, without a change.
    let settling = async {
        let mut before = Vec::new();
        loop {
            let now = versions().await;
            if now == before {
                return;
            }
            before = now;
            until(&load.stats(), |counts| 200 <= counts.requests).await;
        }
    };
    tokio::time::timeout(PATIENCE, settling).await.expect("something is written again and again");
    load.stop().await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn nothing_is_left_after_a_stop() {
    let dir = std::env::temp_dir().join(format!("sandbox-test-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let options = Options { speed: 50.0, dir: Some(dir.clone()), ..Options::default() };
    let world = World { sandbox: Sandbox::start(options).await.unwrap() };
    world.deploy("podinfo", "6.5.4", json!({})).await;
    let pod = world.pod("podinfo", ready).await;
    let kubeconfig = std::fs::read_to_string(dir.join("kubeconfig")).unwrap();
    assert!(kubeconfig.contains(&world.sandbox.api_url()), "{kubeconfig}");

    let pod = pod.metadata.annotations.unwrap()["sandbox.flagger.app/listen"].clone();
    let urls = [world.sandbox.api_url(), world.sandbox.gateway_url(), world.sandbox.metrics_url(), pod];
    world.sandbox.stop().await;
    for url in urls {
        let addr = url.trim_start_matches("http://");
        assert!(tokio::net::TcpStream::connect(addr).await.is_err(), "{addr} still listens");
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0, "the kubeconfig is gone");
    std::fs::remove_dir(&dir).unwrap();
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let world = World::start(1.0).await;
    let taken = world.sandbox.gateway_addr();
    let options = Options { gateway_addr: taken, ..Options::default() };
    let error = Sandbox::start(options).await.err().expect("the port is in use");
    assert_eq!(error.to_string(), format!("failed to start the sandbox's gateway on {taken}"));
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_pod_that_says_it_is_not_ready_gets_no_requests_until_it_is_again() {
    let world = World::start(20.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    world.serves("podinfo").await;
    let load = world.load("podinfo.default", 300.0);
    let counts = until(&load.stats(), |counts| counts.pods.len() == 2).await;
    let sick = counts.pods.keys().next().unwrap().clone();
    world.ask_pod(&sick, "POST", "/readyz/disable").await;
    world.deployment("podinfo", |found| found.status.as_ref().unwrap().ready_replicas == Some(1)).await;
    // The news travels to the gateway's table in milliseconds, or longer on a busy machine; then only the other one answers.
    settles(&load.stats(), 100, |counts| !counts.pods.contains_key(&sick)).await;
    world.ask_pod(&sick, "POST", "/readyz/enable").await;
    let counts = until(&load.stats(), |counts| counts.pods.contains_key(&sick)).await;
    assert_eq!(counts.lost, 0);
    load.stop().await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn the_environment_comes_from_config_maps_secrets_and_the_pod() {
    let world = World::start(50.0).await;
    let config =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "rates"}, "data": {"FAIL_RATE": "100%"}});
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "words"}, "stringData": {"word": "psst"}});
    world.apply("v1", "Secret", "secrets", secret).await;
    let change = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [{
    "name": "podinfo", "image": "podinfo:1",
    "envFrom": [{"configMapRef": {"name": "rates"}}],
    "env": [
        {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "words", "key": "word"}}},
        {"name": "PODINFO_UI_MESSAGE", "value": "$(WORD)"},
    ]}]}}}});
    world.deploy("podinfo", "1", change).await;
    world.pod("podinfo", |pod| waits(pod) == Some("CreateContainerConfigError")).await;
    world.apply("v1", "ConfigMap", "configmaps", config).await;
    let pod = world.pod("podinfo", ready).await;
    let (status, body) = world.ask_pod(pod.metadata.name.as_deref().unwrap(), "GET", "/").await;
    assert_eq!((status, body.trim()), (500, "failing as FAIL_RATE says"));
    world.sandbox.stop().await;
}

#[tokio::test]
async fn deleting_a_deployment_takes_everything_with_it_and_events_tell_the_story() {
    let world = World::start(50.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    world.rolled_out("podinfo").await;
    world.deployments().delete("podinfo", &DeleteParams::background()).await.unwrap();
    world.gone("podinfo").await;
    let events: Api<Event> = Api::namespaced(world.sandbox.client(), "default");
    for reason in ["ScalingReplicaSet", "SuccessfulCreate", "Scheduled", "Pulled", "Created", "Started", "Killing"] {
        let told = async || {
            let events = events.list(&ListParams::default()).await.unwrap().items;
            events.iter().any(|event| event.reason.as_deref() == Some(reason))
        };
        let waiting = async { while !told().await {} };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{reason} was never told"));
    }
    world.sandbox.stop().await;
}
