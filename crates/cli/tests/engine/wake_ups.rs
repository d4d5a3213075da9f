//! What happens is acted on when it happens, although the analysis keeps its pace.

use serde_json::{Value, json};

use crate::hooks::Receiver;
use crate::world::World;

/// An analysis that takes a step a day, which is more than an hour here: whatever is waited for was not its pace.
fn slow(webhooks: &Value) -> Value {
    json!({"interval": "1440m", "threshold": 2, "stepWeight": 50, "maxWeight": 50, "webhooks": webhooks})
}

#[tokio::test]
async fn a_new_revision_an_approval_and_an_abort_are_heard_long_before_the_interval_is_over() {
    let (world, receiver) = (World::start(20.0, &[]).await, Receiver::start().await);
    let hook = |kind: &str| json!({"name": kind, "type": kind, "url": format!("{}/{kind}", receiver.url)});
    receiver.answer("/confirm-rollout", &[403]);
    receiver.answer("/rollback", &[403]);
    let hooks = json!([hook("confirm-rollout"), hook("rollback")]);
    world.release("podinfo", "6.0.0", &slow(&hooks)).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Waiting").await;
    receiver.called("/confirm-rollout", 3).await;
    receiver.answer("/confirm-rollout", &[200]);
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Progressing").await;
    receiver.called("/rollback", 2).await;
    receiver.answer("/rollback", &[200]);
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Failed").await;

    let keys: Vec<_> = receiver.calls("/confirm-rollout").into_iter().map(|call| call.key).collect();
    assert_ne!(keys[0], keys[keys.len() - 1], "each question to a gate is a new one");
    let events = world.events("podinfo").await;
    let halted = events.iter().filter(|event| event.contains("waiting for approval")).count();
    assert_eq!(halted, 1, "a closed gate is told once: {events:#?}");
    assert!(!events.iter().any(|event| event.contains("not signaling")), "asking in between is not told: {events:#?}");
    world.stop().await;
}

#[tokio::test]
async fn a_canary_without_its_image_is_told_of_by_pod_container_and_reason_and_rolled_back_at_its_deadline() {
    let world = World::start(20.0, &[]).await;
    world.release("podinfo", "6.0.0", &slow(&json!([]))).await;
    let mut impatient = crate::world::canary("podinfo", &slow(&json!([])));
    impatient["spec"]["progressDeadlineSeconds"] = json!(60);
    world.apply(&impatient).await;
    world.push("podinfo", "6.0.1-notfound").await;
    let failed = world.canary("podinfo", |canary| canary["status"]["phase"] == "Failed").await;
    assert_eq!(failed["status"]["canaryWeight"], 0);
    let events = world.said("podinfo", "Canary failed!").await;
    let told = "Rolling back podinfo.default progress deadline exceeded canary deployment podinfo.default not ready: ";
    let rolled_back = events.iter().find(|event| event.contains(told)).unwrap_or_else(|| panic!("{events:#?}"));
    assert!(rolled_back.contains("pod podinfo-"), "{rolled_back}");
    let image = "(ghcr.io/stefanprodan/podinfo:6.0.1-notfound)";
    assert!(rolled_back.contains("container podinfo: ") && rolled_back.contains(image), "{rolled_back}");
    world.stop().await;
}
