//! Watches: what they begin with, what they show, how they end.

use std::time::Duration;

use apiserver::Options;
use axum::body::Body;
use futures::StreamExt as _;
use http::Method;
use serde_json::{Value, json};

use crate::cluster::{CRDS, Cluster, FOOS, MAPS, crd, foo, map};

/// A running watch.
struct Watch {
    frames: std::pin::Pin<Box<axum::body::BodyDataStream>>,
}

impl Watch {
    fn begin(cluster: &Cluster, path: &str, query: &str) -> Watch {
        let response = cluster.send(Method::GET, &format!("{path}?watch=true&{query}"), "", "");
        assert_eq!(response.status(), 200);
        Watch { frames: Box::pin(Body::into_data_stream(response.into_body())) }
    }

    /// The next event; nothing when the watch has ended.
    async fn event(&mut self) -> Option<Value> {
        let frame = self.frames.next().await?.unwrap();
        Some(serde_json::from_slice(&frame).unwrap())
    }

    /// The next event as its type and the name of its object.
    async fn next(&mut self) -> (String, String) {
        let event = self.event().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&event["type"]), text(&event["object"]["metadata"]["name"]))
    }
}

fn shown(change: &str, name: &str) -> (String, String) {
    (change.to_owned(), name.to_owned())
}

fn labelled(name: &str, tier: &str) -> Value {
    let mut object = map(name);
    object["metadata"]["labels"] = json!({"tier": tier});
    object
}

#[tokio::test]
async fn a_watch_from_a_list_sees_every_later_change() {
    let cluster = Cluster::new();
    let list = cluster.get(MAPS).ok();
    let from = format!("resourceVersion={}", list["metadata"]["resourceVersion"].as_str().unwrap());
    cluster.post(MAPS, &map("a")).ok();
    let mut watch = Watch::begin(&cluster, MAPS, &from);
    cluster.patch(&format!("{MAPS}/a"), "merge", &json!({"data": {"a": "2"}})).ok();
    cluster.post("/api/v1/namespaces/kube-system/configmaps", &map("elsewhere")).ok();
    cluster.delete(&format!("{MAPS}/a")).ok();
    for change in ["ADDED", "MODIFIED", "DELETED"] {
        assert_eq!(watch.next().await, shown(change, "a"));
    }
}

#[tokio::test]
async fn a_watch_without_a_revision_begins_with_the_state() {
    let cluster = Cluster::new();
    cluster.post(MAPS, &map("a")).ok();
    let mut watch = Watch::begin(&cluster, MAPS, "");
    assert_eq!(watch.next().await, shown("ADDED", "a"));
    assert_eq!(watch.next().await, shown("ADDED", "kube-root-ca.crt"));
}

#[tokio::test]
async fn a_streaming_list_marks_the_end_of_the_state() {
    let cluster = Cluster::new();
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut watch = Watch::begin(&cluster, MAPS, query);
    assert_eq!(watch.next().await, shown("ADDED", "kube-root-ca.crt"));
    let mark = watch.event().await.unwrap();
    assert_eq!(mark["type"], "BOOKMARK");
    assert_eq!(mark["object"]["metadata"]["annotations"], json!({"k8s.io/initial-events-end": "true"}));
    assert_eq!(mark["object"]["metadata"]["resourceVersion"], cluster.get(MAPS).ok()["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn objects_come_and_go_as_they_start_and_stop_matching() {
    let cluster = Cluster::new();
    let mut watch = Watch::begin(&cluster, MAPS, "labelSelector=tier%3Dweb");
    cluster.post(MAPS, &labelled("a", "db")).ok();
    let path = format!("{MAPS}/a");
    cluster.patch(&path, "merge", &json!({"metadata": {"labels": {"tier": "web"}}})).ok();
    cluster.patch(&path, "merge", &json!({"metadata": {"labels": {"tier": "db"}}})).ok();
    cluster.delete(&path).ok();
    cluster.post(MAPS, &labelled("b", "web")).ok();
    assert_eq!(watch.next().await, shown("ADDED", "a"));
    assert_eq!(watch.next().await, shown("DELETED", "a"));
    assert_eq!(watch.next().await, shown("ADDED", "b"));
}

#[tokio::test]
async fn a_watch_from_before_the_history_is_told_so_and_ends() {
    let cluster = Cluster::with(Options { history: 2, ..Options::default() });
    for name in ["a", "b", "c", "d"] {
        cluster.post(MAPS, &map(name)).ok();
    }
    let mut watch = Watch::begin(&cluster, MAPS, "resourceVersion=1");
    let event = watch.event().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["code"], &event["object"]["reason"]),
        (&json!("ERROR"), &json!(410), &json!("Expired"))
    );
    assert_eq!(watch.event().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_watch_sends_bookmarks_and_ends_in_time() {
    let cluster = Cluster::new();
    let current = cluster.get(MAPS).ok()["metadata"]["resourceVersion"].clone();
    let started = tokio::time::Instant::now();
    let query = format!("resourceVersion={}&allowWatchBookmarks=true&timeoutSeconds=90", current.as_str().unwrap());
    let mut watch = Watch::begin(&cluster, MAPS, &query);
    let mark = watch.event().await.unwrap();
    assert_eq!((&mark["type"], &mark["object"]["metadata"]["resourceVersion"]), (&json!("BOOKMARK"), &current));
    assert_eq!(watch.event().await, None);
    assert_eq!(started.elapsed(), Duration::from_secs(90));
}

#[tokio::test]
async fn a_watch_of_a_custom_resource_sees_its_end() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let mut watch = Watch::begin(&cluster, FOOS, "");
    cluster.post(FOOS, &foo("a", &json!({"size": 1}))).ok();
    cluster.delete(&format!("{CRDS}/foos.example.com")).ok();
    assert_eq!(watch.next().await, shown("ADDED", "a"));
    assert_eq!(watch.next().await, shown("DELETED", "a"));
    assert_eq!(watch.event().await, None);
}
