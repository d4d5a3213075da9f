//! Single situations: what a tick does in them, and what it must not.

use api::Phase;
use expect_test::expect;
use rollout::model::{Fault, World};
use rollout::traffic::Split;
use rollout::{Effect, Ending, Side, pace};
use serde_json::json;

use crate::canaries;
use crate::transcripts::hook;

#[test]
fn a_closed_gate_holds_the_start_and_is_told_once() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("confirm-rollout")]));
    let mut world = World::pushed(&plan, "v2");
    world.hook = |_| false;
    world.run(&plan, 3);
    assert_eq!(world.status.phase, Phase::Waiting);
    world.hook = |_| true;
    world.run(&plan, 1);
    expect![[r#"
        call my-confirm-rollout in Initialized
        status Waiting weight=0 failed=0 iterations=0
        warn Halt podinfo.test advancement waiting for approval my-confirm-rollout
        alert Warn: Canary is waiting for approval.
        call my-confirm-rollout in Waiting
        call my-confirm-rollout in Waiting
        call my-confirm-rollout in Waiting
        say Confirm-rollout check my-confirm-rollout passed
        status Progressing weight=0 failed=0 iterations=0
        say New revision detected! Scaling up podinfo.test
        alert Info: New revision detected, progressing canary analysis."#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_closed_promotion_gate_keeps_the_weight_and_the_analysis() {
    let plan = canaries::plan(|canary| {
        canary["spec"]["analysis"]["webhooks"] = json!([hook("confirm-promotion")]);
        canary["spec"]["analysis"]["maxWeight"] = json!(20);
    });
    let mut world = World::pushed(&plan, "v2");
    world.hook = |_| false;
    world.run(&plan, 5);
    assert_eq!((world.status.phase, world.status.canary_weight), (Phase::WaitingPromotion, 20));
    world.success = |_| 50.0;
    world.run(&plan, 2);
    assert_eq!(world.status.phase, Phase::Failed, "a canary that gets worse while it waits is rolled back");
}

#[test]
fn a_newer_revision_starts_over() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 3);
    assert_eq!(world.status.canary_weight, 40);
    world.log.clear();
    world.target = "v3".into();
    world.tick(&plan, false, |_| None);
    expect![[r#"
        split 100/0
        status Progressing weight=0 failed=0 iterations=0
        say New revision detected! Restarting analysis for podinfo.test"#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_revision_pushed_after_a_failure_is_never_lost() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "bad");
    world.run(&plan, 20);
    assert_eq!(world.status.phase, Phase::Failed);
    world.target = "v3".into();
    world.starts = |_, revision| (revision != "v1").then_some(true);
    world.tick(&plan, true, |_| None);
    assert_eq!(world.status.phase, Phase::Failed, "the primary is not ready on that very tick");
    world.starts = |_, _| Some(true);
    world.run(&plan, 20);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Succeeded, Some("v3")));
}

#[test]
fn going_back_to_the_promoted_revision_starts_nothing() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "bad");
    world.run(&plan, 20);
    world.target = "v1".into();
    world.log.clear();
    world.run(&plan, 3);
    assert_eq!((world.status.phase, world.log.len()), (Phase::Failed, 0));
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
fn a_step_back_finalises_even_when_somebody_took_the_traffic_away() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["stepWeightPromotion"] = json!(40));
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 5);
    assert_eq!(world.status.phase, Phase::Promoting);
    world.split = Split::PRIMARY;
    let over = world.run(&plan, 2).unwrap();
    assert_eq!(over.ending, Ending::Promoted { skipped: false });
}

#[test]
fn going_back_to_the_promoted_revision_in_mid_run_starts_over() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 3);
    world.target = "v1".into();
    let over = world.tick(&plan, false, |_| None).over.unwrap();
    assert_eq!((over.ending, world.split), (Ending::Restarted, Split::PRIMARY));
}

#[test]
fn without_analysis_the_first_primary_is_waited_for_all_the_same() {
    let plan = canaries::plan(|canary| canary["spec"]["skipAnalysis"] = json!(true));
    let mut world = World { starts: |_, _| None, ..World::default() };
    world.run(&plan, 2);
    assert_eq!((world.status.phase, world.target_up), (Phase::Initializing, true));
}

#[test]
fn fewer_iterations_than_are_done_lead_to_the_promotion() {
    let blue_green = |iterations: i32| {
        canaries::plan(|canary| {
            canary["spec"]["analysis"] = json!({"interval": "30s", "threshold": 2, "iterations": iterations});
        })
    };
    let mut world = World::pushed(&blue_green(8), "v2");
    world.run(&blue_green(8), 6);
    assert_eq!(world.status.iterations, 5);
    let over = world.run(&blue_green(2), 4).unwrap();
    assert_eq!(over.ending, Ending::Promoted { skipped: false });
}

#[test]
fn an_early_wake_up_takes_no_step() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 2);
    world.log.clear();
    world.tick(&plan, false, |_| None);
    assert_eq!((world.status.canary_weight, world.log.len()), (20, 0));
}

#[test]
fn a_suspended_canary_is_left_alone() {
    let plan = canaries::plan(|canary| canary["spec"]["suspend"] = json!(true));
    let mut world = World::default();
    world.run(&plan, 1);
    expect!["say skipping canary run as object is suspended"].assert_eq(&world.log.join("\n"));
}

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
fn a_first_revision_that_never_starts_can_be_fixed() {
    let plan = canaries::plan(|_| {});
    let mut world = World { target: "broken".into(), ..World::default() };
    world.run(&plan, 2);
    assert_eq!((world.status.phase, world.target_up), (Phase::Initializing, true));
    world.target = "v2".into();
    world.run(&plan, 2);
    assert_eq!((world.status.phase, world.primary.as_deref()), (Phase::Initialized, Some("v2")));
}
