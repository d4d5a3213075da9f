//! What clients find out about the server.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::cluster::{CRDS, Cluster, DEPLOYMENTS, MAPS, crd, deployment};

fn accept(cluster: &Cluster, path: &str, accept: &str) -> (String, Value) {
    let request = Request::builder().uri(path).header("accept", accept).body(Bytes::new()).unwrap();
    let response = cluster.api.call(request);
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    let bytes = futures::executor::block_on(response.into_body().collect()).unwrap().to_bytes();
    (media, serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn custom_kinds_are_discovered_like_built_in_ones() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let resources = cluster.get("/apis/example.com/v1").ok();
    let names: Vec<_> = resources["resources"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["foos", "foos/scale", "foos/status"]);
    assert_eq!(resources["resources"][0]["shortNames"], json!(["fo"]));
    let group = cluster.get("/apis/example.com").ok();
    assert_eq!(group["preferredVersion"]["groupVersion"], "example.com/v1");
    assert!(cluster.get("/apis").ok()["groups"].as_array().unwrap().contains(&json!({
        "name": "example.com", "versions": group["versions"], "preferredVersion": group["preferredVersion"],
    })));
}

#[test]
fn everything_is_discovered_at_once_by_those_who_ask_so() {
    let cluster = Cluster::new();
    let wanted = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let (media, groups) = accept(&cluster, "/apis", wanted);
    assert_eq!(media, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
    let apps = groups["items"].as_array().unwrap().iter().find(|one| one["metadata"]["name"] == "apps").unwrap();
    let deployments = &apps["versions"][0]["resources"][2];
    assert_eq!((&deployments["resource"], &deployments["scope"]), (&json!("deployments"), &json!("Namespaced")));
    assert_eq!(accept(&cluster, "/apis", "application/json").1["kind"], "APIGroupList");
}

#[test]
fn a_list_is_shown_as_a_table_or_as_metadata() {
    let cluster = Cluster::new();
    cluster.post(DEPLOYMENTS, &deployment("a")).ok();
    let table = accept(&cluster, DEPLOYMENTS, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").1;
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&json!("Table"), &json!("a")));
    let wanted = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let partial = accept(&cluster, DEPLOYMENTS, wanted).1;
    assert_eq!(partial["kind"], "PartialObjectMetadataList");
    assert!(partial["items"][0].get("spec").is_none());
}

#[test]
fn what_nobody_serves_is_not_acceptable() {
    let cluster = Cluster::new();
    assert_eq!(accept(&cluster, MAPS, "application/cbor").1["code"], 406);
    assert_eq!(accept(&cluster, MAPS, "application/vnd.kubernetes.protobuf,application/json").0, "application/json");
}

#[test]
fn the_version_is_one_that_clients_know() {
    let cluster = Cluster::new();
    assert!(cluster.get("/version").ok()["gitVersion"].as_str().unwrap().starts_with("v1.36."));
    assert_eq!(cluster.get("/readyz").code, 200);
}
