//! What a release does to a `DaemonSet`.

use crate::cluster::{Cluster, but, canary};
use flagger_targets::{self as targets, Readiness, Side, Target, find, revision};
use jiff::Timestamp;
use ports::{Change, Key, kinds};
use serde_json::{Value, json};

const NOW: &str = "2026-11-21T14:40:00Z";
const PARKING: &str = "flagger.app/scale-to-zero";

/// A user's `DaemonSet` as the API server returns it, running and complete.
fn agent() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {
            "name": "agent",
            "namespace": "shop",
            "generation": 3,
            "annotations": {"deprecated.daemonset.template.generation": "3", "owner": "ada"},
        },
        "spec": {
            "minReadySeconds": 1,
            "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {
                    "containers": [{"name": "agent", "image": "agent:1"}],
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                },
            },
        },
        "status": {
            "observedGeneration": 3,
            "desiredNumberScheduled": 4,
            "updatedNumberScheduled": 4,
            "numberAvailable": 4,
        },
    })
}

fn parked() -> Value {
    but(agent(), json!({"spec": {"template": {"spec": {"nodeSelector": {PARKING: "true"}}}}}))
}

fn primary_of(object: Value) -> Value {
    but(object, json!({"metadata": {"name": "agent-primary"}}))
}

fn released(spec: Value) -> api::Canary {
    canary(but(json!({"targetRef": {"kind": "DaemonSet", "name": "agent"}}), spec))
}

fn daemon_set() -> &'static dyn Target {
    let canary = released(json!({}));
    find(&targets::Context { canary: &canary, settings: &targets::Settings::default() })
}

fn key(name: &str) -> Key {
    Key::new(kinds::DAEMON_SET, "shop", name)
}

#[test]
fn parking_a_target_is_no_new_revision() {
    let facts = |target: Value| {
        Cluster::with([target]).ask(&released(json!({})), |cx, seen| daemon_set().facts(cx, seen)).unwrap()
    };
    assert_eq!(facts(parked()).revision, facts(agent()).revision);
    assert_eq!((facts(agent()).replicas, facts(parked()).replicas), (1, 0));
}

#[test]
fn the_primary_of_a_parked_target_runs() {
    let mut cluster = Cluster::with([parked()]);
    cluster.settle(&released(json!({})), |cx, seen| daemon_set().primary(cx, seen, "id"));
    let primary = cluster.get(&key("agent-primary"));
    assert_eq!(primary["metadata"]["annotations"], json!({"owner": "ada"}));
    assert_eq!(
        primary["spec"],
        but(
            agent()["spec"].clone(),
            json!({
                "selector": {"matchLabels": {"app": "agent-primary"}},
                "template": {"metadata": {"labels": {"app": "agent-primary"}, "annotations": {"flagger-id": "id"}}},
            })
        )
    );
}

#[test]
fn promotion_takes_the_template_without_what_parks_it() {
    let newer = but(parked(), json!({"spec": {"minReadySeconds": 7, "template": {"spec": {"hostNetwork": true}}}}));
    let mut cluster = Cluster::with([newer.clone(), primary_of(agent())]);
    let revision = cluster.ask(&released(json!({})), |cx, seen| daemon_set().facts(cx, seen)).unwrap().revision;
    assert_ne!(revision, revision::of(&newer["spec"]["template"]));
    cluster.settle(&released(json!({})), |cx, seen| daemon_set().promote(cx, seen, &revision, "two"));
    let primary = cluster.get(&key("agent-primary"));
    assert_eq!(primary["spec"]["minReadySeconds"], 7);
    assert_eq!(primary["spec"]["template"]["spec"]["hostNetwork"], true);
    assert_eq!(primary["spec"]["template"]["spec"]["nodeSelector"], json!({"kubernetes.io/os": "linux"}));
    assert_eq!(primary["metadata"]["annotations"]["deprecated.daemonset.template.generation"], "3");
}

#[test]
fn a_target_is_scaled_by_one_key_of_its_node_selector() {
    let mut cluster = Cluster::with([agent()]);
    let patch = |value: Value| {
        let patch = json!({"spec": {"template": {"spec": {"nodeSelector": {PARKING: value}}}}});
        vec![Change::Merge(key("agent"), patch)]
    };
    let canary = released(json!({}));
    assert_eq!(cluster.settle(&canary, |cx, seen| daemon_set().scale_to_zero(cx, seen)), patch(json!("true")));
    assert_eq!(cluster.settle(&canary, |cx, seen| daemon_set().scale_from_zero(cx, seen)), patch(Value::Null));
    cluster.settle(&canary, |cx, seen| daemon_set().scale_to_zero(cx, seen));
    cluster.settle(&canary, |cx, seen| daemon_set().restore(cx, seen));
    assert_eq!(cluster.get(&key("agent")), &agent());
}

#[test]
fn only_rolling_updates_can_be_promoted() {
    let facts = |strategy: Value| {
        let target = but(agent(), json!({"spec": {"updateStrategy": strategy}}));
        Cluster::with([target]).ask(&released(json!({})), |cx, seen| daemon_set().facts(cx, seen))
    };
    assert!(facts(Value::Null).is_ok());
    assert_eq!(
        facts(json!({"type": "OnDelete"})).unwrap_err().to_string(),
        "daemonset agent.shop must have RollingUpdate strategy but have OnDelete"
    );
    let unlabelled = but(agent(), json!({"spec": {"selector": {"matchLabels": {"app": null, "tier": "node"}}}}));
    let error = Cluster::with([unlabelled]).ask(&released(json!({})), |cx, seen| daemon_set().facts(cx, seen));
    assert_eq!(
        error.unwrap_err().to_string(),
        "daemonset agent.shop spec.selector.matchLabels must contain one of [app name app.kubernetes.io/name]"
    );
}

/// The reason why a side isn't ready, with whether waiting may help, or `ready`; the status was last written at `since`.
fn readiness(side: Side, spec: Value, since: &str, status: &Value) -> String {
    let object = but(agent(), json!({"status": status}));
    let object = if side == Side::Primary { primary_of(object) } else { object };
    let mut canary = released(spec);
    let status = json!({"phase": "Progressing", "lastTransitionTime": since});
    canary.status = Some(serde_json::from_value(status).unwrap());
    let now: Timestamp = NOW.parse().unwrap();
    let cluster = Cluster::with([object]);
    match cluster.ask(&canary, |cx, seen| daemon_set().ready(cx, seen, side, now)).unwrap() {
        Readiness::Ready => "ready".to_owned(),
        Readiness::NotReady { reason, retriable: true, .. } => format!("wait: {reason}"),
        Readiness::NotReady { reason, retriable: false, .. } => format!("give up: {reason}"),
    }
}

#[test]
fn a_side_is_ready_when_enough_nodes_run_the_new_pods() {
    let canary = |status: Value| readiness(Side::Canary, json!({}), NOW, &status);
    let waiting = "wait: canary damonset agent.shop not ready with retryable true: waiting for rollout to finish: ";
    assert_eq!(canary(json!({})), "ready");
    for (status, missing) in [
        (json!({"observedGeneration": 2}), "observed daemonset generation less than desired generation"),
        (json!({"desiredNumberScheduled": 0}), "no node is to run its pods"),
        (json!({"updatedNumberScheduled": 1}), "1 out of 4 new pods have been updated"),
        (json!({"numberAvailable": 3}), "3 of 4 (readyThreshold 100%) updated pods are available"),
    ] {
        assert_eq!(canary(status), format!("{waiting}{missing}"));
    }
    let half = json!({"analysis": {"primaryReadyThreshold": 50}});
    assert_eq!(readiness(Side::Primary, half.clone(), NOW, &json!({"numberAvailable": 2})), "ready");
    assert_eq!(
        readiness(Side::Primary, half, NOW, &json!({"numberAvailable": 1})),
        "wait: primary daemonset agent-primary.shop not ready: waiting for rollout to finish: \
         1 of 2 (readyThreshold 50%) updated pods are available"
    );
}

#[test]
fn waiting_ends_when_the_canary_stands_still_for_longer_than_its_deadline() {
    let short_since = |since: &str| {
        let spec = json!({"progressDeadlineSeconds": 60});
        readiness(Side::Canary, spec, since, &json!({"numberAvailable": 0}))
    };
    assert!(short_since("2026-11-21T14:39:00Z").starts_with("wait: "));
    assert_eq!(
        short_since("2026-11-21T14:38:59Z"),
        "give up: canary damonset agent.shop not ready with retryable false: exceeded its progressDeadlineSeconds: 60"
    );
}
