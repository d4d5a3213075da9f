//! The three patches that are no apply.

use serde_json::{Value, json};

use crate::cluster::{CRDS, Cluster, DEPLOYMENTS, FOOS, crd, deployment, foo};

fn images(object: &Value) -> Vec<(&str, &str)> {
    let containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().map(|one| (one["name"].as_str().unwrap(), one["image"].as_str().unwrap())).collect()
}

#[test]
fn a_strategic_patch_merges_containers_and_a_merge_patch_replaces_them() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let change = json!({"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}}});
    let merged = cluster.patch(&path, "strategic-merge", &change).ok();
    assert_eq!(images(&merged), [("side", "side:1"), ("app", "app:1")]);
    let replaced = cluster.patch(&path, "merge", &change).ok();
    assert_eq!(images(&replaced), [("side", "side:1")]);
}

#[test]
fn a_json_patch_may_test_first() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let scale = |from: i64, to: i64| {
        let change = json!([
            {"op": "test", "path": "/spec/replicas", "value": from},
            {"op": "replace", "path": "/spec/replicas", "value": to},
        ]);
        cluster.patch(&path, "json", &change)
    };
    assert_eq!(scale(1, 4).ok()["spec"]["replicas"], 4);
    assert_eq!(scale(1, 5).code, 422);
}

#[test]
fn a_patch_with_a_stale_revision_conflicts() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    let created = cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    cluster.patch(&path, "merge", &json!({"spec": {"replicas": 2}})).ok();
    let stale =
        json!({"metadata": {"resourceVersion": created["metadata"]["resourceVersion"]}, "spec": {"replicas": 3}});
    assert_eq!(cluster.patch(&path, "merge", &stale).code, 409);
}

#[test]
fn custom_resources_take_no_strategic_patch() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    cluster.post(FOOS, &foo("a", &json!({"size": 1}))).ok();
    let (code, message) = cluster.patch(&format!("{FOOS}/a"), "strategic-merge", &json!({})).refused();
    assert_eq!(code, 415);
    assert!(message.starts_with("the body of the request was in an unknown format - accepted media types include"));
}
