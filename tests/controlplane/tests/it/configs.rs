//! A change of what the target is configured with is a release.

use api::Phase;
use serde_json::{Value, json};

use crate::manifests::{apply, team};
use crate::stage::Stage;

const CANARIES: &str = "/apis/flagger.app/v1beta1/namespaces/NAMESPACE/canaries";
const CONFIG_MAPS: &str = "/api/v1/namespaces/NAMESPACE/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/NAMESPACE/deployments";
const SECRETS: &str = "/api/v1/namespaces/NAMESPACE/secrets";

fn colors(namespace: &str, color: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "colors", "namespace": namespace},
        "data": {"color": color},
    })
}

fn token(namespace: &str, key: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "namespace": namespace},
        "type": "Opaque",
        "stringData": {"apiKey": key},
    })
}

#[tokio::test]
async fn a_change_of_a_config_map_or_secret_is_released() {
    let Some(stage) = Stage::enter("configs").await else { return };
    stage.grant(None).await;
    let analysis = json!({"interval": "10s", "threshold": 1, "iterations": 1});
    for mut object in team(stage.namespace, "kubernetes", &analysis) {
        if object["kind"] == "Deployment" {
            let sources = json!([{"configMapRef": {"name": "colors"}}, {"secretRef": {"name": "token"}}]);
            object["spec"]["template"]["spec"]["containers"][0]["envFrom"] = sources;
        }
        apply(&stage.client, &object).await;
    }
    apply(&stage.client, &colors(stage.namespace, "red")).await;
    let operator = stage.operator().await;
    stage.told(&[r#"secret token.configs get query error: secrets "token" not found"#]).await;
    apply(&stage.client, &token(stage.namespace, "test")).await;
    stage.initialized().await;

    let primary = stage.object(DEPLOYMENTS, "podinfo-primary").await;
    let sources = &primary["spec"]["template"]["spec"]["containers"][0]["envFrom"];
    assert_eq!(
        sources,
        &json!([{"configMapRef": {"name": "colors-primary"}}, {"secretRef": {"name": "token-primary"}}])
    );
    assert_eq!(
        stage.object(CANARIES, "podinfo").await["status"]["trackedConfigs"],
        json!({"configmap/colors": "241889ca0604e333", "secret/token": "3930f0692c2295eb"})
    );

    let (_, phase) = stage.follow(apply(&stage.client, &colors(stage.namespace, "blue"))).await;
    assert_eq!(phase, Phase::Succeeded);
    assert_eq!(stage.object(CONFIG_MAPS, "colors-primary").await["data"]["color"], "blue");

    let (_, phase) = stage.follow(apply(&stage.client, &token(stage.namespace, "tset"))).await;
    assert_eq!(phase, Phase::Succeeded);
    assert_eq!(stage.object(SECRETS, "token-primary").await["data"]["apiKey"], "dHNldA==");
    operator.end().await;
}
