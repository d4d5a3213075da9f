//! What users get wrong is told to them, and stops nobody else.

use serde_json::{Value, json};

use crate::hooks::Receiver;
use crate::world::{World, canary};

fn stalled(canary: &Value) -> Option<&Value> {
    let conditions = canary["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Stalled")
}

fn quick() -> Value {
    json!({"interval": "30s", "threshold": 2, "stepWeight": 50, "maxWeight": 50})
}

/// Some intervals go by.
async fn release_another(world: &World) {
    world.release("cart", "6.0.0", &quick()).await;
    world.push("cart", "6.0.1").await;
    world.canary("cart", |canary| canary["status"]["phase"] == "Succeeded").await;
}

#[tokio::test]
async fn an_invalid_canary_is_told_which_field_is_wrong_and_stops_no_other() {
    let world = World::start(20.0, &[]).await;
    world.release("podinfo", "6.0.0", &quick()).await;
    let ladder = json!({"interval": "30s", "threshold": 2, "stepWeights": [10, 10]});
    world.apply(&canary("wrong", &ladder)).await;
    let told = world.canary("wrong", |canary| stalled(canary).is_some()).await;
    let condition = stalled(&told).unwrap();
    assert_eq!([&condition["status"], &condition["reason"]], ["True", "Invalid"]);
    let rule = "spec.analysis.stepWeights[1]: must be above the step before, 10 follows 10";
    assert_eq!(condition["message"], rule);
    world.said("wrong", &format!("Warning {rule} x1")).await;

    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    assert_eq!(world.events("wrong").await.len(), 1, "it is told once");
    world.stop().await;
}

#[tokio::test]
async fn a_canary_that_becomes_invalid_in_mid_run_is_held_and_goes_on_when_it_is_mended() {
    let world = World::start(20.0, &[]).await;
    // Until it is broken, somebody holds it; from then on nobody does.
    let receiver = Receiver::start().await;
    let ladder =
        |hooks: Value| json!({"interval": "30s", "threshold": 2, "stepWeights": [20, 40, 60], "webhooks": hooks});
    world.release("podinfo", "6.0.0", &ladder(json!([receiver.hold()]))).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["canaryWeight"] == 20).await;
    let broken = json!({"interval": "30s", "threshold": 2, "stepWeights": [20, 20]});
    world.apply(&canary("podinfo", &broken)).await;
    let told = world.canary("podinfo", |canary| stalled(canary).is_some()).await;
    let weight = told["status"]["canaryWeight"].as_i64().unwrap();
    // While another release takes all of its steps, nothing moves.
    release_another(&world).await;
    let still = world.canary("podinfo", |_| true).await;
    assert_eq!([&still["status"]["phase"], &still["status"]["canaryWeight"]], [&json!("Progressing"), &json!(weight)]);
    assert_eq!(world.weight("podinfo").await, weight, "the traffic is as it was");

    world.apply(&canary("podinfo", &ladder(json!([])))).await;
    let over = world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    assert_eq!(stalled(&over), None);
    world.stop().await;
}

#[tokio::test]
async fn what_is_missing_is_told_once_kept_in_the_condition_and_found_when_it_comes() {
    let world = World::start(20.0, &[]).await;
    world.apply(&canary("podinfo", &quick())).await;
    let told = world.canary("podinfo", |canary| stalled(canary).is_some()).await;
    let sentence = r#"deployment podinfo.default get query error: deployments.apps "podinfo" not found"#;
    let condition = stalled(&told).unwrap();
    assert_eq!([&condition["reason"], &condition["message"]], ["Faulted", sentence]);
    // It is tried again while another release takes all of its steps.
    release_another(&world).await;
    world.said("podinfo", &format!("Warning {sentence} x1")).await;

    world.push("podinfo", "6.0.0").await;
    let found = world.canary("podinfo", |canary| canary["status"]["phase"] == "Initialized").await;
    assert_eq!(stalled(&found), None);
    world.stop().await;
}

#[tokio::test]
async fn a_missing_metric_template_or_secret_is_told_once_and_kept_in_the_condition_until_it_comes() {
    let world = World::start(20.0, &[]).await;
    let mut measured = quick();
    let check = json!({"name": "rate", "templateRef": {"name": "rate"}, "thresholdRange": {"min": 1}});
    measured["metrics"] = json!([check]);
    // It holds no initialization up.
    world.release("podinfo", "6.0.0", &measured).await;
    let told = world.canary("podinfo", |canary| stalled(canary).is_some()).await;
    let missing = r#"metric template rate.default error: metrictemplates.flagger.app "rate" not found"#;
    assert_eq!([&stalled(&told).unwrap()["reason"], &stalled(&told).unwrap()["message"]], ["Unmeasured", missing]);
    release_another(&world).await;

    // A release fails by it, check by check, and says so.
    world.push("podinfo", "6.0.1").await;
    let failed = world.canary("podinfo", |canary| canary["status"]["phase"] == "Failed").await;
    assert_eq!(stalled(&failed).unwrap()["message"], missing);
    let check = missing.replacen('m', "M", 1);
    world.said("podinfo", &format!("Warning {check} x2")).await;

    // The template comes, and its Secret is missing; then that comes, too.
    world.apply(&template(&world)).await;
    let told = world.canary("podinfo", |canary| names(canary, "key")).await;
    let secret = r#"metric template rate.default secret key error: secrets "key" not found"#;
    assert_eq!(stalled(&told).unwrap()["message"], secret);
    world.apply(&key()).await;
    world.canary("podinfo", |canary| stalled(canary).is_none()).await;
    world.push("podinfo", "6.0.2").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    for missing in [missing, secret] {
        world.said("podinfo", &format!("Warning Error checking metric providers: {missing} x1")).await;
    }
    world.stop().await;
}

fn names(canary: &Value, what: &str) -> bool {
    stalled(canary).is_some_and(|stalled| stalled["message"].as_str().unwrap_or_default().contains(what))
}

/// A template that always has a reading, and wants a Secret.
fn template(world: &World) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "rate", "namespace": "default"},
        "spec": {
            "provider": {"type": "prometheus", "address": world.sandbox.metrics_url(), "secretRef": {"name": "key"}},
            "query": "vector(7)",
        },
    })
}

fn key() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "default"},
        "data": {"username": "dXNlcg==", "password": "cGFzcw=="},
    })
}

#[tokio::test]
async fn a_canary_that_is_being_deleted_takes_no_further_step() {
    let world = World::start(20.0, &[]).await;
    let receiver = Receiver::start().await;
    let hold = receiver.hold();
    let ladder = json!({"interval": "30s", "threshold": 2, "stepWeights": [20, 40, 60], "webhooks": [hold]});
    world.release("podinfo", "6.0.0", &ladder).await;
    // Somebody else's finalizer keeps it from going.
    let mut kept = canary("podinfo", &ladder);
    kept["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.apply(&kept).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["canaryWeight"] == 20).await;
    world.delete("flagger.app/v1beta1", "Canary", "podinfo").await;
    let leaving = world.canary("podinfo", |canary| canary["metadata"]["deletionTimestamp"].is_string()).await;
    receiver.let_go();
    release_another(&world).await;
    let still = world.canary("podinfo", |_| true).await;
    assert_eq!(still["status"]["canaryWeight"], leaving["status"]["canaryWeight"], "{still:#}");
    assert_eq!(still["status"]["phase"], "Progressing");
    world.stop().await;
}
