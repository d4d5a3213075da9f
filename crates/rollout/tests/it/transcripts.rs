//! Whole runs, as the user sees them.

use expect_test::{Expect, expect};
use rollout::Side;
use rollout::model::World;
use serde_json::{Value, json};

use crate::canaries;

/// Pushes `revision` onto an initialized canary, lets it run to its end, and compares what was seen.
#[track_caller]
pub(crate) fn check(
    revision: &str,
    change: impl FnOnce(&mut Value),
    prepare: impl FnOnce(&mut World),
    expect: &Expect,
) {
    let plan = canaries::plan(change);
    let mut world = World::pushed(&plan, revision);
    prepare(&mut world);
    let over = world.run(&plan, 20);
    world.log.push(format!("{:?}", over.map(|over| over.ending)));
    expect.assert_eq(&(world.log.join("\n") + "\n"));
}

pub(crate) fn hook(kind: &str) -> Value {
    json!({"name": format!("my-{kind}"), "type": kind, "url": "http://hooks.test/"})
}

#[test]
fn a_canary_is_initialized_without_losing_its_only_copy() {
    let plan = canaries::plan(|_| {});
    let mut world = World { starts: |_, _| None, ..World::default() };
    world.tick(&plan, true, |_| None);
    assert!(world.target_up, "the target serves until the primary does");
    world.starts = |_, _| Some(true);
    world.tick(&plan, false, |_| None);
    expect![[r#"
        status Initializing weight=0 failed=0 iterations=0
        status Initializing weight=0 failed=0 iterations=0
        say all the metrics providers are available!
        warn primary not ready
        split 100/0
        status Initialized weight=0 failed=0 iterations=0
        say Initialization done! podinfo.test
        alert Info: New Deployment detected, initialization completed."#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_good_revision_is_promoted() {
    check(
        "v2",
        |_| {},
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test canary weight 20
            status Progressing weight=40 failed=0 iterations=0
            split 60/40
            say Advance podinfo.test canary weight 40
            status Progressing weight=60 failed=0 iterations=0
            split 40/60
            say Advance podinfo.test canary weight 60
            status Promoting weight=60 failed=0 iterations=0
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            status Succeeded weight=0 failed=0 iterations=0
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn a_failing_metric_rolls_back() {
    check(
        "bad",
        |_| {},
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test canary weight 20
            warn Halt podinfo.test advancement success rate 70.00% < 99%
            status Progressing weight=20 failed=1 iterations=0
            warn Halt podinfo.test advancement success rate 70.00% < 99%
            status Progressing weight=20 failed=2 iterations=0
            warn Rolling back podinfo.test failed checks threshold reached 2
            alert Error: Failed checks threshold reached 2
            split 100/0
            status Failed weight=0 failed=0 iterations=0
            warn Canary failed! Scaling down podinfo.test
            Some(RolledBack { cause: Threshold { failed: 2 } })
        "#]],
    );
}

/// The rollback scenario of the NGINX set-up: good until 20 %, bad from there on.
#[test]
fn a_failed_check_steps_back_when_asked_to() {
    let plan = canaries::plan(|canary| {
        let analysis = &mut canary["spec"]["analysis"];
        analysis["onFailedCheck"] = "stepBack".into();
        analysis["stepWeight"] = 10.into();
        analysis["threshold"] = 5.into();
    });
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 3);
    world.success = |_| 95.0;
    let over = world.run(&plan, 20);
    world.log.push(format!("{:?}", over.map(|over| over.ending)));
    expect![[r#"
        status Progressing weight=0 failed=0 iterations=0
        say New revision detected! Scaling up podinfo.test
        alert Info: New revision detected, progressing canary analysis.
        say Starting canary analysis for podinfo.test
        status Progressing weight=10 failed=0 iterations=0
        split 90/10
        say Advance podinfo.test canary weight 10
        status Progressing weight=20 failed=0 iterations=0
        split 80/20
        say Advance podinfo.test canary weight 20
        warn Halt podinfo.test advancement success rate 95.00% < 99%
        status Progressing weight=10 failed=1 iterations=0
        split 90/10
        warn Step back podinfo.test canary weight 10 failed check 1/5
        warn Halt podinfo.test advancement success rate 95.00% < 99%
        status Progressing weight=10 failed=5 iterations=0
        warn Rolling back podinfo.test failed check 2/5 at the first step
        alert Error: Failed check 2/5 at the first step
        split 100/0
        status Failed weight=0 failed=0 iterations=0
        warn Canary failed! Scaling down podinfo.test
        Some(RolledBack { cause: FirstStep { failed: 2 } })
    "#]]
    .assert_eq(&(world.log.join("\n") + "\n"));
}

#[test]
fn a_check_that_passes_after_a_step_back_climbs_again() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["onFailedCheck"] = "stepBack".into());
    let mut world = World::pushed(&plan, "v2");
    let mut weights = Vec::new();
    for tick in 0..7 {
        world.success = if tick == 4 { |_| 95.0 } else { |_| 100.0 };
        world.tick(&plan, true, |_| None);
        weights.push(world.split.canary_weight());
    }
    assert_eq!(weights, [0, 20, 40, 60, 40, 60, 60]);
}

#[test]
fn a_canary_that_does_not_start_is_rolled_back() {
    check(
        "broken",
        |_| {},
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            warn canary not ready
            status Progressing weight=0 failed=2 iterations=0
            warn Rolling back podinfo.test progress deadline exceeded canary not ready
            alert Error: Progress deadline exceeded canary not ready
            split 100/0
            status Failed weight=0 failed=0 iterations=0
            warn Canary failed! Scaling down podinfo.test
            Some(RolledBack { cause: Deadline { reason: "canary not ready" } })
        "#]],
    );
}

#[test]
fn a_primary_that_does_not_start_leaves_the_traffic_on_the_canary() {
    check(
        "v2",
        |_| {},
        |world| world.starts = |side, revision| Some(side == Side::Canary || revision == "v1"),
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            status Progressing weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test canary weight 20
            status Progressing weight=40 failed=0 iterations=0
            split 60/40
            say Advance podinfo.test canary weight 40
            status Progressing weight=60 failed=0 iterations=0
            split 40/60
            say Advance podinfo.test canary weight 60
            status Promoting weight=60 failed=0 iterations=0
            say Copying podinfo.test template spec to podinfo-primary.test
            split 0/100
            status Failed weight=100 failed=0 iterations=0
            warn Promotion of podinfo.test failed, primary not ready: primary not ready
            alert Error: Promotion failed, primary not ready: primary not ready
            Some(PromotionFailed { reason: "primary not ready" })
        "#]],
    );
}

#[test]
fn hooks_are_called_in_their_places() {
    let kinds =
        ["confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout"];
    check(
        "v2",
        |canary| {
            canary["spec"]["analysis"]["webhooks"] = kinds.map(hook).into_iter().collect();
            canary["spec"]["analysis"]["maxWeight"] = json!(20);
        },
        |_| {},
        &expect![[r#"
            call my-confirm-rollout in Initialized
            note HooksCalled Step: confirm-rollout[0] my-confirm-rollout
            say Confirm-rollout check my-confirm-rollout passed
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            call my-pre-rollout in Progressing
            note HooksCalled Step: pre-rollout[1] my-pre-rollout
            say Pre-rollout check my-pre-rollout passed
            call my-confirm-traffic-increase in Progressing
            note HooksCalled Step: pre-rollout[1] my-pre-rollout, confirm-traffic-increase[3] my-confirm-traffic-increase
            say Confirm-traffic-increase check my-confirm-traffic-increase passed
            status Progressing weight=20 failed=0 iterations=0
            split 80/20
            say Advance podinfo.test canary weight 20
            call my-rollout in Progressing
            note HooksCalled Step: rollout[2] my-rollout
            call my-confirm-promotion in Progressing
            note HooksCalled Step: rollout[2] my-rollout, confirm-promotion[4] my-confirm-promotion
            say Confirm-promotion check my-confirm-promotion passed
            status Promoting weight=20 failed=0 iterations=0
            say Copying podinfo.test template spec to podinfo-primary.test
            say Routing all traffic to primary
            split 100/0
            status Finalising weight=0 failed=0 iterations=0
            note HooksCalled PostRollout: 
            status Succeeded weight=0 failed=0 iterations=0
            call my-post-rollout in Succeeded
            note HooksCalled PostRollout: post-rollout[5] my-post-rollout
            say Post-rollout check my-post-rollout passed
            say Promotion completed! Scaling down podinfo.test
            alert Info: Canary analysis completed successfully, promotion finished.
            Some(Promoted { skipped: false })
        "#]],
    );
}

#[test]
fn a_failing_pre_rollout_hook_counts_as_a_failed_check() {
    check(
        "v2",
        |canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("pre-rollout")]),
        |world| world.hook = |_| false,
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            say Starting canary analysis for podinfo.test
            call my-pre-rollout in Progressing
            warn Halt podinfo.test advancement pre-rollout check my-pre-rollout failed no
            status Progressing weight=0 failed=1 iterations=0
            say Starting canary analysis for podinfo.test
            call my-pre-rollout in Progressing
            warn Halt podinfo.test advancement pre-rollout check my-pre-rollout failed no
            status Progressing weight=0 failed=2 iterations=0
            warn Rolling back podinfo.test failed checks threshold reached 2
            alert Error: Failed checks threshold reached 2
            split 100/0
            status Failed weight=0 failed=0 iterations=0
            warn Canary failed! Scaling down podinfo.test
            Some(RolledBack { cause: Threshold { failed: 2 } })
        "#]],
    );
}

#[test]
fn a_rollback_hook_rolls_back() {
    check(
        "v2",
        |canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("rollback")]),
        |_| {},
        &expect![[r#"
            status Progressing weight=0 failed=0 iterations=0
            say New revision detected! Scaling up podinfo.test
            alert Info: New revision detected, progressing canary analysis.
            call my-rollback in Progressing
            warn Rollback check my-rollback passed
            status Progressing weight=0 failed=2 iterations=0
            warn Rolling back podinfo.test manual webhook invoked
            alert Warn: Rolling back manual webhook invoked
            split 100/0
            status Failed weight=0 failed=0 iterations=0
            warn Canary failed! Scaling down podinfo.test
            Some(RolledBack { cause: Hook { hook: "my-rollback" } })
        "#]],
    );
}
