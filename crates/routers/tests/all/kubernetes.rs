//! Replicas that share the traffic.

use crate::cluster::{Cluster, canary};
use api::{Canary, Phase};
use flagger_routers::{Router, find};
use ports::Change;
use ports::kinds::{DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, SERVICE};
use rollout::traffic::Split;
use serde_json::{Value, json};

fn router() -> &'static dyn Router {
    find("kubernetes").unwrap()
}

/// A canary that has its first release behind it, with this weight.
fn cart(weight: i32) -> Canary {
    let mut canary = canary(json!({
        "provider": "kubernetes",
        "service": {"port": 80},
        "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
    }));
    let status = api::CanaryStatus { phase: Phase::Progressing, canary_weight: weight, ..Default::default() };
    canary.status = Some(status);
    canary
}

fn deployment(name: &str, replicas: i64, ready: i64, labels: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": labels}}},
        "status": {"readyReplicas": ready},
    })
}

/// The apex Service, a primary with four pods and a target with this many, both labelled or not.
fn cluster(canary_pods: i64, labelled: bool) -> Cluster {
    let labels =
        |app: &str| if labelled { json!({"app": app, "flagger.app/apex": "cart"}) } else { json!({"app": app}) };
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"selector": {"app": "cart-primary"}},
    });
    let mut cluster = Cluster::with(SERVICE, service);
    cluster.add(DEPLOYMENT, deployment("cart", canary_pods, canary_pods, &labels("cart")));
    cluster.add(DEPLOYMENT, deployment("cart-primary", 4, 4, &labels("cart-primary")));
    cluster
}

fn selector(cluster: &Cluster) -> &Value {
    &cluster.get(SERVICE, "cart")["spec"]["selector"]
}

fn canary_pods(cluster: &Cluster) -> &Value {
    &cluster.get(DEPLOYMENT, "cart")["spec"]["replicas"]
}

#[test]
fn pods_behind_the_apex_service_follow_the_weight() {
    let mut cluster = cluster(1, true);
    let mut pods = Vec::new();
    for weight in [10, 20, 30, 40, 50] {
        cluster.settle(&cart(0), |cx, seen| router().write(cx, seen, Split::canary(weight)));
        assert_eq!(selector(&cluster), &json!({"flagger.app/apex": "cart"}));
        pods.push(canary_pods(&cluster).as_i64().unwrap());
        let read = cluster.ask(&cart(weight.into()), |cx, seen| router().read(cx, seen)).unwrap();
        assert_eq!(read, Split::canary(weight));
    }
    assert_eq!(pods, [1, 1, 2, 3, 4]);
    cluster.settle(&cart(50), |cx, seen| router().write(cx, seen, Split::PRIMARY));
    assert_eq!(selector(&cluster), &json!({"app": "cart-primary"}));
    assert_eq!(cluster.ask(&cart(50), |cx, seen| router().read(cx, seen)).unwrap(), Split::PRIMARY);
}

#[test]
fn the_canary_serves_alone_only_once_it_can_carry_everything() {
    let mut cluster = cluster(1, true);
    cluster.settle(&cart(50), |cx, seen| router().write(cx, seen, Split::CANARY));
    assert_eq!((canary_pods(&cluster), selector(&cluster)), (&json!(4), &json!({"flagger.app/apex": "cart"})));

    cluster.add(DEPLOYMENT, deployment("cart", 4, 4, &json!({"app": "cart", "flagger.app/apex": "cart"})));
    cluster.settle(&cart(100), |cx, seen| router().reconcile(cx, seen));
    assert_eq!(selector(&cluster), &json!({"app": "cart"}));
    assert_eq!(cluster.ask(&cart(100), |cx, seen| router().read(cx, seen)).unwrap(), Split::CANARY);
}

#[test]
fn both_pod_templates_are_labelled_before_they_are_needed_and_not_while_the_target_serves() {
    let mut fresh = cart(0);
    fresh.status.as_mut().unwrap().phase = Phase::Initializing;
    let mut cluster = cluster(2, false);
    assert_eq!(cluster.settle(&fresh, |cx, seen| router().reconcile(cx, seen)), vec![]);

    let changes = cluster.settle(&cart(0), |cx, seen| router().reconcile(cx, seen));
    let patched: Vec<_> = changes.iter().map(|change| change.key().name.as_str()).collect();
    assert_eq!(patched, ["cart", "cart-primary"]);
}

#[test]
fn a_primary_that_would_lose_all_pods_at_once_is_not_labelled_and_the_split_says_why_it_waits() {
    let mut cluster = cluster(1, false);
    let mut recreated = deployment("cart-primary", 4, 4, &json!({"app": "cart-primary"}));
    recreated["spec"]["strategy"] = json!({"type": "Recreate"});
    cluster.add(DEPLOYMENT, recreated);
    let changes = cluster.settle(&cart(0), |cx, seen| router().reconcile(cx, seen));
    assert_eq!(changes.len(), 1, "{changes:?}");

    let refused = cluster.ask(&cart(0), |cx, seen| router().write(cx, seen, Split::canary(10))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "pods of Deployment cart-primary.shop can't share the traffic yet: its pod template lacks the label \
         flagger.app/apex=cart, which comes with the next release"
    );
}

#[test]
fn the_autoscaler_of_the_target_bounds_its_pods() {
    let mut canary = cart(0);
    canary.spec.autoscaler_ref =
        Some(api::AutoscalerRef { kind: "HorizontalPodAutoscaler".into(), name: "cart".into(), ..Default::default() });
    let mut cluster = cluster(1, true);
    cluster.add(
        HORIZONTAL_POD_AUTOSCALER,
        json!({"metadata": {"name": "cart", "namespace": "shop"}, "spec": {"minReplicas": 2, "maxReplicas": 3}}),
    );
    let mut pods = |weight: u8| {
        cluster.settle(&canary, |cx, seen| router().write(cx, seen, Split::canary(weight)));
        canary_pods(&cluster).as_i64().unwrap()
    };
    assert_eq!((pods(10), pods(50)), (2, 3));
}

#[test]
fn the_apex_service_keeps_a_selector_that_splits() {
    use flagger_routers::services::{Role, finalize, reconcile};
    let mut cluster = cluster(1, true);
    cluster.settle(&cart(0), |cx, seen| router().write(cx, seen, Split::canary(10)));
    cluster.settle(&cart(10), |cx, seen| reconcile(cx, seen, Role::Apex));
    assert_eq!(selector(&cluster), &json!({"flagger.app/apex": "cart"}));

    let changes = cluster.settle(&cart(10), finalize);
    assert!(matches!(&changes[..], [Change::Replace(..)]), "{changes:?}");
    assert_eq!(selector(&cluster), &json!({"app": "cart"}));
}
