//! A promotion that waits for its gate, looked at between two steps.

use api::Phase;
use rollout::model::World;
use rollout::traffic::Split;
use rollout::{Ending, Plan};
use serde_json::{Value, json};

use crate::canaries;
use crate::transcripts::hook;

#[test]
fn between_two_steps_nothing_but_an_open_gate_lets_a_waiting_promotion_go_on() {
    let gated = |mut analysis: Value| {
        analysis["webhooks"] = json!([hook("confirm-promotion")]);
        canaries::plan(|canary| canary["spec"]["analysis"] = analysis)
    };
    let weights = |top: u8| gated(json!({"interval": "1m", "threshold": 5, "stepWeight": 10, "maxWeight": top}));
    let waiting = |plan: &Plan| {
        let mut world = World { hook: |_| false, ..World::pushed(plan, "v2") };
        world.run(plan, 8);
        assert_eq!(world.status.phase, Phase::WaitingPromotion);
        world.hook = |_| true;
        world
    };

    // The plan got longer while the gate was closed.
    let mut world = waiting(&weights(20));
    let over = world.poll(&weights(50), |_| None).over.unwrap();
    assert_eq!((over.ending, world.split), (Ending::Pacing, Split::canary(20)));

    // The switch was what the gate held; the promotion has its own interval.
    let iterations = gated(json!({"interval": "1m", "threshold": 5, "iterations": 2}));
    let mut world = waiting(&iterations);
    let over = world.poll(&iterations, |_| None).over.unwrap();
    assert_eq!((over.ending, world.split), (Ending::Advanced { split: Split::CANARY }, Split::CANARY));
    let over = world.poll(&iterations, |_| None).over.unwrap();
    assert_eq!((over.ending, world.status.phase), (Ending::Pacing, Phase::WaitingPromotion));
    world.run(&iterations, 1);
    assert_eq!(world.status.phase, Phase::Promoting);
}
