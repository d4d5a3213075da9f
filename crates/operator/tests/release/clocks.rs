//! An operator whose machine's clock is set.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::world::World;

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_delays_a_step_by_seconds() {
    let world = World::start();
    world.deploy(&json!({"interval": "60s", "threshold": 1, "stepWeight": 20, "maxWeight": 60}));
    let _operator = world.replica(&[]).await;
    world.canary(|canary| canary["status"]["phase"] == "Initialized").await;
    world.push("cart:2");
    world.canary(|canary| canary["status"]["canaryWeight"] == 20).await;
    let step = Instant::now();
    sleep(Duration::from_secs(50)).await;
    world.set_back(7200);
    world.canary(|canary| canary["status"]["canaryWeight"] == 40).await;
    let pace = step.elapsed().as_secs();
    assert!((60..=70).contains(&pace), "the next step was taken after {pace} s");
}
