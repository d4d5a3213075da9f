//! Knative Services: kinds as Knative's, a played controller, and the operator under the rules that we ship.

use api::Phase;
use futures::StreamExt;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::manifests::{apply, install_kind, team};
use crate::stage::Stage;
use crate::waiting::{canaries, gone, reaches};

const GROUP: &str = "serving.knative.dev";
const SERVICES: &str = "/apis/serving.knative.dev/v1/namespaces/NAMESPACE/services";

fn api(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1", kind));
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Gives each image a revision that is ready at once, and says so in the status of the Service.
async fn play(client: Client, namespace: &'static str) {
    let services = api(&client, namespace, "Service");
    let mut changed = std::pin::pin!(watcher(services.clone(), watcher::Config::default()).applied_objects());
    while let Some(service) = changed.next().await {
        let service = service.unwrap();
        let generation = service.metadata.generation;
        if service.data["status"]["observedGeneration"].as_i64() == generation {
            continue;
        }
        let image = service.data.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap();
        let revision = image.replace(':', "-");
        let object = json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {"name": revision, "namespace": namespace},
        });
        apply(&client, &object).await;
        let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
        let params = PatchParams::default();
        api(&client, namespace, "Revision").patch_status(&revision, &params, &Patch::Merge(ready)).await.unwrap();
        let status = json!({"observedGeneration": generation, "latestCreatedRevisionName": revision});
        services.patch_status("podinfo", &params, &Patch::Merge(json!({"status": status}))).await.unwrap();
    }
}

/// The primary's revision, and the shares of the newest revision and of the primary's.
async fn routed(stage: &Stage) -> (Value, Value) {
    let service = stage.object(SERVICES, "podinfo").await;
    (service["metadata"]["annotations"]["flagger.app/primary-revision"].clone(), service["spec"]["traffic"].clone())
}

#[tokio::test]
async fn a_knative_revision_is_analysed_promoted_and_given_back() {
    let Some(stage) = Stage::enter("serverless").await else { return };
    stage.grant(None).await;
    apply(&stage.client, &team(stage.namespace, "", &json!({}))[0]).await;
    for kind in ["Revision", "Service"] {
        install_kind(&stage.client, GROUP, "v1", kind).await;
    }
    let playing = tokio::spawn(play(stage.client.clone(), stage.namespace));
    let service = |image: &str| {
        json!({
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": "podinfo", "namespace": stage.namespace},
            "spec": {"template": {"spec": {"containers": [{"image": image}]}}},
        })
    };
    apply(&stage.client, &service("podinfo:1")).await;
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": stage.namespace},
        "spec": {
            "provider": "knative",
            "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"},
            "revertOnDeletion": true,
            "analysis": {
                "interval": "10s", "threshold": 1, "stepWeight": 50, "maxWeight": 50,
                "metrics": [{"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}}],
            },
        },
    });
    apply(&stage.client, &canary).await;
    let operator = stage.operator().await;
    stage.initialized().await;
    let all_to =
        |revision: &str| json!([{"latestRevision": true, "percent": 0}, {"revisionName": revision, "percent": 100}]);
    assert_eq!(routed(&stage).await, (json!("podinfo-1"), all_to("podinfo-1")));

    apply(&stage.client, &service("podinfo:2")).await;
    reaches(&stage, "podinfo", Phase::Succeeded).await;
    stage.told(&["Advance podinfo.serverless canary weight 50"]).await;
    assert_eq!(routed(&stage).await, (json!("podinfo-2"), all_to("podinfo-2")));

    let deleted = canaries(&stage).delete("podinfo", &DeleteParams::background()).await.unwrap().left().unwrap();
    gone(canaries(&stage), "podinfo", &deleted.metadata.uid.unwrap()).await;
    assert_eq!(routed(&stage).await, (Value::Null, json!([{"latestRevision": true, "percent": 100}])));
    operator.end().await;
    playing.abort();
}
