//! kube-rs against the server, without a socket.

use std::collections::BTreeMap;
use std::pin::pin;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use crate::cluster::{CRDS, Cluster, crd, deployment, foo};

fn client(cluster: &Cluster) -> Client {
    Client::new(cluster.api.clone(), "default")
}

fn config(name: &str) -> ConfigMap {
    let mut config = ConfigMap { data: Some(BTreeMap::from([("a".into(), "1".into())])), ..ConfigMap::default() };
    config.metadata.name = Some(name.into());
    config
}

#[tokio::test]
async fn typed_objects_survive_the_round_trip() {
    let cluster = Cluster::new();
    let client = client(&cluster);
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let wanted: Deployment = serde_json::from_value(deployment("a")).unwrap();
    let created = deployments.create(&PostParams::default(), &wanted).await.unwrap();
    assert_eq!(created.spec.replicas, Some(1));
    let apply = PatchParams::apply("me").force();
    let config = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 3},
    });
    assert_eq!(deployments.patch("a", &apply, &Patch::Apply(config)).await.unwrap().spec.replicas, Some(3));
    assert_eq!(deployments.get_scale("a").await.unwrap().spec.unwrap().replicas, Some(3));
    let mut latest = deployments.get_status("a").await.unwrap();
    latest.status.get_or_insert_default().ready_replicas = Some(3);
    let updated = deployments.replace_status("a", &PostParams::default(), &latest).await.unwrap();
    assert_eq!(updated.status.unwrap().ready_replicas, Some(3));
    deployments.delete("a", &DeleteParams::background()).await.unwrap();
    assert!(deployments.get_opt("a").await.unwrap().is_none());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    assert_eq!(namespaces.list(&ListParams::default()).await.unwrap().items.len(), 4);
    let pods: Api<Pod> = Api::all(client.clone());
    assert!(pods.list_metadata(&ListParams::default()).await.unwrap().items.is_empty());
    let services: Api<Service> = Api::all(client);
    assert!(services.list(&ListParams::default().limit(1)).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn both_ways_of_watching_see_the_state_and_then_changes() {
    for settings in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let cluster = Cluster::new();
        let configs: Api<ConfigMap> = Api::default_namespaced(client(&cluster));
        configs.create(&PostParams::default(), &config("before")).await.unwrap();
        let mut events = pin!(watcher::watcher(configs.clone(), settings.fields("metadata.name!=kube-root-ca.crt")));
        let mut seen = Vec::new();
        while let Some(event) = events.next().await {
            seen.push(match event.unwrap() {
                Event::Init => "init".to_owned(),
                Event::InitApply(object) => format!("state {}", object.name_any()),
                Event::InitDone => {
                    configs.create(&PostParams::default(), &config("after")).await.unwrap();
                    configs.delete("before", &DeleteParams::default()).await.unwrap();
                    "done".to_owned()
                }
                Event::Apply(object) => format!("apply {}", object.name_any()),
                Event::Delete(object) => format!("delete {}", object.name_any()),
            });
            if seen.last().is_some_and(|last| last.starts_with("delete")) {
                break;
            }
        }
        assert_eq!(seen, ["init", "state before", "done", "apply after", "delete before"]);
    }
}

#[tokio::test]
async fn dynamic_objects_of_a_new_kind_work_at_once() {
    let cluster = Cluster::new();
    cluster.post(CRDS, &crd()).ok();
    let resource = ApiResource {
        group: "example.com".into(),
        version: "v1".into(),
        api_version: "example.com/v1".into(),
        kind: "Foo".into(),
        plural: "foos".into(),
    };
    let foos: Api<DynamicObject> = Api::default_namespaced_with(client(&cluster), &resource);
    let object: DynamicObject = serde_json::from_value(foo("a", &json!({"size": 2}))).unwrap();
    let created = foos.create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(created.data["spec"]["color"], "red");
    let refused = foos.create(&PostParams::default(), &object).await.unwrap_err();
    let kube::Error::Api(status) = refused else { panic!("{refused}") };
    assert_eq!((status.code, status.reason.as_str()), (409, "AlreadyExists"));
}
