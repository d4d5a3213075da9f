//! Server-side apply and the ownership of fields.

use serde_json::{Value, json};

use crate::cluster::{CRDS, Cluster, DEPLOYMENTS, FOOS, MAPS, crd, deployment, foo};

fn map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": data})
}

/// The fields that a manager owns.
fn fields<'a>(object: &'a Value, manager: &str) -> &'a Value {
    let entries = object["metadata"]["managedFields"].as_array().unwrap();
    entries.iter().find(|entry| entry["manager"] == manager).map_or(&Value::Null, |entry| &entry["fieldsV1"])
}

#[test]
fn an_apply_creates_and_owns_what_it_names() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    let answer = cluster.apply(&path, "me", &deployment("a"));
    assert_eq!(answer.code, 201);
    let object = answer.ok();
    assert_eq!(object["spec"]["replicas"], 1, "defaults are filled in");
    assert_eq!(
        *fields(&object, "me"),
        json!({"f:spec": {"f:selector": {}, "f:template": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {".": {}, "f:image": {}, "f:name": {}}}},
        }}})
    );
    let again = cluster.apply(&path, "me", &deployment("a"));
    assert_eq!((again.code, again.ok()), (200, object));
}

#[test]
fn a_field_that_is_applied_no_longer_goes_unless_somebody_else_owns_it() {
    let cluster = Cluster::new();
    let path = format!("{MAPS}/m");
    cluster.apply(&path, "me", &map(&json!({"a": "1", "b": "1", "c": "1"}))).ok();
    cluster.apply(&path, "you", &map(&json!({"b": "1"}))).ok();
    let object = cluster.apply(&path, "me", &map(&json!({"a": "1"}))).ok();
    assert_eq!(object["data"], json!({"a": "1", "b": "1"}));
    assert_eq!(*fields(&object, "you"), json!({"f:data": {"f:b": {}}}));
}

#[test]
fn a_field_of_another_manager_conflicts_until_it_is_forced() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    cluster.apply(&path, "me", &deployment("a")).ok();
    cluster.patch(&format!("{path}?fieldManager=scaler"), "merge", &json!({"spec": {"replicas": 5}})).ok();
    let mut config = deployment("a");
    config["spec"]["replicas"] = json!(2);
    let refused = cluster.apply(&path, "me", &config);
    assert_eq!(
        refused.body["details"]["causes"],
        json!([{
            "reason": "FieldManagerConflict", "message": "conflict with \"scaler\" using apps/v1", "field": ".spec.replicas",
        }])
    );
    let message = "Apply failed with 1 conflict: conflict with \"scaler\" using apps/v1: .spec.replicas";
    assert_eq!(refused.refused(), (409, message.into()));
    let forced = cluster.apply_with(&path, "fieldManager=me&force=true", &config).ok();
    assert_eq!(forced["spec"]["replicas"], 2);
    assert_eq!(*fields(&forced, "scaler"), Value::Null);
}

#[test]
fn the_same_value_is_shared_without_a_conflict() {
    let cluster = Cluster::new();
    let path = format!("{MAPS}/m");
    cluster.apply(&path, "me", &map(&json!({"a": "1"}))).ok();
    let object = cluster.apply(&path, "you", &map(&json!({"a": "1"}))).ok();
    assert_eq!(fields(&object, "me"), fields(&object, "you"));
}

#[test]
fn list_items_of_other_managers_stay() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    cluster.apply(&path, "me", &deployment("a")).ok();
    let sidecar = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {
        "template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}},
    }});
    cluster.apply(&path, "injector", &sidecar).ok();
    let mut config = deployment("a");
    config["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
    let object = cluster.apply(&path, "me", &config).ok();
    let containers = object["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let images: Vec<_> = containers.iter().map(|one| one["image"].as_str().unwrap()).collect();
    assert_eq!(images, ["app:2", "side:1"]);
}

#[test]
fn lists_of_custom_resources_merge_by_their_declared_keys() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let path = format!("{FOOS}/a");
    cluster.apply(&path, "me", &foo("a", &json!({"size": 1, "rules": [{"name": "x", "on": true}]}))).ok();
    let object = cluster.apply(&path, "you", &foo("a", &json!({"rules": [{"name": "y"}]}))).ok();
    assert_eq!(object["spec"]["rules"], json!([{"name": "x", "on": true}, {"name": "y"}]));
    let object = cluster.apply(&path, "me", &foo("a", &json!({"size": 1}))).ok();
    assert_eq!(object["spec"]["rules"], json!([{"name": "y"}]));
}

#[test]
fn an_apply_of_the_status_owns_the_status_only() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    cluster.post(FOOS, &foo("a", &json!({"size": 1}))).ok();
    let mut config = foo("a", &json!({"size": 9}));
    config["status"] = json!({"size": 3});
    let object = cluster.apply(&format!("{FOOS}/a/status"), "ctl", &config).ok();
    assert_eq!((&object["spec"]["size"], &object["status"]["size"]), (&json!(1), &json!(3)));
    assert_eq!(*fields(&object, "ctl"), json!({"f:status": {"f:size": {}}}));
    config["metadata"]["name"] = json!("gone");
    assert_eq!(cluster.apply(&format!("{FOOS}/gone/status"), "ctl", &config).code, 404);
}

#[test]
fn an_update_takes_what_it_changes() {
    let cluster = Cluster::new();
    let path = format!("{MAPS}/m");
    cluster.apply(&path, "me", &map(&json!({"a": "1", "b": "1"}))).ok();
    let object = cluster.patch(&path, "merge", &json!({"data": {"a": "2", "b": null, "c": "3"}})).ok();
    assert_eq!(*fields(&object, "me"), Value::Null, "both of its fields were taken or removed");
    assert_eq!(*fields(&object, "test"), json!({"f:data": {"f:a": {}, "f:c": {}}}), "named after the user agent");
}

#[test]
fn an_apply_names_its_manager_its_kind_and_known_fields() {
    let cluster = Cluster::new();
    let path = format!("{DEPLOYMENTS}/a");
    let (code, message) = cluster.apply_with(&path, "", &deployment("a")).refused();
    assert!(code == 422 && message.contains("fieldManager: Required value: is required for apply patch"), "{message}");
    assert_eq!(cluster.apply(&path, "me", &json!({"metadata": {"name": "a"}})).code, 400);
    let mut config = deployment("a");
    config["spec"]["replica"] = json!(1);
    let (_, message) = cluster.apply(&path, "me", &config).refused();
    assert_eq!(
        message,
        "failed to create typed patch object (/a; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema"
    );
}
