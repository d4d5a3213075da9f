//! Deletion, its preconditions and its cascades.

use serde_json::{Value, json};

use crate::cluster::{Cluster, MAPS, PODS, map, pod};

/// A ConfigMap that belongs to others; each owner may block.
fn owned(cluster: &Cluster, name: &str, owners: &[&Value]) -> Value {
    let mut object = map(name);
    let reference = |owner: &&Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"], "blockOwnerDeletion": true})
    };
    object["metadata"]["ownerReferences"] = owners.iter().map(reference).collect();
    cluster.post(MAPS, &object).ok()
}

fn at(name: &str) -> String {
    format!("{MAPS}/{name}")
}

#[test]
fn a_delete_says_what_is_gone() {
    let cluster = Cluster::new();
    let created = cluster.post(MAPS, &map("a")).ok();
    let status = cluster.delete(&at("a")).ok();
    assert_eq!(status["status"], "Success");
    assert_eq!(status["details"], json!({"name": "a", "kind": "configmaps", "uid": created["metadata"]["uid"]}));
    assert_eq!(cluster.delete(&at("a")).code, 404);
}

#[test]
fn preconditions_hold_or_conflict() {
    let cluster = Cluster::new();
    let created = cluster.post(MAPS, &map("a")).ok();
    let refused = cluster.delete_with(&at("a"), &json!({"preconditions": {"uid": "other"}})).refused();
    assert!(refused.0 == 409 && refused.1.contains("the UID in the precondition (other)"), "{}", refused.1);
    cluster.delete_with(&at("a"), &json!({"preconditions": {"uid": created["metadata"]["uid"]}})).ok();
}

#[test]
fn finalizers_hold_an_object_until_the_last_is_gone() {
    let cluster = Cluster::new();
    let mut object = map("a");
    object["metadata"]["finalizers"] = json!(["x.io/one"]);
    cluster.post(MAPS, &object).ok();
    assert!(cluster.delete(&at("a")).ok()["metadata"]["deletionTimestamp"].is_string());
    let more = json!({"metadata": {"finalizers": ["x.io/one", "x.io/two"]}});
    let (code, message) = cluster.patch(&at("a"), "merge", &more).refused();
    assert!(code == 422 && message.contains("no new finalizers can be added"), "{message}");
    cluster.patch(&at("a"), "merge", &json!({"metadata": {"finalizers": []}})).ok();
    assert!(!cluster.has(&at("a")));
}

#[test]
fn dependents_follow_their_last_owner() {
    let cluster = Cluster::new();
    let (one, two) = (cluster.post(MAPS, &map("one")).ok(), cluster.post(MAPS, &map("two")).ok());
    let child = owned(&cluster, "child", &[&one, &two]);
    owned(&cluster, "grandchild", &[&child]);
    cluster.delete(&at("one")).ok();
    let left = cluster.get(&at("child")).ok();
    assert_eq!(left["metadata"]["ownerReferences"].as_array().unwrap().len(), 1);
    cluster.delete(&at("two")).ok();
    assert!(!cluster.has(&at("child")) && !cluster.has(&at("grandchild")));
}

#[test]
fn an_orphan_stays() {
    let cluster = Cluster::new();
    let owner = cluster.post(MAPS, &map("owner")).ok();
    owned(&cluster, "child", &[&owner]);
    cluster.delete_with(&at("owner"), &json!({"propagationPolicy": "Orphan"})).ok();
    assert!(!cluster.has(&at("owner")));
    assert!(cluster.get(&at("child")).ok()["metadata"].get("ownerReferences").is_none());
}

#[test]
fn in_the_foreground_an_owner_waits_for_its_dependents() {
    let cluster = Cluster::new();
    let owner = cluster.post(MAPS, &map("owner")).ok();
    owned(&cluster, "child", &[&owner]);
    cluster.patch(&at("child"), "merge", &json!({"metadata": {"finalizers": ["x.io/wait"]}})).ok();
    let waiting = cluster.delete_with(&at("owner"), &json!({"propagationPolicy": "Foreground"})).ok();
    assert_eq!(waiting["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(cluster.get(&at("child")).ok()["metadata"]["deletionTimestamp"].is_string());
    cluster.patch(&at("child"), "merge", &json!({"metadata": {"finalizers": null}})).ok();
    assert!(!cluster.has(&at("child")) && !cluster.has(&at("owner")));
}

#[test]
fn an_object_whose_owner_never_was_is_collected() {
    let cluster = Cluster::new();
    owned(&cluster, "child", &[&json!({"metadata": {"name": "ghost", "uid": "ghost"}})]);
    assert!(!cluster.has(&at("child")));
}

#[test]
fn a_pod_on_a_node_is_given_time() {
    let cluster = Cluster::new();
    let path = format!("{PODS}/p");
    cluster.post(PODS, &pod("p")).ok();
    cluster.delete(&path).ok();
    assert!(!cluster.has(&path), "nobody runs it");
    let mut placed = pod("p");
    placed["spec"]["nodeName"] = json!("node");
    cluster.post(PODS, &placed).ok();
    let waiting = cluster.delete(&path).ok();
    assert_eq!(waiting["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(waiting["metadata"]["deletionTimestamp"], "1970-01-01T00:00:30Z");
    cluster.patch(&format!("{path}/status"), "merge", &json!({"status": {"phase": "Running"}})).ok();
    assert!(cluster.has(&path));
    cluster.delete_with(&path, &json!({"gracePeriodSeconds": 0})).ok();
    assert!(!cluster.has(&path));
}

#[test]
fn a_namespace_takes_everything_with_it() {
    let cluster = Cluster::new();
    cluster.post("/api/v1/namespaces", &json!({"metadata": {"name": "n"}})).ok();
    let maps = "/api/v1/namespaces/n/configmaps";
    assert!(cluster.has(&format!("{maps}/kube-root-ca.crt")), "it comes furnished");
    let mut held = map("held");
    held["metadata"]["finalizers"] = json!(["x.io/wait"]);
    cluster.post(maps, &held).ok();
    cluster.delete("/api/v1/namespaces/n").ok();
    assert_eq!(cluster.get("/api/v1/namespaces/n").ok()["status"]["phase"], "Terminating");
    assert!(!cluster.has(&format!("{maps}/kube-root-ca.crt")));
    let (code, message) = cluster.post(maps, &map("late")).refused();
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "configmaps \"late\" is forbidden: unable to create new content in namespace n because it is being terminated"
    );
    cluster.patch(&format!("{maps}/held"), "merge", &json!({"metadata": {"finalizers": null}})).ok();
    assert!(!cluster.has("/api/v1/namespaces/n"));
}

#[test]
fn a_collection_goes_by_selector() {
    let cluster = Cluster::new();
    for name in ["a", "b"] {
        let mut one = map(name);
        one["metadata"]["labels"] = json!({"name": name});
        cluster.post(MAPS, &one).ok();
    }
    cluster.delete(&format!("{MAPS}?labelSelector=name%3Da")).ok();
    assert!(!cluster.has(&at("a")) && cluster.has(&at("b")));
}
