//! The gateway obeys Ingresses and their canaries, and counts as ingress-nginx does.

use http::HeaderMap;
use meters::Names;
use meters::builtin::{Check, Observer};
use serde_json::{Value, json};

use crate::world::{World, named, settles, share_error, until};

impl World {
    async fn apply_ingress(&self, name: &str, service: &str, annotations: Value) {
        let ingress = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "annotations": annotations},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "app.example.com", "http": {"paths": [
                {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}}]}}]},
        });
        self.apply("networking.k8s.io/v1", "Ingress", "ingresses", ingress).await;
    }
}

async fn world(speed: f64) -> World {
    let world = World::start(speed).await;
    let failing = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [{
        "name": "podinfo", "image": "podinfo:7.0.0", "ports": [{"name": "http", "containerPort": 9898}],
        "env": [{"name": "FAIL_RATE", "value": "30%"}, {"name": "LATENCY", "value": "400ms"}]}]}}}});
    world.deploy("podinfo", "6.0.0", json!({"spec": {"replicas": 1}})).await;
    world.deploy("podinfo-canary", "7.0.0", failing).await;
    world.serves("podinfo").await;
    world.serves("podinfo-canary").await;
    world.apply_ingress("podinfo", "podinfo", json!({})).await;
    world.answered("app.example.com", "/", 200).await;
    world
}

fn canary(prefix: &str, rules: &[(&str, &str)]) -> Value {
    let all = [("canary", "true")].iter().chain(rules);
    all.map(|(name, value)| (format!("{prefix}/{name}"), Value::from(*value))).collect::<serde_json::Map<_, _>>().into()
}

#[tokio::test]
async fn a_canarys_weight_splits_requests_and_none_is_lost_while_it_changes() {
    let world = world(20.0).await;
    let load = world.load("app.example.com", 400.0);
    for weight in ["10", "50"] {
        let annotations = canary(
            "nginx.ingress.kubernetes.io",
            &[("canary-weight", weight), ("canary-by-header", "x-step"), ("canary-by-header-value", weight)],
        );
        world.apply_ingress("podinfo-canary", "podinfo-canary", annotations).await;
        let expected = weight.parse::<f64>().unwrap() / 100.0;
        world.taken_up("app.example.com", weight).await;
        // What was in flight when the weights changed is over after as many answers.
        until(&load.stats(), |counts| 100 <= counts.requests).await;
        let counts = until(&load.stats(), |counts| 1200 <= counts.requests).await;
        let share = counts.share("podinfo-canary");
        assert!((share - expected).abs() < share_error(expected, 1200), "{weight}: {counts:?}");
    }
    let stats = load.stats();
    load.stop().await;
    assert_eq!(stats.snapshot().lost, 0, "{:?}", stats.snapshot());
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_header_or_a_cookie_chooses_under_any_prefix_of_annotations() {
    let world = world(20.0).await;
    let rules = [("canary-by-header", "x-user"), ("canary-by-header-value", "insider"), ("canary-by-cookie", "canary")];
    world.apply_ingress("podinfo-canary", "podinfo-canary", canary("custom.example.com", &rules)).await;
    for (name, value) in [("x-user", "insider"), ("cookie", "a=1; canary=always")] {
        let headers: HeaderMap = [(name.parse().unwrap(), value.parse().unwrap())].into_iter().collect();
        let load = world.load_with("app.example.com", 200.0, headers);
        settles(&load.stats(), 50, |counts| (counts.share("podinfo-canary") - 1.0).abs() < f64::EPSILON).await;
        load.stop().await;
    }
    let load = world.load("app.example.com", 200.0);
    let counts = until(&load.stats(), |counts| 50 <= counts.requests).await;
    assert!((counts.share("podinfo") - 1.0).abs() < f64::EPSILON, "{counts:?}");
    load.stop().await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn what_ingress_nginx_would_count_is_read_by_the_built_in_queries_and_by_those_for_prometheus_operator() {
    let world = world(60.0).await;
    let annotations = canary("nginx.ingress.kubernetes.io", &[("canary-weight", "50")]);
    world.apply_ingress("podinfo-canary", "podinfo-canary", annotations).await;
    let load = world.load("app.example.com", 300.0);
    let names = Names { ingress: "podinfo".into(), ..named("podinfo") };
    let built_in = |check| world.built_in(Observer::Nginx, check, &names);
    let exported = r#"sum(rate(nginx_ingress_controller_requests{exported_namespace="default",ingress="podinfo",status!~"5.."}[1m]))
        / sum(rate(nginx_ingress_controller_requests{exported_namespace="default",ingress="podinfo"}[1m])) * 100"#;
    until(&load.stats(), |counts| {
        let close = |value: Option<f64>, expected: f64| value.is_some_and(|value| (value - expected).abs() < 8.0);
        // Half of the requests meet the canary, of which three in ten fail.
        1500 <= counts.requests && close(built_in(Check::SuccessRate), 70.0) && close(world.value(exported), 85.0)
    })
    .await;
    let took = || built_in(Check::RequestDuration);
    world.comes_true(|| took().is_some_and(|took| (400.0..10_000.0).contains(&took))).await;
    let p99 = r#"histogram_quantile(0.99, sum(rate(nginx_ingress_controller_request_duration_seconds_bucket{
        exported_namespace="default",ingress="podinfo"}[1m])) by (le)) * 1000"#;
    world.comes_true(|| world.value(p99).is_some_and(|millis| 0.0 < millis)).await;
    load.stop().await;
    world.sandbox.stop().await;
}
