//! How long a decision takes.

#[path = "../tests/it/canaries.rs"]
mod canaries;

use divan::{Bencher, black_box};
use rollout::model::World;
use rollout::{Input, tick};
use serde_json::json;

fn main() {
    divan::main();
}

/// One look at a canary whose journal holds some 30 effects. Limit: 20 µs.
#[divan::bench]
fn a_tick_of_30_effects(bencher: Bencher<'_, '_>) {
    let plan = canaries::plan(|canary| {
        let metric = |index: usize| json!({"name": format!("metric-{index}"), "query": "vector(1)", "threshold": 100});
        canary["spec"]["analysis"]["metrics"] = (0..15).map(metric).collect();
        let hook = |index: usize| json!({"name": format!("hook-{index}"), "url": "http://hooks.test/"});
        canary["spec"]["analysis"]["webhooks"] = (0..2).map(hook).collect();
    });
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 2);
    let (status, now) = (world.status.clone(), world.now + plan.interval);
    let journal = world.tick(&plan, true, |_| None).journal;
    assert_eq!(journal.len(), 30, "{journal:#?}");
    let input = Input {
        plan: &plan,
        status: &status,
        claim: &rollout::Claim::Sole,
        standing: rollout::Standing::default(),
        now,
        paced: true,
        polled: false,
    };
    bencher.bench(|| tick(black_box(&input), black_box(&journal)));
}

/// Ten thousand whole releases in the model world. Limit: 10 s.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn ten_thousand_releases() {
    let plan = canaries::plan(|_| {});
    for index in 0..10_000 {
        let mut world = World::pushed(&plan, if index % 2 == 0 { "v2" } else { "bad" });
        assert!(world.run(&plan, 20).is_some());
    }
}
