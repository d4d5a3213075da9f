//! Several operators, of which one leads, on a real control plane.

use api::Phase;
use serde_json::json;

use crate::stage::Stage;

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/NAMESPACE/leases";

#[tokio::test]
async fn a_release_goes_on_step_by_step_when_its_leader_crashes_and_when_the_next_one_is_stopped() {
    let Some(stage) = Stage::enter("replicas").await else { return };
    stage.grant(None).await;
    let analysis = json!({"interval": "10s", "threshold": 1, "stepWeight": 10, "maxWeight": 40});
    stage.deploy("gatewayapi:v1", &analysis).await;
    let first = stage.replica().await;
    stage.initialized().await;
    let second = stage.replica().await;

    let interruptions = async {
        stage.weighs(10).await;
        first.crash().await;
        stage.weighs(20).await;
        let third = stage.replica().await;
        second.end().await;
        third
    };
    let (released, third) = tokio::join!(stage.release("podinfo:2"), interruptions);
    assert_eq!(released, (vec![0, 10, 20, 30, 40, 0], Phase::Succeeded));
    let lease = stage.object(LEASES, "flagger-leader-election").await;
    assert_eq!(lease["spec"]["leaseTransitions"], 2, "{lease}");
    third.end().await;
    let lease = stage.object(LEASES, "flagger-leader-election").await;
    assert_eq!(lease["spec"]["holderIdentity"], "", "handed back");
}
