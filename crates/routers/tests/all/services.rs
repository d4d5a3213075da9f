//! The three Services of a canary.

use crate::cluster::{Cluster, canary};
use expect_test::expect;
use flagger_routers::services::{Role, finalize, reconcile};
use ports::Port;
use ports::kinds::SERVICE;
use serde_json::{Value, json};

#[expect(clippy::needless_pass_by_value, reason = "a literal reads better without a reference")]
fn cart(service: Value) -> api::Canary {
    canary(json!({"service": service, "analysis": {"interval": "1m"}}))
}

/// A Service that the user made and applied, completed by the API server.
fn users_service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "resourceVersion": "7",
            "labels": {"mine": "yes"},
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": r#"{"spec":{"selector":{"app":"cart","tier":"web"}}}"#,
            },
        },
        "spec": {
            "type": "NodePort",
            "clusterIP": "10.0.0.1",
            "selector": {"app": "cart", "tier": "web"},
            "ports": [
                {"name": "http", "port": 8080, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080},
                {"name": "old", "port": 1, "protocol": "TCP", "targetPort": 1, "nodePort": 30001},
            ],
        },
    })
}

fn owned(patch: impl Fn(&mut Value)) -> Value {
    let mut cluster = Cluster::default();
    cluster.settle(&cart(json!({"port": 80})), |cx, seen| reconcile(cx, seen, Role::Apex));
    let mut service = cluster.get(SERVICE, "cart").clone();
    patch(&mut service);
    service
}

#[test]
fn each_side_and_the_apex_get_a_service() {
    let canary = cart(json!({
        "port": 80,
        "portName": "grpc",
        "targetPort": "web",
        "appProtocol": "grpc",
        "trafficDistribution": "PreferClose",
        "canary": {"labels": {"tier": "test"}, "annotations": {"note": "mine"}},
    }));
    let ports = vec![Port { name: "metrics".to_owned(), number: 9090, protocol: "TCP".to_owned() }];
    let mut cluster = Cluster { ports, ..Cluster::default() };
    for role in [Role::Canary, Role::Primary, Role::Apex] {
        cluster.settle(&canary, |cx, seen| reconcile(cx, seen, role));
    }

    expect![[r#"
        {
          "apiVersion": "v1",
          "kind": "Service",
          "metadata": {
            "annotations": {
              "helm.toolkit.fluxcd.io/driftDetection": "disabled",
              "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
              "note": "mine"
            },
            "labels": {
              "app": "cart-canary",
              "tier": "test"
            },
            "name": "cart-canary",
            "namespace": "shop",
            "ownerReferences": [
              {
                "apiVersion": "flagger.app/v1beta1",
                "blockOwnerDeletion": true,
                "controller": true,
                "kind": "Canary",
                "name": "cart",
                "uid": "5d1b"
              }
            ]
          },
          "spec": {
            "ports": [
              {
                "appProtocol": "grpc",
                "name": "grpc",
                "port": 80,
                "protocol": "TCP",
                "targetPort": "web"
              },
              {
                "name": "metrics",
                "port": 9090,
                "protocol": "TCP",
                "targetPort": 9090
              }
            ],
            "selector": {
              "app": "cart"
            },
            "trafficDistribution": "PreferClose",
            "type": "ClusterIP"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(cluster.get(SERVICE, "cart-canary")).unwrap());
    let selected = |name: &str| cluster.get(SERVICE, name)["spec"]["selector"].clone();
    assert_eq!(selected("cart-primary"), json!({"app": "cart-primary"}));
    assert_eq!(selected("cart"), json!({"app": "cart-primary"}));
}

#[test]
fn a_service_that_the_api_server_completed_is_left_alone() {
    let complete = owned(|service| {
        service["spec"]["clusterIP"] = json!("10.0.0.1");
        service["spec"]["sessionAffinity"] = json!("None");
        service["spec"]["ports"] =
            json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": 30080}]);
    });
    let mut cluster = Cluster::with(SERVICE, complete);
    assert_eq!(cluster.settle(&cart(json!({"port": 80})), |cx, seen| reconcile(cx, seen, Role::Apex)), vec![]);
}

#[test]
fn an_existing_service_follows_in_its_distribution_and_keeps_its_address() {
    let existing = owned(|service| service["spec"]["clusterIP"] = json!("10.0.0.1"));
    let mut cluster = Cluster::with(SERVICE, existing);
    let changed = cart(json!({"port": 80, "headless": true, "trafficDistribution": "PreferSameZone"}));
    cluster.settle(&changed, |cx, seen| reconcile(cx, seen, Role::Apex));
    let spec = &cluster.get(SERVICE, "cart")["spec"];
    assert_eq!([&spec["clusterIP"], &spec["trafficDistribution"]], ["10.0.0.1", "PreferSameZone"]);
}

#[test]
fn a_users_service_is_pointed_at_the_primary_and_otherwise_stays_the_users() {
    let mut cluster = Cluster::with(SERVICE, users_service());
    cluster.settle(&cart(json!({"port": 80})), |cx, seen| reconcile(cx, seen, Role::Apex));

    let service = cluster.get(SERVICE, "cart");
    assert_eq!(service["spec"]["selector"], json!({"app": "cart-primary"}));
    assert_eq!(
        service["spec"]["ports"],
        json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80, "nodePort": 30080}])
    );
    assert_eq!(service["spec"]["clusterIP"], "10.0.0.1");
    assert_eq!(service["metadata"]["labels"], json!({"mine": "yes"}));
    assert_eq!(service["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/reconcile"], "disabled");
    assert_eq!(service["metadata"].get("ownerReferences"), None);
}

#[test]
fn a_users_service_is_pointed_at_the_primary_whatever_has_steps_but_replicas_that_share() {
    let mut canary = cart(json!({"port": 80}));
    canary.spec.provider = Some("nginx".to_owned());
    canary.spec.analysis.step_weight = 10;
    canary.spec.analysis.max_weight = 50;
    let mut cluster = Cluster::with(SERVICE, users_service());
    cluster.settle(&canary, |cx, seen| reconcile(cx, seen, Role::Apex));
    assert_eq!(cluster.get(SERVICE, "cart")["spec"]["selector"], json!({"app": "cart-primary"}));
}

#[test]
fn metadata_of_an_owned_service_follows_the_canary_but_for_what_others_manage() {
    let drifted = owned(|service| {
        service["metadata"]["labels"] = json!({"app": "cart", "drift": "1", "theirs": "2"});
        service["metadata"]["annotations"]["lb.example.com/id"] = json!("3");
    });
    let canary = cart(json!({
        "port": 80,
        "apex": {"labels": {"team": "shop"}},
        "unmanagedMetadata": {"labels": ["theirs"], "annotations": ["lb.example.com/id"]},
    }));
    let mut cluster = Cluster::with(SERVICE, drifted);
    cluster.settle(&canary, |cx, seen| reconcile(cx, seen, Role::Apex));

    let metadata = &cluster.get(SERVICE, "cart")["metadata"];
    assert_eq!(metadata["labels"], json!({"app": "cart", "team": "shop", "theirs": "2"}));
    assert_eq!(metadata["annotations"]["lb.example.com/id"], "3");
}

#[test]
fn a_users_service_is_given_back_as_it_was_applied() {
    let canary = cart(json!({"port": 80}));
    let mut cluster = Cluster::with(SERVICE, users_service());
    cluster.settle(&canary, |cx, seen| reconcile(cx, seen, Role::Apex));
    cluster.settle(&canary, finalize);
    assert_eq!(cluster.get(SERVICE, "cart")["spec"]["selector"], json!({"app": "cart", "tier": "web"}));
    assert_eq!(
        cluster.get(SERVICE, "cart")["metadata"],
        users_service()["metadata"],
        "Flux may reconcile what is the user's again"
    );
}

#[test]
fn a_users_service_that_was_never_applied_is_pointed_at_the_target() {
    let mut service = users_service();
    service["metadata"]["annotations"] = json!({});
    let canary = cart(json!({"port": 80}));
    let mut cluster = Cluster::with(SERVICE, service);
    cluster.settle(&canary, |cx, seen| reconcile(cx, seen, Role::Apex));
    cluster.settle(&canary, finalize);
    assert_eq!(cluster.get(SERVICE, "cart")["spec"]["selector"], json!({"app": "cart"}));
}

#[test]
fn an_owned_service_goes_with_its_canary() {
    let mut cluster = Cluster::with(SERVICE, owned(|_| ()));
    assert_eq!(cluster.settle(&cart(json!({"port": 80})), finalize), vec![]);
}

#[test]
fn a_service_that_is_the_target_itself_is_nobody_elses_business() {
    let mut canary = cart(json!({"port": 80}));
    canary.spec.target_ref.kind = "Service".to_owned();
    assert_eq!(Cluster::default().settle(&canary, |cx, seen| reconcile(cx, seen, Role::Apex)), vec![]);
}

#[test]
fn headless_counts_at_creation_and_a_traffic_distribution_always() {
    let plain = cart(json!({"port": 80}));
    let wanted = cart(json!({"port": 80, "headless": true, "trafficDistribution": "PreferClose"}));
    let spec = |first: &api::Canary| {
        let mut cluster = Cluster::default();
        for canary in [first, &wanted] {
            cluster.settle(canary, |cx, seen| reconcile(cx, seen, Role::Apex));
        }
        let spec = &cluster.get(SERVICE, "cart")["spec"];
        (spec.get("clusterIP").cloned(), spec["trafficDistribution"].clone())
    };
    assert_eq!(spec(&wanted), (Some(json!("None")), json!("PreferClose")));
    assert_eq!(spec(&plain), (None, json!("PreferClose")));
}
