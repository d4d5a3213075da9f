//! What holds for every router.

use crate::cluster::{Cluster, canary};
use api::Canary;
use flagger_routers::{Ability, Router, all, find};
use ports::kinds::{INGRESS, KNATIVE_SERVICE};
use rollout::traffic::Split;
use serde_json::json;

/// A canary that each of the providers can serve.
fn cart() -> Canary {
    canary(json!({
        "service": {"port": 80, "gatewayRefs": [{"name": "public", "namespace": "infra"}], "hosts": ["cart.example.com"]},
        "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
    }))
}

/// A cluster in which the router has done its first work for the canary.
fn reconciled(router: &dyn Router, canary: &Canary) -> Cluster {
    let mut cluster = before(router);
    cluster.settle(canary, |cx, seen| router.reconcile(cx, seen));
    cluster
}

/// A cluster with what the router needs of the user's.
fn before(router: &dyn Router) -> Cluster {
    let metadata = json!({
        "name": "cart",
        "namespace": "shop",
        "annotations": {"flagger.app/primary-revision": "cart-00001"},
    });
    match router.names() {
        ["knative"] => Cluster::with(
            KNATIVE_SERVICE,
            json!({
                "apiVersion": "serving.knative.dev/v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {"traffic": [{"latestRevision": true, "percent": 100}]},
            }),
        ),
        ["nginx"] => Cluster::with(
            INGRESS,
            json!({
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": metadata,
                "spec": {"defaultBackend": {"service": {"name": "cart", "port": {"number": 80}}}},
            }),
        ),
        _ => Cluster::default(),
    }
}

/// Every split that the router can make.
fn splits(router: &dyn Router) -> Vec<Split> {
    let mut splits = Vec::new();
    if router.abilities().contains(&Ability::Weights) {
        splits.extend((0..=100).map(Split::canary));
    }
    if router.abilities().contains(&Ability::Mirror) {
        splits.extend([Split::MIRROR, Split::PRIMARY]);
    }
    splits
}

#[test]
fn every_name_finds_its_router_and_no_two_share_one() {
    let names: Vec<_> = all().into_iter().flat_map(Router::names).collect();
    assert!(names.is_sorted(), "{names:?} are in alphabetical order");
    for name in names {
        assert!(find(name).unwrap().names().contains(name));
    }
}

#[test]
fn an_unknown_provider_is_refused_with_those_that_there_are() {
    let refused = find("istio:v9").unwrap_err();
    assert_eq!(
        refused.to_string(),
        r#"provider "istio:v9" (spec.provider or -mesh-provider) is not available, use one of: gatewayapi:v1, gatewayapi:v1beta1, istio, knative, kubernetes, nginx"#
    );
}

#[test]
fn a_new_route_leads_to_the_primary() {
    for router in all() {
        let read = reconciled(router, &cart()).ask(&cart(), |cx, seen| router.read(cx, seen)).unwrap();
        assert_eq!(read, Split::PRIMARY, "{router:?}");
    }
}

#[test]
fn what_is_written_is_read_and_outlives_the_next_reconcile() {
    for router in all() {
        let mut cluster = reconciled(router, &cart());
        for split in splits(router) {
            cluster.settle(&cart(), |cx, seen| router.write(cx, seen, split));
            assert_eq!(cluster.settle(&cart(), |cx, seen| router.reconcile(cx, seen)), vec![]);
            assert_eq!(cluster.ask(&cart(), |cx, seen| router.read(cx, seen)).unwrap(), split, "{router:?}");
        }
    }
}

#[test]
fn an_edited_canary_keeps_the_split() {
    let mut edited = cart();
    edited.spec.service.hosts = vec!["shop.example.com".to_owned()];
    for router in all() {
        for split in splits(router) {
            let mut cluster = reconciled(router, &cart());
            cluster.settle(&cart(), |cx, seen| router.write(cx, seen, split));
            cluster.settle(&edited, |cx, seen| router.reconcile(cx, seen));
            assert_eq!(cluster.ask(&edited, |cx, seen| router.read(cx, seen)).unwrap(), split, "{router:?}");
        }
    }
}

#[test]
fn what_a_router_does_not_know_stays() {
    for router in all() {
        let mut cluster = reconciled(router, &cart());
        for object in cluster.objects.values_mut() {
            object["metadata"]["annotations"]["example.com/note"] = json!("kept");
            object["metadata"]["resourceVersion"] = json!("7");
            object["spec"]["fromTheFuture"] = json!({"kept": true});
            object["status"] = json!({"kept": true});
        }
        for split in splits(router) {
            cluster.settle(&cart(), |cx, seen| router.write(cx, seen, split));
        }
        for object in cluster.objects.values() {
            assert_eq!(object["metadata"]["annotations"]["example.com/note"], "kept");
            assert_eq!(object["metadata"]["resourceVersion"], "7");
            assert_eq!(object["spec"]["fromTheFuture"], json!({"kept": true}));
            assert_eq!(object["status"], json!({"kept": true}));
        }
    }
}

#[test]
fn finalizing_leaves_only_what_goes_with_the_canary() {
    for router in all() {
        let mut cluster = reconciled(router, &cart());
        cluster.settle(&cart(), |cx, seen| router.finalize(cx, seen));
        for (key, object) in &cluster.objects {
            let owned = object["metadata"]["ownerReferences"][0]["name"] == "cart";
            let as_before = before(router).objects.get(key).is_some_and(|user| user["spec"] == object["spec"]);
            assert!(owned || as_before, "{router:?}");
        }
    }
}
