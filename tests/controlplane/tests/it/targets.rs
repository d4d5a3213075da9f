//! Targets whose rules the API server makes, and several canaries on one of them.

use api::Phase;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::manifests::{apply, team};
use crate::stage::Stage;
use crate::waiting::{canaries, reaches};

const SERVICES: &str = "/api/v1/namespaces/NAMESPACE/services";

fn canary(stage: &Stage, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": stage.namespace},
        "spec": spec,
    })
}

#[tokio::test]
async fn core_services_are_copied_and_promoted() {
    let Some(stage) = Stage::enter("external").await else { return };
    stage.grant(None).await;
    apply(&stage.client, &team(stage.namespace, "", &json!({}))[0]).await;
    let service = |kind: &str, app: &str| {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "podinfo", "namespace": stage.namespace, "labels": {"team": "web"}},
            "spec": {"type": kind, "selector": {"app": app}, "ports": [{"name": "http", "port": 80}]},
        })
    };
    apply(&stage.client, &service("NodePort", "one")).await;
    let spec = json!({
        "provider": "gatewayapi:v1",
        "targetRef": {"apiVersion": "v1", "kind": "Service", "name": "podinfo"},
        "service": {"port": 80, "gatewayRefs": [{"name": "gateway"}]},
        "analysis": {"interval": "10s", "threshold": 1, "stepWeight": 50, "maxWeight": 50},
    });
    apply(&stage.client, &canary(&stage, "podinfo", &spec)).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let selected = async |name: &str| stage.object(SERVICES, name).await["spec"]["selector"]["app"].clone();
    assert_eq!((selected("podinfo-primary").await, selected("podinfo-canary").await), (json!("one"), json!("one")));
    let before = stage.object(SERVICES, "podinfo-primary").await;

    apply(&stage.client, &service("ClusterIP", "two")).await;
    reaches(&stage, "podinfo", Phase::Succeeded).await;
    let primary = stage.object(SERVICES, "podinfo-primary").await;
    assert_eq!((&primary["spec"]["selector"]["app"], &primary["spec"]["type"]), (&json!("two"), &json!("ClusterIP")));
    assert_eq!(primary["spec"]["clusterIPs"], before["spec"]["clusterIPs"]);
    assert_eq!(primary["metadata"]["ownerReferences"], before["metadata"]["ownerReferences"]);
    assert_eq!(primary["metadata"]["ownerReferences"][0]["kind"], "Canary");
    assert_eq!(selected("podinfo-canary").await, "two");
    operator.end().await;
}

#[tokio::test]
async fn the_younger_canary_of_a_target_waits_until_the_older_one_is_gone() {
    let Some(stage) = Stage::enter("contested").await else { return };
    stage.grant(None).await;
    stage.deploy("kubernetes", &json!({"interval": "10s", "threshold": 1, "iterations": 2})).await;
    let operator = stage.operator().await;
    stage.initialized().await;

    let mut spec =
        stage.object("/apis/flagger.app/v1beta1/namespaces/NAMESPACE/canaries", "podinfo").await["spec"].clone();
    spec["service"]["name"] = json!("web");
    apply(&stage.client, &canary(&stage, "younger", &spec)).await;
    stage.told(&["Deployment podinfo.contested is left to the older canary podinfo"]).await;
    stage.told(&["Deployment podinfo.contested is also the target of the younger canary younger"]).await;
    let services: Api<Service> = Api::namespaced(stage.client.clone(), stage.namespace);
    assert!(services.get_opt("web").await.unwrap().is_none(), "it does nothing");

    canaries(&stage).delete("podinfo", &DeleteParams::background()).await.unwrap();
    reaches(&stage, "younger", Phase::Initialized).await;
    let primary = stage.object("/apis/apps/v1/namespaces/NAMESPACE/deployments", "podinfo-primary").await;
    assert_eq!(primary["metadata"]["ownerReferences"][0]["name"], "younger");
    operator.end().await;
}

#[tokio::test]
async fn a_new_service_name_is_told_with_what_it_leaves_behind() {
    let Some(stage) = Stage::enter("renamed").await else { return };
    stage.grant(None).await;
    stage.deploy("kubernetes", &json!({"interval": "10s", "threshold": 1, "iterations": 2})).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let patch = json!({"spec": {"service": {"name": "web"}}});
    canaries(&stage).patch("podinfo", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    stage.told(&["service name of podinfo.renamed changed from podinfo to web"]).await;
    operator.end().await;
}
