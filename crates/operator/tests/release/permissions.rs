//! What the operator's service account may not do.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::world::World;

/// What the canary's condition says, and how often which events told it.
fn told(world: &World) -> (Option<String>, Vec<String>) {
    let canary = world.last("Canary", "cart").unwrap();
    let conditions = canary["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let stalled = conditions.into_iter().find(|condition| condition["type"] == "Stalled");
    let message = |told: &Value| told["message"].as_str().unwrap_or_default().to_owned();
    let events = world.writes().into_iter().filter(|written| written.is_on("Event"));
    let warnings = events.filter(|written| written.after["type"] == "Warning");
    (stalled.map(|stalled| message(&stalled)), warnings.map(|written| message(&written.after)).collect())
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_is_missing_is_told_once_kept_in_the_condition_and_tried_ever_more_seldom() {
    let world = World::start();
    let operator = world.replica(&[]).await;
    operator.forbid(Some((Method::POST, "/deployments")));
    world.deploy(&json!({"interval": "10s", "threshold": 1, "stepWeight": 50}));
    world.canary(|_| told(&world).0.is_some()).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let (condition, events) = told(&world);
    let condition = condition.unwrap();
    assert!(condition.contains("cart-primary") && condition.contains("may not do this"), "{condition}");
    assert_eq!(events, [condition], "in an hour");
    assert!((10..30).contains(&operator.refused()), "{} attempts in an hour", operator.refused());

    operator.forbid(None);
    world.canary(|canary| canary["status"]["phase"] == "Initialized").await;
    assert_eq!(told(&world).0, None);
}
