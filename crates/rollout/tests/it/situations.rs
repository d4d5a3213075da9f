//! Single situations: what a tick does in them, and what it must not.

use api::Phase;
use expect_test::expect;
use rollout::model::{Fault, World};
use rollout::traffic::Split;
use rollout::{Claim, Effect, Ending, Plan, Settings, Side, Wake, pace};
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
        note HooksCalled Step: confirm-rollout[0] my-confirm-rollout
        say Confirm-rollout check my-confirm-rollout passed
        status Progressing weight=0 failed=0 iterations=0
        say New revision detected! Scaling up podinfo.test
        alert Info: New revision detected, progressing canary analysis."#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_gate_that_opens_is_heard_between_two_steps() {
    let plan = canaries::plan(|canary| {
        let gates = ["confirm-rollout", "confirm-traffic-increase", "confirm-promotion"].map(hook);
        canary["spec"]["analysis"]["webhooks"] = gates.into_iter().collect();
        canary["spec"]["analysis"]["maxWeight"] = json!(20);
    });
    let mut world = World::pushed(&plan, "v2");
    for (closed, opened) in [
        (Ending::AwaitingApproval { hook: "my-confirm-rollout".into() }, Ending::Started),
        (
            Ending::AwaitingIncrease { hook: "my-confirm-traffic-increase".into() },
            Ending::Advanced { split: Split::canary(20) },
        ),
        (Ending::AwaitingPromotion { hook: "my-confirm-promotion".into() }, Ending::Promoting),
    ] {
        world.hook = |_| false;
        let over = world.tick(&plan, true, |_| None).over.unwrap();
        assert_eq!((over.ending, over.poll), (closed.clone(), Some(rollout::pace::POLL)));
        world.log.clear();
        let over = world.poll(&plan, |_| None).over.unwrap();
        assert_eq!((over.ending, over.wake, world.log.len()), (closed, Wake::Keep, 1), "{:?}", world.log);
        world.hook = |_| true;
        let over = world.poll(&plan, |_| None).over.unwrap();
        assert_eq!((over.ending, over.wake), (opened, Wake::After(plan.interval)));
    }
}

#[test]
fn an_abort_is_heard_between_two_steps_and_a_silent_hook_is_not_told_of() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("rollback")]));
    let mut world = World::pushed(&plan, "v2");
    world.hook = |_| false;
    world.run(&plan, 2);
    world.log.clear();
    let over = world.poll(&plan, |_| None).over.unwrap();
    assert_eq!((over.ending, world.log.as_slice()), (Ending::Pacing, &["call my-rollback in Progressing".into()][..]));
    world.hook = |_| true;
    let over = world.poll(&plan, |_| None).over.unwrap();
    assert!(matches!(over.ending, Ending::RolledBack { .. }), "{:?}", over.ending);
}

#[test]
fn a_revision_that_is_withdrawn_before_its_approval_asks_no_gate_any_more() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("confirm-rollout")]));
    let mut world = World::pushed(&plan, "v2");
    world.hook = |_| false;
    world.run(&plan, 1);
    world.target = "v1".into();
    world.log.clear();
    world.tick(&plan, false, |_| None);
    world.run(&plan, 2);
    expect![[r#"
        status Initialized weight=0 failed=0 iterations=0
        say New revision withdrawn! podinfo.test is back at the promoted one"#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_canary_that_breaks_with_traffic_is_rolled_back_at_once() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 2);
    world.crashing = |_| true;
    world.log.clear();
    world.tick(&plan, false, |_| None);
    expect![[r#"
        warn canary crashes
        status Progressing weight=20 failed=2 iterations=0
        warn Rolling back podinfo.test canary stopped serving canary crashes
        alert Error: Canary stopped serving canary crashes
        split 100/0
        status Failed weight=0 failed=0 iterations=0
        warn Canary failed! Scaling down podinfo.test"#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_canary_that_breaks_before_its_first_traffic_gets_until_its_deadline() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.crashing = |_| true;
    world.run(&plan, 5);
    let over = world.poll(&plan, |_| None).over.unwrap();
    let reason = "canary crashes".to_owned();
    assert_eq!(over.ending, Ending::NotReady { side: Side::Canary, reason });
    assert_eq!(over.poll, Some(rollout::pace::POLL), "pods are looked at between two steps");
    world.crashing = |_| false;
    assert_eq!(world.run(&plan, 20).unwrap().ending, Ending::Promoted { skipped: false });
}

#[test]
fn a_hook_that_said_yes_is_not_asked_again_after_a_crash() {
    let kinds =
        ["confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout"];
    let plan = canaries::plan(|canary| {
        canary["spec"]["analysis"]["webhooks"] = kinds.map(hook).into_iter().collect();
        canary["spec"]["analysis"]["maxWeight"] = json!(20);
    });
    let calls = |world: &World| world.log.iter().filter(|line| line.starts_with("call ")).cloned().collect::<Vec<_>>();
    let mut smooth = World::pushed(&plan, "v2");
    smooth.run(&plan, 20);

    // The operator dies after each record of a yes, and begins again.
    let mut world = World::pushed(&plan, "v2");
    let over = loop {
        let mut called = false;
        let told = world.tick(&plan, true, |effect| {
            let crash = called && matches!(effect, Effect::Save(_));
            called = matches!(effect, Effect::CallHook { .. });
            crash.then_some(Fault::CrashAfter)
        });
        assert!(told.broken.is_empty(), "{:?}", told.broken);
        if let Some(over) = told.over.filter(|over| world.status.phase == Phase::Succeeded && over.poll.is_none()) {
            break over;
        }
    };
    assert_eq!(over.ending, Ending::Unchanged);
    assert_eq!(calls(&world), calls(&smooth));
}

#[test]
fn a_release_that_is_cut_short_still_calls_its_last_hooks() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("post-rollout")]));
    let mut world = World::pushed(&plan, "v2");
    loop {
        world.tick(&plan, true, |effect| {
            let done = matches!(effect, Effect::Save(status) if status.phase == Phase::Succeeded);
            done.then_some(Fault::CrashAfter)
        });
        if world.status.phase == Phase::Succeeded {
            break;
        }
    }
    world.log.clear();
    world.run(&plan, 2);
    expect![[r#"
        call my-post-rollout in Succeeded
        note HooksCalled PostRollout: post-rollout[0] my-post-rollout
        say Post-rollout check my-post-rollout passed"#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn what_fails_is_told_once_kept_in_the_status_and_tried_ever_more_seldom() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v1");
    let refused = |effect: &Effect| matches!(effect, Effect::ReadTarget).then_some(Fault::Refused);
    let waits: Vec<_> = (0..4)
        .map(|_| match world.tick(&plan, true, refused).over.unwrap().wake {
            Wake::After(wait) => wait.as_secs(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(waits, [30, 30, 60, 90]);
    let stalled = |world: &World| {
        let found = world.status.conditions.iter().find(|condition| condition.type_ == "Stalled");
        found.map(|condition| condition.message.clone())
    };
    assert_eq!(stalled(&world).as_deref(), Some("refused"));
    expect![[r#"
        note Stalled Faulted: refused
        warn refused"#]]
    .assert_eq(&world.log.join("\n"));
    world.tick(&plan, true, |_| None);
    assert_eq!(stalled(&world), None);
}

#[test]
fn a_suspended_run_stays_where_it_is_and_goes_on_from_there() {
    let plan = canaries::plan(|_| {});
    let suspended = canaries::plan(|canary| canary["spec"]["suspend"] = json!(true));
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 3);
    world.log.clear();
    world.run(&suspended, 2);
    assert_eq!((world.split.canary_weight(), world.log.len()), (40, 2), "{:?}", world.log);
    world.run(&plan, 1);
    assert_eq!(world.split.canary_weight(), 60);
}

#[test]
fn failed_checks_are_counted_through_a_run_and_forgotten_by_the_next() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 2);
    world.success = |_| 50.0;
    world.run(&plan, 1);
    world.success = |_| 100.0;
    world.run(&plan, 20);
    assert_eq!((world.status.phase, world.status.failed_checks), (Phase::Succeeded, 1));
    world.target = "v3".into();
    world.run(&plan, 1);
    assert_eq!((world.status.phase, world.status.failed_checks), (Phase::Progressing, 0));
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
fn a_change_of_a_config_is_a_new_revision_at_any_time() {
    let plan = canaries::plan(|_| {});
    let mut world = World::default();
    let configure = |world: &mut World, color: &str| {
        world.configs = Some([("configmap/colors".to_owned(), color.to_owned())].into());
    };
    configure(&mut world, "red");
    world.run(&plan, 2);
    assert_eq!((world.status.phase, &world.status.tracked_configs), (Phase::Initialized, &world.configs));

    configure(&mut world, "blue");
    world.run(&plan, 3);
    assert_eq!((world.status.phase, world.status.canary_weight), (Phase::Progressing, 40));
    for color in ["green", "red"] {
        configure(&mut world, color);
        let over = world.tick(&plan, false, |_| None).over.unwrap();
        assert_eq!((over.ending, world.status.canary_weight), (Ending::Restarted, 0), "{color}");
        assert_eq!(world.status.tracked_configs, world.configs);
        world.run(&plan, 2);
    }
    assert_eq!(world.run(&plan, 20).unwrap().status.phase, Phase::Succeeded);

    configure(&mut world, "blue");
    assert_eq!(world.tick(&plan, false, |_| None).over.unwrap().ending, Ending::Started);
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
fn the_younger_of_two_canaries_with_one_target_waits_until_the_other_is_gone() {
    let plan = canaries::plan(|_| {});
    let mut world = World { claim: Claim::Yields { to: "older".into() }, ..World::default() };
    let wakes = [(); 3].map(|()| world.tick(&plan, true, |_| None).over.unwrap().wake);
    assert_eq!(wakes, [Wake::OnChange; 3]);
    expect![[r#"
        status Initializing weight=0 failed=0 iterations=0
        note Contested OlderCanary: Deployment podinfo.test is left to the older canary older, whose target it is, too
        warn Deployment podinfo.test is left to the older canary older, whose target it is, too"#]]
    .assert_eq(&world.log.join("\n"));
    assert_eq!(world.status.conditions[1].type_, "Contested");

    world.claim = Claim::Sole;
    world.run(&plan, 1);
    assert_eq!((world.status.phase, world.status.conditions.len()), (Phase::Initialized, 1));
}

#[test]
fn the_older_of_two_canaries_with_one_target_is_told_once_and_goes_on() {
    let plan = canaries::plan(|_| {});
    let mut world = World::pushed(&plan, "v2");
    world.claim = Claim::Holds { against: "younger".into() };
    world.run(&plan, 20);
    let warnings: Vec<_> = world.log.iter().filter(|line| line.starts_with("warn")).collect();
    assert_eq!(
        warnings,
        ["warn Deployment podinfo.test is also the target of the younger canary younger, which waits"]
    );
    assert_eq!(world.status.phase, Phase::Succeeded);
}

#[test]
fn a_suspended_canary_is_left_alone() {
    let plan = canaries::plan(|canary| canary["spec"]["suspend"] = json!(true));
    let mut world = World::default();
    world.run(&plan, 1);
    expect!["say skipping canary run as object is suspended"].assert_eq(&world.log.join("\n"));
}

/// The manifest of the Istio tutorial of 2018 beside the same canary in today's words.
#[test]
fn a_canary_of_the_first_years_means_the_same() {
    let spec = |analysis: &str, metrics: [&str; 2]| {
        let mut spec = json!({
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "progressDeadlineSeconds": 60,
            "autoscalerRef": {"apiVersion": "autoscaling/v2beta1", "kind": "HorizontalPodAutoscaler", "name": "podinfo"},
            "service": {"port": 9898, "hosts": ["app.example.com"]},
        });
        spec[analysis] = json!({
            "interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10,
            "metrics": [
                {"name": metrics[0], "threshold": 99, "interval": "1m"},
                {"name": metrics[1], "threshold": 500, "interval": "30s"},
            ],
        });
        let canary = json!({"metadata": {"name": "podinfo", "namespace": "test"}, "spec": spec});
        let settings = Settings { provider: "istio".into(), no_cross_namespace_refs: false };
        Plan::of(&serde_json::from_value(canary).unwrap(), &settings).unwrap()
    };
    let old = spec("canaryAnalysis", ["istio_requests_total", "istio_request_duration_seconds_bucket"]);
    let mut new = spec("analysis", ["request-success-rate", "request-duration"]);
    for (new, old) in new.checks.iter_mut().zip(&old.checks) {
        new.name.clone_from(&old.name);
    }
    assert_eq!(old, new);
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

#[test]
fn a_run_that_stands_still_for_half_an_hour_is_told_of_once_and_until_it_goes_on() {
    let plan = canaries::plan(|canary| canary["spec"]["analysis"]["webhooks"] = json!([hook("confirm-rollout")]));
    let mut world = World { hook: |_| false, ..World::pushed(&plan, "v2") };
    world.run(&plan, 60);
    world.log.clear();
    world.run(&plan, 120);
    world.log.retain(|line| !line.starts_with("call "));
    expect![[r#"
        note Stuck Waiting: podinfo.test has taken no step for 30m0s: waiting for my-confirm-rollout
        warn podinfo.test has taken no step for 30m0s: waiting for my-confirm-rollout
        alert Warn: Canary has taken no step for 30m0s"#]]
    .assert_eq(&world.log.join("\n"));
    let is_stuck = |world: &World| world.status.conditions.iter().any(|condition| condition.type_ == "Stuck");
    assert!(is_stuck(&world));

    world.hook = |_| true;
    world.run(&plan, 1);
    assert!(!is_stuck(&world));
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
