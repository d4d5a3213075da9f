//! What happens when the operator is not allowed to do something.

use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn a_missing_permission_is_told_on_the_canary_and_work_goes_on_once_it_is_granted() {
    let Some(stage) = Stage::enter("forbidden").await else { return };
    stage.grant(Some(("create", "httproutes"))).await;
    stage.deploy("gatewayapi:v1", &json!({"interval": "10s", "threshold": 1, "stepWeight": 20, "maxWeight": 40})).await;
    let operator = stage.operator().await;

    let resource = r#"cannot create resource "httproutes" in API group "gateway.networking.k8s.io""#;
    stage.told(&["failed to create HTTPRoute podinfo.forbidden", "forbidden", resource]).await;
    stage.grant(None).await;
    stage.initialized().await;
    operator.end().await;
}

#[tokio::test]
async fn an_operator_that_may_not_read_canaries_does_not_start_and_says_what_to_grant() {
    let Some(stage) = Stage::enter("blind").await else { return };
    stage.grant(Some(("list", "canaries"))).await;

    let error = stage.operator().await.ended().await;
    let cause = std::error::Error::source(&error).and_then(std::error::Error::source).unwrap().to_string();
    assert!(cause.contains(r#"cannot list resource "canaries" in API group "flagger.app""#), "{cause}");
    assert!(error.hint().is_some_and(|hint| hint.contains("grant this verb")), "{:?}", error.hint());
}
