//! What a release does to a Service of Kubernetes' own.

use crate::cluster::{Cluster, but, canary};
use flagger_targets as targets;
use ports::{Change, Key, kinds};
use serde_json::{Value, json};
use targets::{Error, Target, find};

/// A user's Service as the API server returns it.
fn cart() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "uid": "u1",
            "resourceVersion": "10",
            "labels": {"team": "shop", "kustomize.toolkit.fluxcd.io/name": "apps"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "lb.example.com/internal": "true"},
            "finalizers": ["service.kubernetes.io/load-balancer-cleanup"],
        },
        "spec": {
            "type": "NodePort",
            "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "selector": {"app": "cart-1"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}],
        },
    })
}

/// The copy `name` as the API server completes it.
fn completed(cluster: &mut Cluster, name: &str, address: &str, node_port: i64) {
    let service = cluster.get(&key(name)).clone();
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": node_port}]);
    let spec = json!({"clusterIP": address, "clusterIPs": [address], "ports": ports});
    cluster.put(but(service, json!({"metadata": {"uid": name, "resourceVersion": "11"}, "spec": spec})));
}

fn key(name: &str) -> Key {
    Key::new(kinds::SERVICE, "shop", name)
}

fn releasing() -> api::Canary {
    canary(json!({"targetRef": {"apiVersion": "v1", "kind": "Service"}}))
}

fn service() -> &'static dyn Target {
    let (canary, settings) = (releasing(), targets::Settings::default());
    find(&targets::Context { canary: &canary, settings: &settings })
}

fn revision(cluster: &Cluster) -> String {
    cluster.ask(&releasing(), |cx, seen| service().facts(cx, seen)).unwrap().revision
}

/// A cluster with both copies.
fn copied() -> Cluster {
    let mut cluster = Cluster::with([cart()]);
    cluster.settle(&releasing(), |cx, seen| service().primary(cx, seen, "one"));
    completed(&mut cluster, "cart-canary", "10.0.0.2", 30081);
    completed(&mut cluster, "cart-primary", "10.0.0.3", 30082);
    cluster
}

#[test]
fn copies_are_the_canarys_and_have_nothing_that_the_cluster_allots_to_one_service() {
    let mut cluster = Cluster::with([cart()]);
    cluster.settle(&releasing(), |cx, seen| service().primary(cx, seen, "one"));
    for name in ["cart-canary", "cart-primary"] {
        let copy = cluster.get(&key(name));
        let spec = json!({
            "type": "NodePort",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "selector": {"app": "cart-1"},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}],
        });
        assert_eq!(copy["spec"], spec);
        assert_eq!(copy["metadata"]["labels"], json!({"team": "shop"}));
        assert_eq!(copy["metadata"]["annotations"]["lb.example.com/internal"], "true");
        assert_eq!(copy["metadata"]["annotations"].get("kubectl.kubernetes.io/last-applied-configuration"), None);
        assert_eq!(copy["metadata"].get("finalizers"), None);
        assert_eq!(copy["metadata"]["ownerReferences"][0]["name"], "cart");
    }
}

#[test]
fn the_canarys_copy_follows_the_target_and_the_primarys_waits_for_the_promotion() {
    let mut cluster = copied();
    assert_eq!(cluster.settle(&releasing(), |cx, seen| service().primary(cx, seen, "two")), []);
    cluster.put(but(cart(), json!({"spec": {"selector": {"app": "cart-2"}}})));
    cluster.settle(&releasing(), |cx, seen| service().primary(cx, seen, "two"));

    let canary = cluster.get(&key("cart-canary"));
    assert_eq!(canary["spec"]["selector"], json!({"app": "cart-2"}));
    assert_eq!(canary["spec"]["clusterIPs"], json!(["10.0.0.2"]));
    assert_eq!(canary["spec"]["ports"][0]["nodePort"], 30081);
    assert_eq!(cluster.get(&key("cart-primary"))["spec"]["selector"], json!({"app": "cart-1"}));
}

#[test]
fn a_promotion_keeps_the_primarys_addresses_owner_and_annotations() {
    let mut cluster = copied();
    cluster.put(but(cart(), json!({"spec": {"selector": {"app": "cart-2"}}})));
    let analysed = revision(&cluster);
    cluster.settle(&releasing(), |cx, seen| service().promote(cx, seen, &analysed, "two"));

    let primary = cluster.get(&key("cart-primary")).clone();
    assert_eq!(primary["spec"]["selector"], json!({"app": "cart-2"}));
    assert_eq!(primary["spec"]["clusterIP"], "10.0.0.3");
    assert_eq!(primary["spec"]["ports"][0]["nodePort"], 30082);
    assert_eq!(primary["metadata"]["ownerReferences"][0]["kind"], "Canary");
    assert_eq!(primary["metadata"]["annotations"]["lb.example.com/internal"], "true");

    cluster.put(but(cart(), json!({"spec": {"selector": {"app": "cart-3"}}})));
    let promote = |id: &'static str| {
        cluster.ask(&releasing(), |cx, seen| service().promote(cx, seen, &analysed, id)).map(|changes| changes.len())
    };
    assert_eq!(promote("two"), Ok(0), "it was made before");
    assert!(matches!(promote("three"), Err(Error::RevisionMoved { .. })));
}

#[test]
fn an_address_is_no_revision_and_a_selector_is() {
    let changed = |patch: Value| revision(&Cluster::with([but(cart(), patch)]));
    let ports = json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30099}]);
    let moved = changed(json!({"spec": {"clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"], "ports": ports}}));
    assert_eq!(moved, changed(json!({})));
    assert_ne!(changed(json!({"spec": {"selector": {"app": "cart-2"}}})), moved);
}

#[test]
fn the_canarys_traffic_distribution_goes_before_the_targets() {
    let mut canary = releasing();
    canary.spec.service = serde_json::from_value(json!({"port": 80, "trafficDistribution": "PreferClose"})).unwrap();
    let mut cluster = Cluster::with([but(cart(), json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}}))]);
    let changes = cluster.settle(&canary, |cx, seen| service().primary(cx, seen, "one"));
    assert!(matches!(changes.as_slice(), [Change::Create(..), Change::Create(..)]));
    for name in ["cart-canary", "cart-primary"] {
        let spec = &cluster.get(&key(name))["spec"];
        assert_eq!((&spec["trafficDistribution"], &spec["clusterIP"]), (&json!("PreferClose"), &json!("None")));
    }
}
