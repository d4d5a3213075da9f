//! What a release does to a Knative Service.

use crate::cluster::{Cluster, but, canary};
use flagger_targets as targets;
use jiff::Timestamp;
use ports::{Key, kinds};
use serde_json::{Value, json};
use targets::{Error, Readiness, Side, Target, find};

const NOW: &str = "2026-11-21T14:40:00Z";

/// A user's Knative Service with `cart-00002` as its newest revision.
fn cart() -> Value {
    json!({
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"template": {}},
        "status": {"latestCreatedRevisionName": "cart-00002"},
    })
}

/// The same under a canary, with `primary` in the primary's part.
fn split(primary: &str) -> Value {
    let traffic = json!([{"latestRevision": true, "percent": 20}, {"revisionName": primary, "percent": 80}]);
    let annotations = json!({"flagger.app/primary-revision": primary});
    but(cart(), json!({"metadata": {"annotations": annotations}, "spec": {"traffic": traffic}}))
}

fn releasing(promoted: &str) -> api::Canary {
    let reference = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service"});
    let mut canary = canary(json!({"targetRef": reference, "progressDeadlineSeconds": 60}));
    canary.status = Some(api::CanaryStatus { last_promoted_spec: promoted.to_owned(), ..Default::default() });
    canary
}

fn knative() -> &'static dyn Target {
    let (canary, settings) = (releasing(""), targets::Settings::default());
    find(&targets::Context { canary: &canary, settings: &settings })
}

/// Annotation and traffic once the primary is there.
fn primary_of(service: Value, promoted: &str) -> (Value, Value) {
    let mut cluster = Cluster::with([service]);
    cluster.settle(&releasing(promoted), |cx, seen| knative().primary(cx, seen, ""));
    let service = cluster.get(&Key::new(kinds::KNATIVE_SERVICE, "shop", "cart"));
    (service["metadata"]["annotations"]["flagger.app/primary-revision"].clone(), service["spec"]["traffic"].clone())
}

#[test]
fn the_first_primary_is_the_newest_revision_with_all_traffic() {
    let traffic = json!([{"latestRevision": true, "percent": 0}, {"revisionName": "cart-00002", "percent": 100}]);
    assert_eq!(primary_of(cart(), ""), (json!("cart-00002"), traffic.clone()));
    assert_eq!(primary_of(split("cart-00001"), "").1, traffic, "the one before never got up");
}

#[test]
fn a_lost_annotation_is_not_taken_for_a_promotion() {
    let lost = but(split("cart-00001"), json!({"metadata": {"annotations": null}}));
    assert_eq!(primary_of(lost, "v1.x"), (json!("cart-00001"), split("cart-00001")["spec"]["traffic"].clone()));
}

#[test]
fn a_side_is_ready_when_its_revision_is_and_is_given_up_after_the_deadline() {
    let revision = |name: &str, status: &str, since: &str| {
        let ready = json!({"type": "Ready", "status": status, "message": "no image", "lastTransitionTime": since});
        json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {"name": name, "namespace": "shop"},
            "status": {"conditions": [ready]},
        })
    };
    let now: Timestamp = NOW.parse().unwrap();
    let ready = |side: Side, revisions: Vec<Value>| {
        let cluster = Cluster::with(revisions.into_iter().chain([split("cart-00001")]));
        match cluster.ask(&releasing("v1.x"), |cx, seen| knative().ready(cx, seen, side, now)).unwrap() {
            Readiness::Ready => "ready".to_owned(),
            Readiness::NotReady { reason, retriable, .. } => format!("{reason}, wait: {retriable}"),
        }
    };
    assert_eq!(ready(Side::Primary, vec![revision("cart-00001", "True", NOW)]), "ready");
    let waiting = ready(Side::Canary, vec![revision("cart-00002", "Unknown", "2026-11-21T14:39:30Z")]);
    assert_eq!(waiting, "canary revision cart-00002.shop not ready: no image, wait: true");
    let late = ready(Side::Canary, vec![revision("cart-00002", "False", "2026-11-21T14:38:30Z")]);
    assert_eq!(late, "canary revision cart-00002.shop not ready: no image, wait: false");
    let missing = ready(Side::Canary, Vec::new());
    assert_eq!(missing, "canary revision cart-00002.shop not ready: it does not exist, wait: true");
}

#[test]
fn a_promotion_moves_annotation_and_traffic_together() {
    let mut cluster = Cluster::with([split("cart-00001")]);
    let canary = releasing("v1.x");
    let analysed = cluster.ask(&canary, |cx, seen| knative().facts(cx, seen)).unwrap().revision;
    cluster.settle(&canary, |cx, seen| knative().promote(cx, seen, &analysed, ""));
    let service = cluster.get(&Key::new(kinds::KNATIVE_SERVICE, "shop", "cart")).clone();
    assert_eq!(service["metadata"], split("cart-00002")["metadata"]);
    assert_eq!(service["spec"]["traffic"], split("cart-00002")["spec"]["traffic"]);

    cluster.put(but(service, json!({"status": {"latestCreatedRevisionName": "cart-00003"}})));
    assert_eq!(
        cluster.settle(&canary, |cx, seen| knative().promote(cx, seen, &analysed, "")),
        [],
        "it was made before"
    );
    let moved = cluster.ask(&canary, |cx, seen| knative().promote(cx, seen, "v1.other", ""));
    assert!(matches!(moved, Err(Error::RevisionMoved { .. })));
}

#[test]
fn a_service_without_a_revision_has_nothing_to_release() {
    let new = Cluster::with([but(cart(), json!({"status": null}))]);
    let error = new.ask(&releasing(""), |cx, seen| knative().facts(cx, seen)).unwrap_err();
    assert_eq!(error.to_string(), "Knative Service cart.shop has no revision yet");
}
