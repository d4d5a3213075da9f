//! Requests go where the live routing objects say, and what went where can be queried.

use serde_json::json;

use crate::world::{World, settles, share_error, until};

#[tokio::test]
async fn a_routes_weights_split_real_requests_and_follow_its_changes() {
    let world = World::start(20.0).await;
    for (name, tag) in [("podinfo", "6.0.0"), ("podinfo-canary", "7.0.0")] {
        world.deploy(name, tag, json!({})).await;
    }
    world.serves("podinfo").await;
    world.serves("podinfo-canary").await;
    let route = |primary: u32, canary: u32| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "podinfo", "namespace": "default"},
            "spec": {"parentRefs": [{"name": "gateway"}], "hostnames": ["app.example.com"], "rules": [{"backendRefs": [
                {"name": "podinfo", "port": 80, "weight": primary}, {"name": "podinfo-canary", "port": 80, "weight": canary}]}]},
        })
    };
    world.apply_route(route(90, 10)).await;
    let load = world.load("app.example.com", 400.0);
    until(&load.stats(), |counts| counts.versions.contains_key("7.0.0")).await;

    let counts = until(&load.stats(), |counts| 1500 <= counts.requests).await;
    assert!((counts.share("podinfo-canary") - 0.1).abs() < share_error(0.1, 1500), "{counts:?}");
    world.apply_route(route(0, 100)).await;
    settles(&load.stats(), 200, |counts| (counts.share("podinfo-canary") - 1.0).abs() < f64::EPSILON).await;
    load.stop().await;

    let route = world.apply_route(route(0, 100)).await;
    let conditions = route.data["status"]["parents"][0]["conditions"].clone();
    assert_eq!(conditions[0]["status"], "True", "{conditions}");
    let requests = world.sandbox.gateway_stats().requests();
    assert!(requests.keys().any(|passage| passage.route == "podinfo" && passage.backend == "podinfo-canary"));
    world.sandbox.stop().await;
}

#[tokio::test]
async fn what_pods_and_the_gateway_count_can_be_queried() {
    let world = World::start(60.0).await;
    let failing = json!({"spec": {"template": {"spec": {"containers": [{
        "name": "podinfo", "image": "podinfo:6.5.4", "ports": [{"name": "http", "containerPort": 9898}],
        "env": [{"name": "FAIL_RATE", "value": "30%"}]}]}}}});
    world.deploy("podinfo", "6.5.4", failing).await;
    world.serves("podinfo").await;
    let load = world.load("podinfo.default", 200.0);
    let rate = r#"sum(rate(http_request_duration_seconds_count{kubernetes_namespace="default",kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",status!~"5.*",path="root"}[1m]))
        / sum(rate(http_request_duration_seconds_count{kubernetes_namespace="default",kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)",path="root"}[1m]))"#;
    let stats = load.stats();
    let passed = r#"sum(gateway_requests_total{backend="podinfo"})"#;
    until(&stats, |counts| {
        600 <= counts.requests
            && world.value(rate).is_some_and(|share| (share - 0.7).abs() < 0.1)
            && world.value(passed).is_some_and(|passed| 100.0 < passed)
    })
    .await;
    assert_eq!(stats.snapshot().lost, 0);
    load.stop().await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn filters_change_requests_and_responses_and_redirects_answer_themselves() {
    let world = World::start(50.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    world.serves("podinfo").await;
    let backend = json!([{"name": "podinfo", "port": 80, "filters": [
        {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "Set-Cookie", "value": "a=b"}]}}]}]);
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "podinfo"},
        "spec": {"parentRefs": [{"name": "gateway"}], "hostnames": ["*.example.com"], "rules": [
            {"matches": [{"path": {"value": "/api"}}], "backendRefs": backend, "filters": [
                {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-added", "value": "yes"}]}},
                {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}]},
            {"matches": [{"path": {"value": "/old"}}], "filters": [
                {"type": "RequestRedirect", "requestRedirect": {"hostname": "new.example.com", "statusCode": 301}}]},
            {"matches": [{"path": {"value": "/slow"}}], "backendRefs": [{"name": "podinfo", "port": 80}],
                "timeouts": {"request": "5s"}, "filters": [
                {"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/delay/3600"}}}]},
        ]},
    });
    world.apply_route(route).await;
    let answer = world.ask("app.example.com", "/api/headers").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("\"x-added\":[\"yes\"]"), "{}", answer.body);
    assert_eq!(answer.headers["set-cookie"], "a=b");
    let answer = world.ask("app.example.com", "/old/page?x=1").await;
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (301, &"http://new.example.com/old/page?x=1".parse().unwrap())
    );
    assert_eq!(world.ask("app.example.com", "/slow").await.status, 504);
    assert_eq!(world.ask("app.example.com", "/elsewhere").await.status, 404);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn cluster_names_are_reached_through_the_gateway_as_a_proxy() {
    let world = World::start(50.0).await;
    world.deploy("podinfo", "6.5.4", json!({})).await;
    world.serves("podinfo").await;
    let answer = world.ask("ignored", "http://podinfo.default:80/version").await;
    assert!(answer.body.contains("6.5.4"), "{}", answer.body);
    world.deploy("empty", "6.5.4", json!({"spec": {"replicas": 0}})).await;
    world.table_knows("empty.default").await;
    assert_eq!(world.ask("empty.default", "/").await.status, 503);
    assert_eq!(world.ask("nobody.default", "/").await.status, 404);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_mirror_gets_copies_and_nobody_notices() {
    let world = World::start(60.0).await;
    for name in ["podinfo", "shadow"] {
        world.deploy(name, "6.5.4", json!({"spec": {"replicas": 1}})).await;
        world.serves(name).await;
    }
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "podinfo"},
        "spec": {"parentRefs": [{"name": "gateway"}], "hostnames": ["app.example.com"], "rules": [{
            "backendRefs": [{"name": "podinfo", "port": 80}],
            "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "shadow", "port": 80}}}]}]},
    });
    world.apply_route(route).await;
    let load = world.load("app.example.com", 200.0);
    let mirrored = r#"sum(http_request_duration_seconds_count{app="shadow",path="root"})"#;
    let stats = load.stats();
    until(&stats, |counts| 50 <= counts.requests && world.value(mirrored).is_some_and(|count| 20.0 < count)).await;
    load.stop().await;
    let counts = stats.snapshot();
    assert!((counts.share("podinfo") - 1.0).abs() < f64::EPSILON, "{counts:?}");
    world.sandbox.stop().await;
}
