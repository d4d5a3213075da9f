//! What a release does to a Deployment.

use crate::cluster::{Cluster, but, canary};
use expect_test::expect;
use flagger_targets as targets;
use jiff::Timestamp;
use ports::{Change, Key, kinds};
use serde_json::{Value, json};
use targets::{Error, Readiness, Side};

const NOW: &str = "2026-11-21T14:40:00Z";

/// A user's Deployment as the API server returns it, running and complete.
fn cart() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "cart",
            "namespace": "shop",
            "resourceVersion": "10",
            "generation": 4,
            "labels": {"app": "cart", "team": "shop", "kustomize.toolkit.fluxcd.io/name": "apps"},
            "annotations": {
                "deployment.kubernetes.io/revision": "2",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "team.example.com/owner": "ada",
            },
        },
        "spec": {
            "replicas": 2,
            "paused": false,
            "minReadySeconds": 1,
            "progressDeadlineSeconds": 60,
            "revisionHistoryLimit": 10,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "selector": {"matchLabels": {"app": "cart", "tier": "web"}},
            "template": {
                "metadata": {
                    "labels": {"app": "cart", "tier": "web"},
                    "annotations": {"prometheus.io/scrape": "true"},
                },
                "spec": {
                    "containers": [{
                        "name": "web",
                        "image": "cart:2",
                        "ports": [
                            {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                            {"name": "grpc", "containerPort": 9090, "protocol": "TCP"},
                            {"containerPort": 53, "protocol": "UDP"},
                        ],
                    }],
                    "securityContext": {},
                },
            },
        },
        "status": {"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
    })
}

fn primary() -> Value {
    but(
        cart(),
        json!({
            "metadata": {
                "name": "cart-primary",
                "labels": {"app": "cart-primary", "team": null, "kustomize.toolkit.fluxcd.io/name": null},
                "annotations": {"team.example.com/owner": null, "kubectl.kubernetes.io/last-applied-configuration": null},
            },
            "spec": {
                "selector": {"matchLabels": {"app": "cart-primary", "tier": null}},
                "template": {
                    "metadata": {"labels": {"app": "cart-primary"}, "annotations": {"flagger-id": "one"}},
                    "spec": {"containers": [{"name": "web", "image": "cart:1"}]},
                },
            },
        }),
    )
}

fn primary_key() -> Key {
    Key::new(kinds::DEPLOYMENT, "shop", "cart-primary")
}

fn target_key() -> Key {
    Key::new(kinds::DEPLOYMENT, "shop", "cart")
}

fn scaled_to(replicas: i64) -> Vec<Change> {
    vec![Change::Merge(target_key(), json!({"spec": {"replicas": replicas}}))]
}

fn deployment() -> &'static dyn targets::Target {
    targets::all().into_iter().find(|target| target.kind() == "Deployment").unwrap()
}

fn revision(target: &Value) -> String {
    targets::revision::of(&target["spec"]["template"])
}

#[test]
fn facts_name_the_selector_label_and_the_ports_besides_the_main_one() {
    let canary = canary(json!({"service": {"targetPort": "http", "portDiscovery": true}}));
    let facts = Cluster::with([cart()]).ask(&canary, |cx, seen| deployment().facts(cx, seen)).unwrap();
    expect![[r#"
        Facts {
            label: Label {
                key: "app",
                value: "cart",
            },
            ports: [
                Port {
                    name: "grpc",
                    number: 9090,
                    protocol: "TCP",
                },
                Port {
                    name: "tcp-web-2",
                    number: 53,
                    protocol: "UDP",
                },
            ],
            revision: "v1.dff23b416866ee59",
            replicas: 2,
            tracked_configs: Some(
                [],
            ),
            foreign: None,
        }
    "#]]
    .assert_debug_eq(&facts);
}

#[test]
fn what_is_missing_is_said_in_the_words_of_flagger() {
    let facts = |cluster: Cluster| cluster.ask(&canary(json!({})), |cx, seen| deployment().facts(cx, seen));

    let missing = facts(Cluster::default()).unwrap_err();
    assert_eq!(missing.to_string(), r#"deployment cart.shop get query error: deployments.apps "cart" not found"#);

    let unlabelled = but(cart(), json!({"spec": {"selector": {"matchLabels": {"app": null}}}}));
    let unlabelled = facts(Cluster::with([unlabelled])).unwrap_err();
    assert_eq!(
        unlabelled.to_string(),
        "deployment cart.shop spec.selector.matchLabels must contain one of [app name app.kubernetes.io/name]"
    );
}

#[test]
fn the_primary_is_a_copy_with_its_own_labels() {
    let mut cluster = Cluster::with([cart()]);
    cluster.settings.include_label_prefixes = vec!["team".to_owned()];
    cluster.settle(&canary(json!({})), |cx, seen| deployment().primary(cx, seen, "id"));
    expect![[r#"
        {
          "apiVersion": "apps/v1",
          "kind": "Deployment",
          "metadata": {
            "annotations": {
              "team.example.com/owner": "ada"
            },
            "labels": {
              "app": "cart-primary",
              "team": "shop"
            },
            "name": "cart-primary",
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
            "minReadySeconds": 1,
            "progressDeadlineSeconds": 60,
            "replicas": 2,
            "revisionHistoryLimit": 10,
            "selector": {
              "matchLabels": {
                "app": "cart-primary"
              }
            },
            "strategy": {
              "rollingUpdate": {
                "maxSurge": "25%",
                "maxUnavailable": "25%"
              },
              "type": "RollingUpdate"
            },
            "template": {
              "metadata": {
                "annotations": {
                  "flagger-id": "id",
                  "prometheus.io/scrape": "true"
                },
                "labels": {
                  "app": "cart-primary",
                  "tier": "web"
                }
              },
              "spec": {
                "containers": [
                  {
                    "image": "cart:2",
                    "name": "web",
                    "ports": [
                      {
                        "containerPort": 8080,
                        "name": "http",
                        "protocol": "TCP"
                      },
                      {
                        "containerPort": 9090,
                        "name": "grpc",
                        "protocol": "TCP"
                      },
                      {
                        "containerPort": 53,
                        "protocol": "UDP"
                      }
                    ]
                  }
                ],
                "securityContext": {}
              }
            }
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(cluster.get(&primary_key())).unwrap());
}

#[test]
fn a_parked_target_gets_a_primary_that_runs() {
    let mut cluster = Cluster::with([but(cart(), json!({"spec": {"replicas": 0}}))]);
    cluster.settle(&canary(json!({})), |cx, seen| deployment().primary(cx, seen, "id"));
    assert_eq!(cluster.get(&primary_key())["spec"]["replicas"], 1);
}

#[test]
fn an_existing_primary_is_left_alone() {
    let mut cluster = Cluster::with([cart(), primary()]);
    assert_eq!(cluster.settle(&canary(json!({})), |cx, seen| deployment().primary(cx, seen, "id")), vec![]);
}

#[test]
fn promotion_copies_the_template_and_keeps_what_is_not_the_targets() {
    let mut cluster = Cluster::with([cart(), but(primary(), json!({"spec": {"paused": true, "replicas": 5}}))]);
    cluster.settings.include_label_prefixes = vec!["team".to_owned()];
    let revision = revision(&cart());
    cluster.settle(&canary(json!({})), |cx, seen| deployment().promote(cx, seen, &revision, "two"));

    let primary = cluster.get(&primary_key());
    assert_eq!(primary["spec"]["template"]["spec"], cart()["spec"]["template"]["spec"]);
    assert_eq!(
        primary["spec"]["template"]["metadata"],
        json!({
            "labels": {"app": "cart-primary", "tier": "web"},
            "annotations": {"flagger-id": "two", "prometheus.io/scrape": "true"},
        })
    );
    assert_eq!(primary["metadata"]["labels"], json!({"app": "cart-primary", "team": "shop"}));
    assert_eq!(
        primary["metadata"]["annotations"],
        json!({
            "deployment.kubernetes.io/revision": "2",
            "team.example.com/owner": "ada",
        })
    );
    assert_eq!(primary["spec"]["selector"]["matchLabels"], json!({"app": "cart-primary"}));
    assert_eq!(primary["metadata"]["resourceVersion"], "10");
    assert_eq!((&primary["spec"]["paused"], &primary["spec"]["replicas"]), (&json!(true), &json!(2)));
}

#[test]
fn promotion_never_lowers_a_primary_to_zero_and_leaves_its_autoscaler_alone() {
    for (spec, target_replicas) in [(json!({}), 0), (hpa_ref(), 1)] {
        let target = but(cart(), json!({"spec": {"replicas": target_replicas}}));
        let mut cluster = Cluster::with([target, but(primary(), json!({"spec": {"replicas": 5}}))]);
        let revision = revision(&cart());
        cluster.settle(&canary(spec), |cx, seen| deployment().promote(cx, seen, &revision, "two"));
        assert_eq!(cluster.get(&primary_key())["spec"]["replicas"], 5);
    }
}

#[test]
fn a_target_that_moved_on_is_not_promoted_unless_it_was_before() {
    let cluster = Cluster::with([cart(), primary()]);
    let promote = |id: &str| {
        cluster.ask(&canary(json!({})), |cx, seen| deployment().promote(cx, seen, "v1.0000000000000000", id))
    };
    assert!(matches!(promote("two"), Err(Error::RevisionMoved { current, .. }) if current == revision(&cart())));
    assert_eq!(promote("one"), Ok(vec![]));
}

#[test]
fn a_parked_target_starts_with_as_many_replicas_as_it_will_need() {
    let parked = but(cart(), json!({"spec": {"replicas": 0}}));
    let hpa = |replicas: Value| {
        json!({
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"minReplicas": replicas},
        })
    };
    let start = |spec: Value, objects: Vec<Value>| {
        let objects = objects.into_iter().chain([parked.clone()]);
        Cluster::with(objects).settle(&canary(spec), |cx, seen| deployment().scale_from_zero(cx, seen))
    };

    assert_eq!(start(json!({}), vec![primary()]), scaled_to(2));
    assert_eq!(start(json!({}), vec![]), scaled_to(1));
    assert_eq!(start(hpa_ref(), vec![primary(), hpa(json!(3))]), scaled_to(3));
    assert_eq!(start(hpa_ref(), vec![primary(), hpa(json!(null))]), scaled_to(1));
    assert_eq!(start(hpa_ref(), vec![primary()]), scaled_to(1));

    let running = Cluster::with([cart()]).settle(&canary(json!({})), |cx, seen| deployment().scale_from_zero(cx, seen));
    assert_eq!(running, vec![]);
}

#[test]
fn scaling_down_and_giving_back_write_the_targets_replicas_only() {
    let mut cluster = Cluster::with([cart(), but(primary(), json!({"spec": {"replicas": 3}}))]);
    let canary = canary(json!({}));
    assert_eq!(cluster.settle(&canary, |cx, seen| deployment().scale_to_zero(cx, seen)), scaled_to(0));
    assert_eq!(cluster.settle(&canary, |cx, seen| deployment().restore(cx, seen)), scaled_to(3));
}

#[test]
fn a_target_whose_primary_is_gone_is_given_back_running() {
    let mut cluster = Cluster::with([but(cart(), json!({"spec": {"replicas": 0}}))]);
    assert_eq!(cluster.settle(&canary(json!({})), |cx, seen| deployment().restore(cx, seen)), scaled_to(1));
}

#[test]
fn a_given_back_target_never_gets_less_than_it_needs() {
    let restored = |spec: Value, own: i64, primary_has: i64| {
        let replicas = |count: i64| json!({"spec": {"replicas": count}});
        let mut cluster = Cluster::with([but(cart(), replicas(own)), but(primary(), replicas(primary_has))]);
        cluster.settle(&canary(spec), |cx, seen| deployment().restore(cx, seen))
    };
    assert_eq!(restored(json!({}), 5, 3), scaled_to(3));
    assert_eq!(restored(hpa_ref(), 5, 3), [], "an autoscaler is not fought for fewer");
    assert_eq!(restored(hpa_ref(), 1, 3), scaled_to(3));
    assert_eq!(restored(json!({}), 2, 0), [], "a primary that somebody stopped is no measure");
}

/// The reason why a side isn't ready, with whether waiting may help, or `ready`.
fn readiness(side: Side, spec: Value, patch: Value) -> String {
    let object = match side {
        Side::Primary => primary(),
        Side::Canary => cart(),
    };
    let now: Timestamp = NOW.parse().unwrap();
    let cluster = Cluster::with([but(object, patch)]);
    match cluster.ask(&canary(spec), |cx, seen| deployment().ready(cx, seen, side, now)).unwrap() {
        Readiness::Ready => "ready".to_owned(),
        Readiness::NotReady { reason, retriable: true, .. } => format!("wait: {reason}"),
        Readiness::NotReady { reason, retriable: false, .. } => format!("give up: {reason}"),
    }
}

#[test]
fn a_side_is_ready_when_enough_of_its_pods_are_new_and_available() {
    let canary = |patch: Value| readiness(Side::Canary, json!({}), patch);
    let half = |patch: Value| readiness(Side::Canary, json!({"analysis": {"canaryReadyThreshold": 50}}), patch);

    assert_eq!(canary(json!({})), "ready");
    assert_eq!(
        canary(json!({"metadata": {"generation": 5}})),
        "wait: canary deployment cart.shop not ready: waiting for rollout to finish: \
         observed deployment generation less than desired generation"
    );
    assert_eq!(
        canary(json!({"status": {"updatedReplicas": 1}})),
        "wait: canary deployment cart.shop not ready: waiting for rollout to finish: \
         1 out of 2 new replicas have been updated"
    );
    assert_eq!(
        canary(json!({"status": {"replicas": 3}})),
        "wait: canary deployment cart.shop not ready: waiting for rollout to finish: \
         1 old replicas are pending termination"
    );
    assert_eq!(
        canary(json!({"status": {"availableReplicas": 1}})),
        "wait: canary deployment cart.shop not ready: waiting for rollout to finish: \
         1 of 2 (readyThreshold 100%) updated replicas are available"
    );
    assert_eq!(half(json!({"status": {"availableReplicas": 1}})), "ready");
    assert_eq!(
        half(json!({"spec": {"replicas": 1}, "status": {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 0}})),
        "wait: canary deployment cart.shop not ready: waiting for rollout to finish: \
         0 of 1 (readyThreshold 50%) updated replicas are available"
    );
}

#[test]
fn a_side_without_pods_is_never_ready() {
    let parked = json!({
        "spec": {"replicas": 0},
        "status": {"replicas": 0, "updatedReplicas": 0, "availableReplicas": 0},
    });
    assert_eq!(
        readiness(Side::Primary, json!({}), parked.clone()),
        "wait: primary deployment cart-primary.shop is scaled to zero"
    );
    assert_eq!(
        readiness(Side::Canary, json!({}), parked),
        "wait: canary deployment cart.shop not ready: waiting for it to be scaled up from zero"
    );
}

#[test]
fn waiting_ends_at_the_deadline() {
    let short_since = |time: &str, progress: &str| {
        let unavailable = json!({
            "status": {
                "availableReplicas": 0,
                "conditions": [
                    {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "lastUpdateTime": progress},
                    {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "lastUpdateTime": time},
                ],
            },
        });
        readiness(Side::Primary, json!({"progressDeadlineSeconds": 60}), unavailable)
    };
    let reason = "cart-primary.shop not ready: waiting for rollout to finish: \
                  0 of 2 (readyThreshold 100%) updated replicas are available";
    let long_ago = "2026-11-21T14:00:00Z";
    assert_eq!(short_since("2026-11-21T14:39:00Z", long_ago), format!("wait: {reason}"));
    assert_eq!(short_since("2026-11-21T14:38:59Z", long_ago), format!("give up: {reason}"));
    assert_eq!(short_since(long_ago, "2026-11-21T14:39:00Z"), format!("wait: {reason}"), "a fix has time of its own");

    let exceeded = json!({
        "status": {"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]},
    });
    assert_eq!(
        readiness(Side::Primary, json!({}), exceeded),
        r#"give up: cart-primary.shop not ready: deployment "cart-primary" exceeded its progress deadline"#
    );
}

#[test]
fn a_missing_workload_is_waited_for() {
    let now: Timestamp = NOW.parse().unwrap();
    let readiness = Cluster::default()
        .ask(&canary(json!({})), |cx, seen| deployment().ready(cx, seen, Side::Primary, now))
        .unwrap();
    let reason =
        r#"deployment cart-primary.shop get query error: deployments.apps "cart-primary" not found"#.to_owned();
    assert_eq!(readiness, Readiness::NotReady { reason, retriable: true, serving: false });
}

fn hpa_ref() -> Value {
    json!({"autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "cart"}})
}
