//! Custom resources, from their definition to its end.

use apiserver::Options;
use serde_json::{Value, json};

use crate::cluster::{CRDS, Cluster, FOOS, crd, foo};

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|one| one["type"] == kind).map_or(&Value::Null, |one| &one["status"])
}

#[test]
fn a_copy_of_a_cluster_begins_with_its_kinds_and_objects_and_goes_its_own_way() {
    let original = Cluster::new();
    original.post(CRDS, &crd()).ok();
    original.post(FOOS, &foo("old", &json!({}))).ok();
    let copy = Cluster { api: original.api.copy(&Options { seed: 1, ..Options::default() }) };
    let fresh = copy.post(FOOS, &foo("new", &json!({}))).ok();
    let names = |cluster: &Cluster| {
        let list = cluster.get(FOOS).ok();
        let names = list["items"].as_array().unwrap().iter().map(|foo| foo["metadata"]["name"].to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!((names(&original), names(&copy)), (vec!["\"old\"".into()], vec!["\"new\"".into(), "\"old\"".into()]));
    let other = original.post(FOOS, &foo("new", &json!({}))).ok();
    assert_ne!(fresh["metadata"]["uid"], other["metadata"]["uid"], "the copy has dice of its own");
}

#[test]
fn a_definition_is_served_at_once_and_gone_with_its_objects() {
    let cluster = Cluster::new();
    assert_eq!(cluster.get(FOOS).code, 404);
    let created = cluster.post(CRDS, &crd()).ok();
    assert_eq!(*condition(&created, "Established"), "True");
    assert_eq!(*condition(&created, "NamesAccepted"), "True");
    assert_eq!(created["status"]["acceptedNames"]["listKind"], "FooList");
    let object = cluster.post(FOOS, &foo("a", &json!({"size": 1}))).ok();
    assert_eq!(object["spec"], json!({"size": 1, "color": "red"}));
    cluster.delete(&format!("{CRDS}/foos.example.com")).ok();
    assert_eq!(cluster.get(FOOS).code, 404);
    cluster.post(CRDS, &crd()).ok();
    assert_eq!(cluster.get(FOOS).ok()["items"], json!([]));
}

#[test]
fn a_definition_waits_for_finalizers_of_its_objects() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let mut object = foo("a", &json!({"size": 1}));
    object["metadata"]["finalizers"] = json!(["example.com/wait"]);
    cluster.post(FOOS, &object).ok();
    cluster.delete(&format!("{CRDS}/foos.example.com")).ok();
    assert_eq!(*condition(&cluster.get(&format!("{CRDS}/foos.example.com")).ok(), "Terminating"), "True");
    cluster.patch(&format!("{FOOS}/a"), "merge", &json!({"metadata": {"finalizers": null}})).ok();
    assert_eq!(cluster.get(&format!("{CRDS}/foos.example.com")).code, 404);
}

#[test]
fn objects_are_checked_against_the_schema() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let refused = cluster.post(FOOS, &foo("a", &json!({"size": 0})));
    assert_eq!(refused.body["details"]["causes"][0]["field"], "spec.size");
    let (code, message) = refused.refused();
    assert_eq!(code, 422);
    assert!(message.starts_with("Foo.example.com \"a\" is invalid: spec.size: Invalid value: 0"), "{message}");
    let strict = cluster.post(&format!("{FOOS}?fieldValidation=Strict"), &foo("a", &json!({"siz": 1})));
    assert!(strict.refused().1.ends_with("strict decoding error: unknown field \"spec.siz\""));
    let warned = cluster.post(FOOS, &foo("a", &json!({"siz": 1})));
    assert_eq!(warned.warnings, ["299 - \"unknown field \\\"spec.siz\\\"\""]);
    assert_eq!(warned.ok()["spec"], json!({"color": "red"}));
}

#[test]
fn status_and_generation_are_kept_apart() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let mut object = foo("a", &json!({"size": 1}));
    object["status"] = json!({"size": 9});
    let object = cluster.post(FOOS, &object).ok();
    assert!(object.get("status").is_none());
    let path = format!("{FOOS}/a");
    let patched = cluster.patch(&format!("{path}/status"), "merge", &json!({"status": {"size": 2}})).ok();
    assert_eq!((&patched["status"]["size"], &patched["metadata"]["generation"]), (&json!(2), &json!(1)));
    let patched = cluster.patch(&path, "merge", &json!({"spec": {"size": 3}, "status": {"size": 7}})).ok();
    assert_eq!((&patched["status"]["size"], &patched["metadata"]["generation"]), (&json!(2), &json!(2)));
}

#[test]
fn versions_differ_by_name_only() {
    let cluster = Cluster::new();
    let mut definition = crd();
    let mut beta = definition["spec"]["versions"][0].clone();
    beta["name"] = json!("v1beta1");
    beta["storage"] = json!(false);
    definition["spec"]["versions"].as_array_mut().unwrap().push(beta);
    cluster.post(CRDS, &definition).ok();
    let created = cluster.post(FOOS, &foo("a", &json!({"size": 1}))).ok();
    let path = FOOS.replace("/v1/", "/v1beta1/") + "/a";
    let mut seen = cluster.get(&path).ok();
    assert_eq!(seen["apiVersion"], "example.com/v1beta1");
    seen["spec"]["size"] = json!(2);
    assert_eq!(cluster.put(&path, &seen).ok()["apiVersion"], "example.com/v1beta1");
    let stored = cluster.get(&format!("{FOOS}/a")).ok();
    assert_eq!((&stored["apiVersion"], &stored["spec"]["size"]), (&created["apiVersion"], &json!(2)));
}

#[test]
fn names_that_are_taken_are_not_accepted() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let mut twin = crd();
    twin["metadata"]["name"] = json!("others.example.com");
    twin["spec"]["names"] = json!({"kind": "Other", "plural": "others", "shortNames": ["fo"]});
    let created = cluster.post(CRDS, &twin).ok();
    assert_eq!(*condition(&created, "NamesAccepted"), "False");
    assert_eq!(cluster.get("/apis/example.com/v1/others").code, 404);
}

#[test]
fn a_definition_is_checked_itself() {
    let cluster = Cluster::new();
    let mut odd = crd();
    odd["metadata"]["name"] = json!("bars.example.com");
    odd["spec"]["versions"][0]["storage"] = json!(false);
    let (code, message) = cluster.post(CRDS, &odd).refused();
    assert_eq!(code, 422);
    assert!(message.contains("must be spec.names.plural+\".\"+spec.group"), "{message}");
    assert!(message.contains("must have exactly one version marked as storage version"), "{message}");
}
