//! The gateway obeys `VirtualServic`s and `DestinationRul`s, and counts as Istio does.

use http::HeaderMap;
use meters::builtin::{Check, Observer};
use serde_json::{Value, json};

use crate::world::{World, named, share_error, until};

/// A `VirtualService` for `app.example.com` and, in the mesh, for the Service `podinfo`.
fn virtual_service(http: &Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": {"name": "podinfo"},
        "spec": {"hosts": ["app.example.com", "podinfo"], "gateways": ["public", "mesh"], "http": http},
    })
}

fn split(primary: u32, canary: u32) -> Value {
    json!([{"destination": {"host": "podinfo-primary"}, "weight": primary},
           {"destination": {"host": "podinfo-canary"}, "weight": canary}])
}

async fn world(speed: f64) -> World {
    with_canary(speed, json!({"spec": {"replicas": 1}})).await
}

/// The same with another canary.
async fn with_canary(speed: f64, canary: Value) -> World {
    let world = World::start(speed).await;
    for name in ["podinfo", "podinfo-primary"] {
        world.deploy(name, "6.0.0", json!({"spec": {"replicas": 1}})).await;
    }
    world.deploy("podinfo-canary", "7.0.0", canary).await;
    for name in ["podinfo", "podinfo-primary", "podinfo-canary"] {
        world.serves(name).await;
    }
    world
}

impl World {
    async fn apply_virtual_service(&self, http: &Value) {
        self.apply("networking.istio.io/v1beta1", "VirtualService", "virtualservices", virtual_service(http)).await;
    }
}

#[tokio::test]
async fn weights_split_requests_and_none_is_lost_while_they_change() {
    let world = world(20.0).await;
    world.apply_virtual_service(&json!([{"route": split(100, 0)}])).await;
    world.answered("app.example.com", "/", 200).await;
    let load = world.load("app.example.com", 400.0);
    let inside = world.load("podinfo.default", 100.0);
    let step = |weight: u32| {
        let test = json!([{"headers": {"x-step": {"exact": weight.to_string()}}}]);
        json!([{"match": test, "route": split(0, 100)}, {"route": split(100 - weight, weight)}])
    };
    for weight in [10, 30, 50] {
        world.apply_virtual_service(&step(weight)).await;
        world.taken_up("app.example.com", &weight.to_string()).await;
        let expected = f64::from(weight) / 100.0;
        // What was in flight when the weights changed is over after as many answers.
        until(&load.stats(), |counts| 100 <= counts.requests).await;
        let counts = until(&load.stats(), |counts| 1200 <= counts.requests).await;
        let share = counts.share("podinfo-canary");
        assert!((share - expected).abs() < share_error(expected, 1200), "{weight}: {counts:?}");
    }
    world.apply_virtual_service(&step(100)).await;
    world.taken_up("podinfo.default", "100").await;
    until(&inside.stats(), |counts| 100 <= counts.requests).await;
    let counts = until(&inside.stats(), |counts| 100 <= counts.requests).await;
    assert!((counts.share("podinfo-canary") - 1.0).abs() < f64::EPSILON, "{counts:?}");
    for load in [load, inside] {
        let stats = load.stats();
        load.stop().await;
        assert_eq!(stats.snapshot().lost, 0, "{:?}", stats.snapshot());
    }
    world.sandbox.stop().await;
}

#[tokio::test]
async fn insiders_keep_to_the_canary_and_a_cookie_keeps_its_client() {
    let world = world(20.0).await;
    let cookie = json!({"response": {"add": {"Set-Cookie": "flagger-cookie=abc; Max-Age=86400"}}});
    let mut weighted = split(50, 50);
    weighted[1]["headers"] = cookie;
    world
        .apply_virtual_service(&json!([
            {"match": [{"headers": {"x-user": {"exact": "insider"}}}], "route": split(0, 100)},
            {"match": [{"headers": {"cookie": {"regex": ".*flagger-cookie.*abc.*"}}}], "route": split(0, 100)},
            {"route": weighted},
        ]))
        .await;
    world.answered("app.example.com", "/", 200).await;
    let insider: HeaderMap = [("x-user".parse().unwrap(), "insider".parse().unwrap())].into_iter().collect();
    let load = world.load_with("app.example.com", 200.0, insider);
    let counts = until(&load.stats(), |counts| 100 <= counts.requests).await;
    assert!((counts.share("podinfo-canary") - 1.0).abs() < f64::EPSILON, "{counts:?}");
    load.stop().await;

    // Clients that keep their cookie: whoever met the canary stays with it.
    let mut met = 0;
    for _ in 0..20 {
        let first = world.ask("app.example.com", "/version").await;
        let canary = first.body.contains("7.0.0");
        let set =
            first.headers.get("set-cookie").map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned());
        assert_eq!(set.is_some(), canary, "only the canary's answers have the cookie");
        let Some(cookie) = set else { continue };
        met += 1;
        for _ in 0..5 {
            let again = world.ask_with("app.example.com", "/version", &[("cookie", &cookie)]).await;
            assert!(again.body.contains("7.0.0"), "{}", again.body);
        }
    }
    // Twenty draws at one half: none or all of them once in a million.
    assert!(0 < met && met < 20, "{met}");
    world.sandbox.stop().await;
}

#[tokio::test]
async fn what_istio_would_count_is_read_by_the_built_in_queries() {
    let failing = json!({"spec": {"replicas": 1, "template": {"spec": {"containers": [{
        "name": "podinfo", "image": "podinfo:7.0.0", "ports": [{"name": "http", "containerPort": 9898}],
        "env": [{"name": "FAIL_RATE", "value": "30%"}, {"name": "LATENCY", "value": "200ms"}]}]}}}});
    let world = with_canary(60.0, failing).await;
    world.apply_virtual_service(&json!([{"route": split(50, 50)}])).await;
    world.answered("app.example.com", "/", 200).await;
    let load = world.load("app.example.com", 200.0);
    let rate = |workload: &str| world.built_in(Observer::Istio, Check::SuccessRate, &named(workload));
    until(&load.stats(), |counts| {
        1000 <= counts.requests && rate("podinfo-canary").is_some_and(|percent| (percent - 70.0).abs() < 10.0)
    })
    .await;
    world.comes_true(|| rate("podinfo-primary") == Some(100.0)).await;
    assert_eq!(rate("nobody"), None);
    let took = || world.built_in(Observer::Istio, Check::RequestDuration, &named("podinfo-canary"));
    world.comes_true(|| took().is_some_and(|took| (100.0..10_000.0).contains(&took))).await;
    // Without a reporter, as people's own templates ask.
    let all =
        r#"sum(rate(istio_requests_total{response_code!~"5.*"}[1m])) / sum(rate(istio_requests_total[1m])) * 100"#;
    world.comes_true(|| world.value(all).is_some_and(|all| (all - 85.0).abs() < 10.0)).await;
    let by_service = r#"sum(rate(istio_requests_total[1m])) by (destination_service_name)"#;
    world.comes_true(|| world.value(by_service).is_some_and(|rate| 0.0 < rate)).await;
    load.stop().await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_mirror_gets_its_percentage_and_the_pods_that_get_copies_count_them() {
    let world = world(60.0).await;
    world
        .apply_virtual_service(
            &json!([{"route": split(100, 0), "mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 40}}]),
        )
        .await;
    world.answered("app.example.com", "/", 200).await;
    let load = world.load("app.example.com", 300.0);
    let count = |workload: &str| {
        let reported = r#"reporter="destination",source_workload="unknown""#;
        world
            .value(&format!("sum(istio_requests_total{{{reported},destination_workload=\"{workload}\"}})"))
            .unwrap_or(0.0)
    };
    until(&load.stats(), |counts| 900 <= counts.requests && 800.0 <= count("podinfo-primary")).await;
    let stats = load.stats();
    load.stop().await;
    // Until both have been scraped a last time, their counts are of different times.
    let share = || count("podinfo-canary") / count("podinfo-primary");
    world.comes_true(|| (share() - 0.4).abs() < share_error(0.4, 800)).await;
    assert!((stats.snapshot().share("podinfo-primary") - 1.0).abs() < f64::EPSILON);
    assert_eq!(stats.snapshot().lost, 0);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn rewrites_retries_timeouts_and_cors_are_obeyed() {
    let world = world(50.0).await;
    let to = |host: &str| json!([{"destination": {"host": host, "port": {"number": 80}}}]);
    world
        .apply_virtual_service(&json!([
            {"match": [{"uri": {"prefix": "/api"}}], "rewrite": {"uri": "/"}, "route": to("podinfo-primary"),
                "headers": {"request": {"set": {"x-added": "yes"}}, "response": {"remove": ["x-podinfo-version"]}},
                "corsPolicy": {"allowOrigins": [{"regex": "https://.*example\\.com"}], "allowMethods": ["GET"], "maxAge": "1h"}},
            {"match": [{"uri": {"prefix": "/slow"}}], "rewrite": {"uri": "/delay/3600"}, "timeout": "5s", "route": to("podinfo-primary")},
            {"match": [{"uri": {"prefix": "/again"}}], "rewrite": {"uri": "/status/503"}, "retries": {"attempts": 2, "retryOn": "5xx"},
                "route": to("podinfo-canary")},
            {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new", "authority": "new.example.com"}},
        ]))
        .await;
    let origin = ("origin", "https://www.example.com");
    world.answered("app.example.com", "/api/version", 200).await;
    let answer = world.ask_with("app.example.com", "/api/headers", &[origin]).await;
    assert!(answer.body.contains("\"x-added\":[\"yes\"]"), "{}", answer.body);
    assert!(!answer.headers.contains_key("x-podinfo-version"));
    assert_eq!(answer.headers["access-control-allow-origin"], origin.1);
    let preflight = world.preflight("app.example.com", "/api/headers", origin.1).await;
    assert_eq!((preflight.status, &preflight.headers["access-control-max-age"]), (200, &"3600".parse().unwrap()));
    let other = world.ask_with("app.example.com", "/api/headers", &[("origin", "https://example.org")]).await;
    assert!(!other.headers.contains_key("access-control-allow-origin"));
    assert_eq!(world.ask("app.example.com", "/slow").await.status, 504);
    assert_eq!(world.ask("app.example.com", "/old").await.headers["location"], "http://new.example.com/new");

    assert_eq!(world.ask("app.example.com", "/again").await.status, 503);
    let tried = r#"sum(istio_requests_total{reporter="destination",destination_workload="podinfo-canary",response_code="503"})"#;
    let counted =
        r#"sum(istio_requests_total{reporter="source",destination_workload="podinfo-canary",response_code="503"})"#;
    world.comes_true(|| world.value(tried) == Some(3.0) && world.value(counted) == Some(1.0)).await;
    world.sandbox.stop().await;
}

#[tokio::test]
async fn faults_are_injected_and_counted_by_the_client_alone() {
    let world = world(50.0).await;
    world
        .apply_virtual_service(&json!([
            {"match": [{"uri": {"prefix": "/teapot"}}], "directResponse": {"status": 418, "body": {"string": "short and stout"}}},
            {"match": [{"uri": {"prefix": "/never"}}], "route": split(0, 100),
                "fault": {"abort": {"httpStatus": 400, "percentage": {"value": 100}}}},
            {"match": [{"uri": {"prefix": "/unharmed"}}], "route": split(0, 100), "rewrite": {"uri": "/"},
                "fault": {"abort": {"httpStatus": 400}, "delay": {"fixedDelay": "1h"}}},
            {"route": split(100, 0), "fault": {"delay": {"fixedDelay": "20s", "percentage": {"value": 100}}}},
        ]))
        .await;
    world.answered("app.example.com", "/teapot", 418).await;
    assert_eq!(world.ask("app.example.com", "/teapot").await.body, "short and stout");
    assert_eq!(world.ask("app.example.com", "/never").await.status, 400);
    assert_eq!(world.ask("app.example.com", "/unharmed").await.status, 200, "what has no percentage hits nothing");
    assert!(world.ask("app.example.com", "/version").await.body.contains("6.0.0"));
    let count = |labels: &str| world.value(&format!("sum(istio_requests_total{{{labels}}})"));
    let took =
        r#"sum(istio_request_duration_milliseconds_sum{reporter="source",destination_workload="podinfo-primary"})"#;
    world
        .comes_true(|| {
            count(r#"response_flags="FI",response_code="400""#) == Some(1.0)
                && count(r#"response_flags="DI""#) == Some(1.0)
                && world.value(took).is_some_and(|millis| (20_000.0..60_000.0).contains(&millis))
        })
        .await;
    assert_eq!(count(r#"reporter="destination",response_code="400""#), None, "no pod ever saw it");
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_virtual_service_that_cannot_be_served_is_told_so() {
    let world = World::start(50.0).await;
    world.apply_virtual_service(&json!([{"match": [{"uri": {"regex": "("}}], "route": split(100, 0)}])).await;
    let expected = r#"Warning Rejected spec.http.match.uri "(" is not a regular expression"#;
    let waiting = async { while !world.events("podinfo").await.iter().any(|event| event == expected) {} };
    tokio::time::timeout(crate::world::PATIENCE, waiting).await.expect("nothing was said");
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_circuit_breaker_leaves_a_failing_pod_alone() {
    let world = world(20.0).await;
    let rule = json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "DestinationRule", "metadata": {"name": "podinfo"},
        "spec": {"host": "podinfo", "trafficPolicy": {
            "connectionPool": {"http": {"http1MaxPendingRequests": 100}},
            "outlierDetection": {"consecutive5xxErrors": 3, "interval": "1s", "baseEjectionTime": "1h"}}},
    });
    world.apply("networking.istio.io/v1beta1", "DestinationRule", "destinationrules", rule).await;
    // The only pod fails three times; from then on nobody is there.
    let mut statuses = Vec::new();
    let waiting = async {
        while statuses.last() != Some(&503) {
            statuses.push(world.ask("podinfo.default", "/status/500").await.status);
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, waiting).await.expect("the pod is never left alone");
    assert!(3 < statuses.len(), "{statuses:?}");
    assert_eq!(world.ask("podinfo-primary.default", "/").await.status, 200);
    world.sandbox.stop().await;
}

#[tokio::test]
async fn a_pod_that_names_itself_to_the_proxy_is_known_by_its_labels() {
    let world = world(50.0).await;
    world
        .apply_virtual_service(&json!([
            {"match": [{"sourceLabels": {"app": "podinfo-canary"}}], "route": split(0, 100)},
            {"route": split(100, 0)},
        ]))
        .await;
    world.answered("app.example.com", "/", 200).await;
    let pod = world.pod("podinfo-canary", crate::world::ready).await;
    let who = World::credentials(&pod);
    let answer = world.ask_with("podinfo.default", "/version", &[("proxy-authorization", &who)]).await;
    assert!(answer.body.contains("7.0.0"), "{}", answer.body);
    assert!(world.ask("podinfo.default", "/version").await.body.contains("6.0.0"));
    let reported = r#"sum(istio_requests_total{reporter="destination",source_workload="podinfo-canary",destination_workload="podinfo-canary"})"#;
    world.comes_true(|| world.value(reported) == Some(1.0)).await;
    world.sandbox.stop().await;
}
