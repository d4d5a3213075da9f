//! What is understood of canaries that Flagger (Go) left behind.

use api::{Canary, CanaryStatus};
use flagger_targets as targets;
use serde_json::{Value, json};
use targets::{Context, Foreign};

use crate::cluster::{Cluster, but, canary};

/// Canaries with their workloads as Flagger 1.44 left them, and whether the primary carries what the target has.
const LEFT: [(&str, bool); 8] = [
    (include_str!("../../../../tests/controlplane/takeover/cart-initialized.json"), true),
    (include_str!("../../../../tests/controlplane/takeover/checkout-end.json"), true),
    (include_str!("../../../../tests/controlplane/takeover/checkout-midrun.json"), false),
    (include_str!("../../../../tests/controlplane/takeover/gate-midrun.json"), false),
    (include_str!("../../../../tests/controlplane/takeover/login-end.json"), false),
    (include_str!("../../../../tests/controlplane/takeover/login-midrun.json"), false),
    (include_str!("../../../../tests/controlplane/takeover/search-end.json"), true),
    (include_str!("../../../../tests/controlplane/takeover/search-midrun.json"), false),
];

fn foreign(canary: &Canary, objects: impl IntoIterator<Item = Value>) -> Option<Foreign> {
    let cluster = Cluster::with(objects);
    let target = targets::find(&Context { canary, settings: &cluster.settings });
    cluster.ask(canary, |cx, seen| target.facts(cx, seen)).unwrap().foreign
}

fn carried(canary: &Canary, objects: impl IntoIterator<Item = Value>) -> bool {
    foreign(canary, objects).unwrap().carried
}

fn left(mut canary: Canary) -> Canary {
    let [last_applied_spec, last_promoted_spec] = ["7d465c695c", "85748b7f68"].map(str::to_owned);
    canary.status = Some(CanaryStatus { last_applied_spec, last_promoted_spec, ..CanaryStatus::default() });
    canary
}

#[test]
fn the_primary_tells_what_flaggers_hashes_mean() {
    for (text, expected) in LEFT {
        let list: Value = serde_json::from_str(text).unwrap();
        let items = list["items"].as_array().unwrap();
        let canary = items.iter().find(|item| item["kind"] == "Canary").unwrap();
        let mut canary: Canary = serde_json::from_value(canary.clone()).unwrap();
        let deployments = || items.iter().filter(|item| item["kind"] == "Deployment").cloned();
        let name = canary.metadata.name.clone().unwrap();
        let expected = Foreign { applied: true, promoted: true, carried: expected };
        assert_eq!(foreign(&canary, deployments()), Some(expected), "{name}");

        let status = canary.status.as_mut().unwrap();
        status.last_applied_spec = "v1.8556818cf11e751b".into();
        assert_eq!(foreign(&canary, deployments()), Some(Foreign { applied: false, ..expected }), "{name}");
        let status = canary.status.as_mut().unwrap();
        status.last_promoted_spec = "v1.8556818cf11e751b".into();
        assert_eq!(foreign(&canary, deployments()), None, "{name}");
    }
}

#[test]
fn a_primary_that_is_not_there_will_carry_what_the_target_has() {
    let canary = left(canary(json!({"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment"}})));
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "cart"}}, "template": {"metadata": {"labels": {"app": "cart"}}}},
    });
    assert!(carried(&canary, [deployment]));
}

#[test]
fn a_services_addresses_do_not_tell_it_from_its_primary() {
    let canary = left(canary(json!({"targetRef": {"apiVersion": "v1", "kind": "Service"}})));
    let service = |name: &str, app: &str, address: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"clusterIP": address, "clusterIPs": [address], "selector": {"app": app}},
        })
    };
    let primary = service("cart-primary", "one", "10.0.0.2");
    assert!(carried(&canary, [service("cart", "one", "10.0.0.1"), primary.clone()]));
    assert!(!carried(&canary, [service("cart", "two", "10.0.0.1"), primary]));
}

#[test]
fn knatives_own_names_tell_a_new_revision() {
    let canary = left(canary(json!({"targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service"}})));
    let service = |latest: &str| {
        json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {
                "name": "cart", "namespace": "shop",
                "annotations": {"flagger.app/primary-revision": "cart-00001"},
            },
            "spec": {"traffic": [{"revisionName": "cart-00001", "percent": 100}]},
            "status": {"latestCreatedRevisionName": latest},
        })
    };
    assert!(carried(&canary, [service("cart-00001")]));
    assert!(!carried(&canary, [service("cart-00002")]));
    let unmarked = but(service("cart-00002"), json!({"metadata": {"annotations": null}}));
    assert!(!carried(&canary, [unmarked]));
}
