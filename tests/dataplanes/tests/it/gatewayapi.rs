//! The Gateway API as Contour implements it, with Envoy as the data plane.

use sandbox::{Load, LoadOptions};
use serde_json::{Value, json};

use crate::browser::{Browser, Page};
use crate::namespace::{inside, this_test};
use crate::programs::Programs;
use crate::release::{answers, canary, deployment, host};
use crate::stack::{ENVOY, PATIENCE, PROMETHEUS, Stack};

/// The share of good answers as Envoy counts them for the canary's cluster.
const SUCCESS_RATE: &str = r#"
sum(rate(envoy_cluster_upstream_rq{
  envoy_cluster_name=~"{{ namespace }}_{{ target }}-canary_[0-9a-zA-Z-]+", envoy_response_code!~"5.*"}[{{ interval }}]))
/
sum(rate(envoy_cluster_upstream_rq{
  envoy_cluster_name=~"{{ namespace }}_{{ target }}-canary_[0-9a-zA-Z-]+"}[{{ interval }}]))
* 100"#;

/// The duration in milliseconds that 99 % of the canary's requests stay below, as Envoy measures it.
const LATENCY: &str = r#"
histogram_quantile(0.99, sum(rate(envoy_cluster_upstream_rq_time_bucket{
  envoy_cluster_name=~"{{ namespace }}_{{ target }}-canary_[0-9a-zA-Z-]+"}[{{ interval }}])) by (le))"#;

fn template(name: &str, query: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": name, "namespace": "shop"},
        "spec": {"provider": {"type": "prometheus", "address": format!("http://{PROMETHEUS}")}, "query": query},
    })
}

async fn stack(programs: &Programs) -> Stack {
    let stack = Stack::start(programs).await;
    stack.contour(programs).await;
    stack.operator("gatewayapi:v1").await;
    stack
}

/// A first version that users reach.
async fn initialize(stack: &Stack, name: &str, analysis: &Value) {
    stack.apply(&deployment(name, "6.0.0", 2, "0")).await;
    stack.apply(&canary(name, analysis)).await;
    stack.canary(name, |canary| canary["status"]["phase"] == "Initialized").await;
    stack.served(&host(name)).await;
}

impl Stack {
    /// Waits until the data plane does what the route says, as a new user can tell.
    async fn obeyed(&self, user: impl Fn() -> Browser, tells: impl Fn(&Browser, &Page) -> bool) {
        let waiting = async {
            loop {
                let mut user = user();
                let page = user.visit(ENVOY, &host("podinfo"), "/").await;
                if page.is_some_and(|page| tells(&user, &page)) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never obeyed:\n{}", self.logs()));
    }
}

#[test]
fn requests_follow_the_weights_and_none_is_lost_on_the_way_there_or_back() {
    inside(this_test!(), async |programs| {
        let stack = stack(&programs).await;
        stack.apply(&template("envoy-success-rate", SUCCESS_RATE)).await;
        stack.apply(&template("envoy-latency", LATENCY)).await;
        // A busy machine answers late, which is not what this is about.
        let analysis = json!({
            "interval": "6s", "threshold": 2, "stepWeights": [20, 50],
            "metrics": [
                {"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}},
                {"name": "request-duration", "interval": "10s", "thresholdRange": {"max": 5000}},
                {"name": "envoy success rate", "interval": "10s", "thresholdRange": {"min": 99},
                    "templateRef": {"name": "envoy-success-rate"}},
                {"name": "envoy latency", "interval": "10s", "thresholdRange": {"max": 5000},
                    "templateRef": {"name": "envoy-latency"}},
            ],
        });
        initialize(&stack, "podinfo", &analysis).await;
        let options = LoadOptions { per_second: 150.0, ..LoadOptions::new(ENVOY, host("podinfo")) };
        let load = Load::start(&options, stack.sandbox.clock()).unwrap();
        let stats = load.stats();

        let good = stack.release(&deployment("podinfo", "6.0.1", 2, "0")).await;
        let told = stack.events("podinfo").await;
        assert_eq!((good.phase(), good.steps()), ("Succeeded", vec![0, 20, 50, 0]), "{told:#?}");
        good.assert_shares(|time| answers(&stats, "podinfo", time));
        assert_eq!((stats.snapshot().failed, stats.snapshot().lost), (0, 0), "{}", stack.logs());

        let bad = stack.release(&deployment("podinfo", "6.0.2", 2, "0.5")).await;
        let told = stack.events("podinfo").await;
        assert_eq!((bad.phase(), bad.steps()), ("Failed", vec![0, 20, 0]), "{told:#?}");
        bad.assert_shares(|time| answers(&stats, "podinfo", time));
        let by_envoy = |event: &String| event.contains("Halt podinfo.shop advancement envoy success rate");
        let by_pods = |event: &String| event.contains("Halt podinfo.shop advancement success rate");
        assert!(told.iter().any(by_pods) || told.iter().any(by_envoy), "{told:#?}");

        let before = stats.snapshot();
        load.stop().await;
        let after = stats.snapshot();
        assert_eq!(after.lost, 0, "{after:?}\n{}", stack.logs());
        assert!(0 < before.failed, "the bad version answered nobody: {before:?}");
        stack.stop().await;
    });
}

#[test]
fn a_user_who_keeps_cookies_stays_on_the_side_that_answered_first() {
    inside(this_test!(), async |programs| {
        let stack = stack(&programs).await;
        let analysis = json!({
            "interval": "5s", "threshold": 2, "stepWeights": [40],
            "sessionAffinity": {"cookieName": "side", "primaryCookieName": "kept", "maxAge": 3600},
            // Held at its weight until the test has seen enough.
            "webhooks": [{"name": "hold", "type": "confirm-promotion", "url": "http://127.0.0.1:9/"}],
        });
        initialize(&stack, "podinfo", &analysis).await;
        stack.apply(&deployment("podinfo", "6.0.1", 2, "0")).await;
        stack.canary("podinfo", |canary| canary["status"]["phase"] == "WaitingPromotion").await;

        stack.obeyed(Browser::default, |user, _| !user.cookies.is_empty()).await;
        let (mut canaries, mut primaries) = (Vec::new(), Vec::new());
        while canaries.len() < 3 || primaries.len() < 3 {
            let mut user = Browser::default();
            let page = user.visit(ENVOY, &host("podinfo"), "/").await.unwrap();
            match page.version.as_deref() {
                Some("6.0.1") => canaries.push(user),
                Some(_) => primaries.push(user),
                None => panic!("no pod answered: {page:?}"),
            }
        }
        for (users, version, cookie) in [(&mut canaries, "6.0.1", "side"), (&mut primaries, "6.0.0", "kept")] {
            for user in users {
                assert!(user.cookies.contains_key(cookie), "{:?}", user.cookies);
                for _ in 0..20 {
                    let page = user.visit(ENVOY, &host("podinfo"), "/").await.unwrap();
                    assert_eq!(page.version.as_deref(), Some(version), "{:?}", user.cookies);
                }
            }
        }
        stack.stop().await;
    });
}

#[test]
fn insiders_meet_the_new_version_by_a_header_and_nobody_else_does() {
    inside(this_test!(), async |programs| {
        let stack = stack(&programs).await;
        let analysis = json!({
            "interval": "5s", "threshold": 2, "iterations": 2,
            "match": [{"headers": {"x-insider": {"exact": "yes"}}}, {"headers": {"cookie": {"regex": ".*insider=yes.*"}}}],
            "webhooks": [{"name": "hold", "type": "confirm-promotion", "url": "http://127.0.0.1:9/"}],
        });
        initialize(&stack, "podinfo", &analysis).await;
        stack.apply(&deployment("podinfo", "6.0.1", 2, "0")).await;
        stack.canary("podinfo", |canary| canary["status"]["phase"] == "WaitingPromotion").await;

        let insider = || Browser { headers: vec![("X-Insider".into(), "yes".into())], ..Browser::default() };
        stack.obeyed(insider, |_, page| page.version.as_deref() == Some("6.0.1")).await;
        let returning = Browser { cookies: [("insider".into(), "yes".into())].into(), ..Browser::default() };
        for (mut user, version) in [(insider(), "6.0.1"), (returning, "6.0.1"), (Browser::default(), "6.0.0")] {
            for _ in 0..20 {
                let page = user.visit(ENVOY, &host("podinfo"), "/").await.unwrap();
                assert_eq!(page.version.as_deref(), Some(version), "{:?}", user.headers);
            }
        }
        stack.stop().await;
    });
}
