//! Metric templates and Secrets that a canary names and that are not there.

use expect_test::expect;
use rollout::model::World;
use rollout::{Plan, Wake};
use serde_json::json;

use crate::canaries;

fn plan() -> Plan {
    canaries::plan(|canary| {
        let check = json!({"name": "rate", "templateRef": {"name": "rate"}, "thresholdRange": {"min": 99}});
        canary["spec"]["analysis"]["metrics"] = json!([check]);
    })
}

fn kept(world: &World) -> Option<String> {
    let found = world.status.conditions.iter().find(|condition| condition.type_ == "Stalled");
    found.map(|condition| format!("{}: {}", condition.reason, condition.message))
}

#[test]
fn what_checks_are_read_from_and_is_missing_is_told_once_and_looked_for_until_it_is_there() {
    let plan = plan();
    let mut world = World { missing: Some("template is gone"), ..World::default() };
    let mut waits = Vec::new();
    for _ in 0..5 {
        if let Wake::After(wait) = world.tick(&plan, true, |_| None).over.unwrap().wake {
            waits.push(wait.as_secs());
        }
    }
    assert_eq!(waits, [30, 30, 60, 90, 120], "it is initialized all the same, and looks ever more seldom");
    let told = kept(&world);
    assert_eq!(told.as_deref(), Some("Unmeasured: template is gone"));
    world.missing = None;
    world.tick(&plan, false, |_| None);
    assert_eq!(kept(&world), None);
    expect![[r"
        status Initializing weight=0 failed=0 iterations=0
        status Initializing weight=0 failed=0 iterations=0
        note Stalled Unmeasured: template is gone
        warn Error checking metric providers: template is gone
        split 100/0
        status Initialized weight=0 failed=0 iterations=0
        say Initialization done! podinfo.test
        alert Info: New Deployment detected, initialization completed.
        say all the metrics providers are available!"]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn what_is_missing_in_an_analysis_fails_the_check_and_stays_in_the_condition_until_it_is_there() {
    let plan = plan();
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 2);
    world.log.clear();
    world.missing = Some("it is gone");
    world.tick(&plan, true, |_| None);
    let told = kept(&world);
    assert_eq!(told.as_deref(), Some("Unmeasured: metric template rate.test error: it is gone"));
    expect![[r"
        warn Metric template rate.test error: it is gone
        note Stalled Unmeasured: metric template rate.test error: it is gone
        status Progressing weight=20 failed=1 iterations=0"]]
    .assert_eq(&world.log.join("\n"));
    let mut mended = world.clone();

    world.run(&plan, 3);
    assert_eq!(world.status.phase, api::Phase::Failed);
    assert!(kept(&world).is_some(), "the next release would fail as well");
    world.missing = None;
    world.tick(&plan, false, |_| None);
    assert_eq!(kept(&world), None);

    mended.missing = None;
    mended.run(&plan, 1);
    assert_eq!((mended.status.canary_weight, kept(&mended)), (40, None));
}
