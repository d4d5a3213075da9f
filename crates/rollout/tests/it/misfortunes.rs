//! What people and crashes do at odd moments, and that no revision and no copy that serves is lost by it.

use std::time::Duration;

use api::Phase;
use expect_test::expect;
use rollout::model::{Fault, World};
use rollout::traffic::Split;
use rollout::{Effect, Ending, Side, Wake, pace};
use serde_json::json;

use crate::canaries;
use crate::transcripts::hook;

#[test]
fn a_step_that_a_crash_cut_short_keeps_its_pace() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 1);
    world.tick(&plan, true, |effect| matches!(effect, Effect::SetSplit(_)).then_some(Fault::CrashAfter));
    assert_eq!(world.split.canary_weight(), 20);
    let due = pace::due(&world.status, plan.interval, world.now);
    assert_eq!(due.duration_since(world.now), plan.interval.try_into().unwrap(), "the step that was taken counts");
}

#[test]
fn a_step_after_a_slow_hook_keeps_its_pace_across_a_restart() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("pre-rollout")]));
    let mut world = World { hook_takes: Duration::from_secs(8), ..World::pushed(&plan, "v2") };
    world.run(&plan, 1);
    world.tick(&plan, true, |_| None);
    assert_eq!(world.split.canary_weight(), 20);
    let due = pace::due(&world.status, plan.interval, world.now);
    assert_eq!(due.duration_since(world.now), plan.interval.try_into().unwrap(), "the pace is that of the traffic");
}

#[test]
fn a_step_whose_answer_was_lost_keeps_its_pace() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 1);
    let due = world.now.checked_add(plan.interval / 2).unwrap();
    world.tick(&plan, true, |effect| matches!(effect, Effect::SetSplit(_)).then_some(Fault::Unheard));
    assert_eq!(world.split.canary_weight(), 20);
    let next = pace::planned(due, &world.status, &plan, world.now);
    assert_eq!(next.duration_since(world.now), plan.interval.try_into().unwrap(), "the step that was taken counts");
    world.status.failed_checks = plan.threshold;
    assert_eq!(pace::planned(due, &world.status, &plan, world.now), due, "a rollback does not wait");
}

#[test]
fn without_analysis_the_only_copy_that_serves_is_kept() {
    let plan = canaries::plan(|canary| canary["spec"]["skipAnalysis"] = json!(true));
    let mut world = World::pushed(&plan, "v2");
    world.primary = Some("broken".into());
    world.starts = |side, _| (side == Side::Canary).then_some(true);
    world.run(&plan, 3);
    assert_eq!((world.status.phase, world.target_up), (Phase::Progressing, true));
    world.starts = |_, _| Some(true);
    world.run(&plan, 1);
    assert_eq!((world.status.phase, world.target_up), (Phase::Succeeded, false));
}

#[test]
fn without_analysis_a_rollback_waits_until_the_primary_serves_again() {
    let plan = canaries::plan(|canary| canary["spec"]["skipAnalysis"] = json!(true));
    let mut world = World { leftovers: &[Side::Canary], split: Split::canary(40), ..World::pushed(&plan, "v2") };
    world.tick(&plan, true, |_| None);
    world.starts = |side, _| (side == Side::Canary).then_some(false);
    world.log.clear();
    world.run(&plan, 2);
    assert_eq!((world.split, world.target_up), (Split::canary(40), true), "old pods of the target serve all there is");
    world.starts = |side, _| Some(side == Side::Primary);
    world.run(&plan, 1);
    assert!(!world.target_up);
    expect![[r#"
        warn canary not ready
        status Progressing weight=40 failed=2 iterations=0
        warn primary not ready
        warn primary not ready
        warn Rolling back podinfo.test failed checks threshold reached 2
        alert Error: Failed checks threshold reached 2
        split 100/0
        status Failed weight=0 failed=0 iterations=0
        warn Canary failed! Scaling down podinfo.test"#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn without_analysis_traffic_stays_with_a_canary_that_serves_alone_until_a_fix_is_in_the_primary() {
    let plan = canaries::plan(|canary| canary["spec"]["skipAnalysis"] = json!(true));
    let mut world = World { leftovers: &[Side::Canary], split: Split::canary(40), ..World::pushed(&plan, "v2") };
    world.tick(&plan, true, |_| None);
    // Both carry what never starts: there is nothing to go back to.
    world.starts = |_, revision| Some(revision == "v3");
    world.run(&plan, 2);
    world.target = "v3".into();
    let over = world.tick(&plan, false, |_| None).over.unwrap();
    assert_eq!((over.ending, world.status.canary_weight), (Ending::Restarted, 40));
    assert_eq!((world.split, world.target_up), (Split::canary(40), true));
    let over = world.run(&plan, 2).unwrap();
    assert_eq!((over.ending, world.primary.as_deref()), (Ending::Promoted { skipped: true }, Some("v3")));
    assert_eq!((world.split, world.target_up), (Split::PRIMARY, false));
}

#[test]
fn without_analysis_a_promotion_ends_as_one_with_it_when_the_primary_dies() {
    let analysed = canaries::plan(|_| {});
    let plan = canaries::plan(|canary| canary["spec"]["skipAnalysis"] = json!(true));
    for ticks in [5, 6] {
        let mut world = World::pushed(&analysed, "v2");
        world.run(&analysed, ticks);
        assert!(matches!(world.status.phase, Phase::Promoting | Phase::Finalising), "{}", world.status.phase);
        world.starts = |side, _| (side == Side::Canary).then_some(true);
        world.run(&plan, 2);
        assert!(world.target_up, "it waits while the primary may still get up");
        world.starts = |side, _| Some(side == Side::Canary);
        let over = world.run(&plan, 1).unwrap();
        assert!(matches!(over.ending, Ending::PromotionFailed { .. }), "{over:?}");
        assert_eq!((world.split, world.target_up), (Split::CANARY, true));
    }
}

#[test]
fn a_newer_revision_in_a_promotion_takes_no_traffic_to_a_primary_that_does_not_serve() {
    let plan = canaries::plan(|_| {});
    let mut world = World { leftovers: &[Side::Canary], ..World::pushed(&plan, "v2") };
    world.tick(&plan, true, |_| None);
    while world.status.phase != Phase::Promoting {
        world.tick(&plan, true, |effect| matches!(effect, Effect::Promote { .. }).then_some(Fault::Crash));
    }
    let split = world.split;
    world.starts = |_, revision| (revision == "v3").then_some(true);
    world.target = "v3".into();
    world.tick(&plan, false, |_| None);
    assert_eq!((world.status.phase, world.split), (Phase::Progressing, split));
}

#[test]
fn a_first_revision_that_never_starts_can_be_fixed() {
    let plan = canaries::plan(|_| {});
    let mut world = World { target: "broken".into(), ..World::default() };
    world.run(&plan, 2);
    assert_eq!((world.status.phase, world.target_up), (Phase::Initializing, true));
    world.target = "v2".into();
    world.run(&plan, 2);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Initialized, Some("v2")));
}

#[test]
fn a_revision_that_is_pushed_while_the_primary_starts_is_analysed() {
    let plan = canaries::plan(|_| {});
    let mut world = World { starts: |_, _| None, ..World::default() };
    world.run(&plan, 1);
    world.target = "v2".into();
    world.starts = |_, _| Some(true);
    world.run(&plan, 1);
    assert_eq!((world.status.phase, world.status.last_promoted_spec.as_str()), (Phase::Initialized, "v1"));
    world.run(&plan, 10);
    assert_eq!((world.begun, world.primary.as_deref()), (vec!["v2".to_owned()], Some("v2")));
}

#[test]
fn a_primary_that_was_made_from_a_newer_revision_than_the_one_first_seen_carries_the_first_revision() {
    let plan = canaries::plan(|_| {});
    let mut world = World::default();
    world.tick(&plan, true, |effect| (*effect == Effect::EnsurePrimary).then_some(Fault::Refused));
    world.target = "v2".into();
    world.run(&plan, 2);
    assert_eq!((world.status.phase, world.status.last_promoted_spec.as_str()), (Phase::Initialized, "v2"));
    world.target = "v1".into();
    world.run(&plan, 10);
    assert_eq!((world.begun, world.primary.as_deref()), (vec!["v1".to_owned()], Some("v1")));
}

#[test]
fn a_revision_that_is_pushed_after_a_primary_was_made_late_is_analysed() {
    let plan = canaries::plan(|_| {});
    let mut world = World { starts: |_, _| None, ..World::default() };
    world.tick(&plan, true, |effect| matches!(effect, Effect::EnsurePrimary).then_some(Fault::Refused));
    world.target = "v2".into();
    world.run(&plan, 1);
    world.target = "bad".into();
    world.starts = |_, _| Some(true);
    world.run(&plan, 1);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Initialized, Some("v2")));
    assert_eq!(world.status.last_promoted_spec, "v2");
    world.run(&plan, 1);
    assert_eq!(world.begun, ["bad"]);
}

#[test]
fn a_revision_that_is_pushed_while_nobody_knows_what_a_late_primary_was_made_of_is_analysed() {
    for (starts, noted) in [(None, false), (Some(true), false), (None, true)] {
        let plan = canaries::plan(|_| {});
        let mut world = World { starts: |_, _| None, ..World::default() };
        world.tick(&plan, true, |effect| matches!(effect, Effect::EnsurePrimary).then_some(Fault::Refused));
        world.target = "v2".into();
        world.tick(&plan, true, |effect| match effect {
            Effect::EnsurePrimary if !noted => Some(Fault::CrashAfter),
            Effect::Save(_) => Some(Fault::Refused),
            _ => None,
        });
        assert_eq!((world.primary.as_deref(), world.status.last_applied_spec.as_str()), (Some("v2"), "v1"));
        world.target = "bad".into();
        if starts.is_none() {
            world.run(&plan, 2);
        }
        world.starts = |_, _| Some(true);
        world.run(&plan, 1);
        assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Initialized, Some("v2")));
        world.run(&plan, 1);
        assert_eq!(world.begun, ["bad"]);
    }
}

#[test]
fn a_primary_that_people_delete_is_made_of_what_the_target_is() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "bad");
    world.run(&plan, 10);
    assert_eq!(world.status.phase, Phase::Failed);
    world.primary = None;
    world.run(&plan, 1);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Failed, Some("bad")));
    world.target = "v1".into();
    world.run(&plan, 10);
    assert_eq!(world.primary.as_deref(), Some("bad"));
    world.target = "v2".into();
    world.run(&plan, 10);
    assert_eq!((world.begun, world.primary.as_deref()), (vec!["bad".to_owned(), "v2".to_owned()], Some("v2")));
}

#[test]
fn a_revision_that_is_pushed_while_a_canary_comes_to_rest_is_begun_at_once() {
    let plan = canaries::plan(|_| {});
    let mut world = World { starts: |_, _| None, ..World::default() };
    world.run(&plan, 1);
    world.target = "v2".into();
    world.starts = |_, _| Some(true);
    let over = world.tick(&plan, false, |_| None).over.unwrap();
    assert_eq!((over.ending, over.wake), (Ending::Initialized, Wake::After(Duration::ZERO)));

    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 6);
    assert_eq!(world.status.phase, Phase::Finalising);
    world.target = "v3".into();
    let over = world.tick(&plan, true, |_| None).over.unwrap();
    assert_eq!((over.ending, over.wake), (Ending::Promoted { skipped: false }, Wake::After(Duration::ZERO)));
}

#[test]
fn a_primary_that_is_gone_for_good_is_made_anew_from_the_next_revision() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "broken");
    world.run(&plan, 10);
    assert_eq!(world.status.phase, Phase::Failed);
    // Somebody deletes the primary, and all that it can be made from is what has just failed.
    world.primary = Some("broken".into());
    world.run(&plan, 2);
    world.target = "v2".into();
    world.run(&plan, 3);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Initialized, Some("v2")));
}

#[test]
fn a_canary_that_somebody_stopped_takes_over_from_a_promotion_that_fails() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 5);
    assert_eq!(world.status.phase, Phase::Promoting);
    world.starts = |side, _| Some(side == Side::Canary);
    world.target_up = false;
    let over = world.run(&plan, 3).unwrap();
    assert!(matches!(over.ending, Ending::PromotionFailed { .. }), "{over:?}");
    assert_eq!((world.split, world.target_up), (Split::CANARY, true));
}

#[test]
fn a_fix_gets_in_after_a_failed_promotion() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.starts = |side, revision| Some(side == Side::Canary || revision != "v2");
    world.run(&plan, 20);
    assert_eq!((world.status.phase, world.split.canary_weight()), (Phase::Failed, 100));
    world.target = "v3".into();
    world.run(&plan, 9);
    assert_eq!(
        (world.status.phase, world.primary.as_deref(), world.split.canary_weight()),
        (Phase::Succeeded, Some("v3"), 0)
    );
}

#[test]
fn a_fix_gets_in_after_a_failed_promotion_of_which_old_pods_still_serve() {
    let plan = canaries::plan(|_| {});
    let mut world = World { leftovers: &[Side::Primary], ..World::pushed(&plan, "v2") };
    world.starts = |side, revision| Some(side == Side::Canary || revision != "v2");
    let over = world.run(&plan, 20).unwrap();
    assert!(matches!(over.ending, Ending::PromotionFailed { .. }), "{over:?}");
    assert_eq!(world.split, Split::CANARY);

    world.target = "v3".into();
    let over = world.run(&plan, 20).unwrap();
    assert_eq!((over.ending, world.primary.as_deref()), (Ending::Promoted { skipped: false }, Some("v3")));
}

#[test]
fn a_primary_that_dies_in_the_middle_of_a_run_is_made_anew_from_the_next_revision() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 1);
    assert_eq!(world.status.phase, Phase::Progressing);
    world.primary = Some("broken".into());
    world.run(&plan, 2);
    world.target = "v3".into();
    world.run(&plan, 3);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Initialized, Some("v3")));
}
