//! Scale, binding, eviction and logs.

use std::sync::Arc;

use apiserver::Options;
use http::Method;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::cluster::{CRDS, Cluster, DEPLOYMENTS, FOOS, PODS, crd, deployment, foo, pod};

#[test]
fn a_deployment_is_scaled_and_counts_a_generation() {
    let cluster = Cluster::new();
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let path = format!("{DEPLOYMENTS}/a/scale");
    let mut scale = cluster.get(&path).ok();
    assert_eq!((&scale["spec"]["replicas"], &scale["status"]["selector"]), (&json!(1), &json!("app=a")));
    scale["spec"]["replicas"] = json!(4);
    assert_eq!(cluster.put(&path, &scale).ok()["spec"]["replicas"], 4);
    assert_eq!(cluster.put(&path, &scale).code, 409, "the revision is old by now");
    let object = cluster.get(&format!("{DEPLOYMENTS}/a")).ok();
    assert_eq!((&object["spec"]["replicas"], &object["metadata"]["generation"]), (&json!(4), &json!(2)));
}

#[test]
fn a_custom_resource_scales_by_its_own_paths() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    cluster.post(FOOS, &foo("a", &json!({"size": 1}))).ok();
    cluster.patch(&format!("{FOOS}/a/scale"), "merge", &json!({"spec": {"replicas": 3}})).ok();
    assert_eq!(cluster.get(&format!("{FOOS}/a")).ok()["spec"]["size"], 3);
}

#[test]
fn a_pod_is_bound_once() {
    let cluster = Cluster::new();
    cluster.post(PODS, &pod("p")).ok();
    let path = format!("{PODS}/p/binding");
    let to = |node: &str| json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}});
    assert_eq!(cluster.post(&path, &to("one")).code, 201);
    let bound = cluster.get(&format!("{PODS}/p")).ok();
    assert_eq!(bound["spec"]["nodeName"], "one");
    assert_eq!(bound["status"]["conditions"][0]["type"], "PodScheduled");
    assert_eq!(cluster.post(&path, &to("two")).code, 409);
}

#[test]
fn a_budget_without_room_forbids_an_eviction() {
    let cluster = Cluster::new();
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let mut one = pod("p");
    one["metadata"]["labels"] = json!({"app": "a"});
    cluster.post(PODS, &one).ok();
    let budget = json!({"metadata": {"name": "b"}, "spec": {"selector": {"matchLabels": {"app": "a"}}}});
    cluster.post(budgets, &budget).ok();
    let path = format!("{PODS}/p/eviction");
    assert_eq!(cluster.post(&path, &json!({"metadata": {"name": "p"}})).code, 429);
    cluster.patch(&format!("{budgets}/b/status"), "merge", &json!({"status": {"disruptionsAllowed": 1}})).ok();
    assert_eq!(cluster.post(&path, &json!({"metadata": {"name": "p"}})).code, 201);
    assert!(!cluster.has(&format!("{PODS}/p")));
}

#[test]
fn a_log_comes_from_the_hook() {
    let logs: apiserver::Logs = Arc::new(|namespace, pod| Some(format!("hello from {namespace}/{pod}\n")));
    let cluster = Cluster::with(Options { logs: Some(logs), ..Options::default() });
    cluster.post(PODS, &pod("p")).ok();
    let response = cluster.send(Method::GET, &format!("{PODS}/p/log"), "", "");
    let text = futures::executor::block_on(response.into_body().collect()).unwrap().to_bytes();
    assert_eq!(text, "hello from default/p\n");
}
