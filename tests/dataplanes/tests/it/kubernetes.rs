//! No mesh: Services, whose EndpointSlices Kubernetes' own controllers make, and a proxy that spreads connections over them.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::namespace::{inside, this_test};
use crate::programs::Programs;
use crate::release::{canary, deployment};
use crate::stack::{PATIENCE, Stack};
use crate::visitors::{PAUSE, Visitors};

/// A first version with these pods, the operator, and people who come through the apex Service.
async fn visited(programs: &Programs, replicas: u32, analysis: &Value) -> (Stack, Visitors) {
    let stack = Stack::start(programs).await;
    stack.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})).await;
    stack.operator("kubernetes").await;
    stack.apply(&deployment("podinfo", "6.0.0", replicas, "0")).await;
    stack.apply(&canary("podinfo", analysis)).await;
    stack.canary("podinfo", |canary| canary["status"]["phase"] == "Initialized").await;
    let apex = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo", "namespace": "shop"}});
    let address = stack.get(&apex).await["spec"]["clusterIP"].as_str().unwrap().parse().unwrap();
    let visitors = Visitors::of(SocketAddr::new(address, 80), stack.sandbox.clock());
    (stack, visitors)
}

#[test]
fn replicas_share_the_traffic_as_the_weights_say() {
    inside(this_test!(), async |programs| {
        // Of four pods one more is a fifth, four more are half.
        let analysis = json!({"interval": "6s", "threshold": 2, "stepWeights": [20, 50]});
        let (stack, visitors) = visited(&programs, 4, &analysis).await;
        let release = stack.release(&deployment("podinfo", "6.0.1", 4, "0")).await;
        let told = stack.events("podinfo").await;
        assert_eq!((release.phase(), release.steps()), ("Succeeded", vec![0, 20, 50, 0]), "{told:#?}");
        release.assert_shares(|time| visitors.answers("6.0.1", &time));
        assert_eq!(visitors.lost(), 0, "{told:#?}");
        stack.stop().await;
    });
}

#[test]
fn blue_green_lets_nobody_meet_the_new_version_before_all_do() {
    inside(this_test!(), async |programs| {
        let analysis = json!({
            "interval": "5s", "threshold": 1, "iterations": 3,
            "metrics": [{"name": "request-success-rate", "interval": "10s", "thresholdRange": {"min": 99}}],
            "webhooks": [{"name": "load", "type": "rollout", "url": "http://podinfo-canary.shop/"}],
        });
        let (stack, visitors) = visited(&programs, 2, &analysis).await;
        let clock = stack.sandbox.clock();

        let good = stack.release(&deployment("podinfo", "6.0.1", 2, "0")).await;
        let told = stack.events("podinfo").await;
        assert_eq!(good.phase(), "Succeeded", "{told:#?}");
        let analysed = good.began("Progressing")..good.began("Promoting");
        assert_eq!(visitors.answers("6.0.1", &analysed).1, 0, "{told:#?}");

        let from = clock.now();
        let bad = stack.release(&deployment("podinfo", "6.0.2", 2, "1")).await;
        assert_eq!(bad.phase(), "Failed", "{:#?}", stack.events("podinfo").await);
        let met = || visitors.answers("6.0.2", &(from..clock.now()));
        let enough = async {
            while met().0 <= 100 {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, enough).await.expect("too few visitors");
        assert_eq!((met().1, visitors.lost()), (0, 0), "{told:#?}");
        stack.stop().await;
    });
}
