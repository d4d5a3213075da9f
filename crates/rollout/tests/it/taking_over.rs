//! Canaries that Flagger (Go) left behind; its hashes begin with `go-` in the model.

use std::collections::BTreeMap;

use api::{CanaryStatus, Phase};
use expect_test::expect;
use rollout::model::{Fault, World};
use rollout::traffic::Split;
use rollout::{Effect, Plan};

use crate::canaries;

/// A world where Flagger stopped in this phase, with 30 % of the traffic on the canary of a run.
///
/// The primary carries `v1`; `target` is what there is now.
fn left(phase: Phase, target: &str) -> World {
    let running = matches!(phase, Phase::Progressing | Phase::WaitingPromotion | Phase::Promoting);
    let status = CanaryStatus {
        phase,
        canary_weight: if running { 30 } else { 0 },
        failed_checks: i32::from(running),
        last_applied_spec: "go-applied".into(),
        last_promoted_spec: "go-promoted".into(),
        ..CanaryStatus::default()
    };
    World {
        target: target.into(),
        target_up: running,
        primary: Some("v1".into()),
        split: if running { Split::canary(30) } else { Split::PRIMARY },
        status,
        ..World::default()
    }
}

/// What an early look makes of it, when the storing of the taken-over status goes wrong the first time.
fn looked_at(plan: &Plan, phase: Phase, target: &str, fault: Option<Fault>) -> String {
    let mut world = left(phase, target);
    let mut faults = fault.into_iter();
    let told = world.tick(plan, false, |effect| matches!(effect, Effect::Save(_)).then(|| faults.next()).flatten());
    assert_eq!(told.broken, [""; 0], "{phase} {target}");
    if fault.is_some() {
        let told = world.tick(plan, false, |_| None);
        assert_eq!(told.broken, [""; 0], "{phase} {target} {fault:?}");
    }
    let CanaryStatus { phase, canary_weight, failed_checks, last_applied_spec, last_promoted_spec, .. } = world.status;
    let runs = if world.begun.is_empty() { "" } else { ", a run begins" };
    format!(
        "{phase} weight={canary_weight} failed={failed_checks} {last_applied_spec} {last_promoted_spec} {}{runs}",
        world.split
    )
}

#[test]
fn what_flagger_left_is_gone_on_with_in_every_phase() {
    let plan = canaries::plan(|_| {});
    let mut table = Vec::new();
    for phase in [
        Phase::Initialized,
        Phase::Waiting,
        Phase::Progressing,
        Phase::WaitingPromotion,
        Phase::Promoting,
        Phase::Finalising,
        Phase::Succeeded,
        Phase::Failed,
    ] {
        for (target, stands) in [("v1", "same"), ("v2", "other")] {
            let seen = looked_at(&plan, phase, target, None);
            // Where a run begins, more is stored than the names.
            for fault in [Fault::Unheard, Fault::Crash, Fault::CrashAfter] {
                if !seen.ends_with("begins") {
                    assert_eq!(looked_at(&plan, phase, target, Some(fault)), seen, "{phase} {stands} {fault:?}");
                }
            }
            table.push(format!("{phase}, {stands}: {seen}"));
        }
    }
    expect![[r#"
        Initialized, same: Initialized weight=0 failed=0 v1 v1 100/0
        Initialized, other: Progressing weight=0 failed=0 v2 go-promoted 100/0, a run begins
        Waiting, same: Initialized weight=0 failed=0 v1 v1 100/0
        Waiting, other: Waiting weight=0 failed=0 go-applied go-promoted 100/0
        Progressing, same: Progressing weight=30 failed=1 v1 v1 70/30
        Progressing, other: Progressing weight=30 failed=1 v2 go-promoted 70/30
        WaitingPromotion, same: WaitingPromotion weight=30 failed=1 v1 v1 70/30
        WaitingPromotion, other: WaitingPromotion weight=30 failed=1 v2 go-promoted 70/30
        Promoting, same: Finalising weight=0 failed=1 v1 v1 100/0
        Promoting, other: Progressing weight=0 failed=0 v2 go-promoted 100/0, a run begins
        Finalising, same: Finalising weight=0 failed=0 v1 v1 100/0
        Finalising, other: Finalising weight=0 failed=0 go-applied go-promoted 100/0
        Succeeded, same: Succeeded weight=0 failed=0 v1 v1 100/0
        Succeeded, other: Progressing weight=0 failed=0 v2 go-promoted 100/0, a run begins
        Failed, same: Failed weight=0 failed=0 v1 v1 100/0
        Failed, other: Failed weight=0 failed=0 v2 go-promoted 100/0"#]]
    .assert_eq(&table.join("\n"));
}

#[test]
fn a_run_that_flagger_began_goes_on_at_its_weight() {
    let plan = canaries::plan(|_| {});
    let mut world = left(Phase::Progressing, "v2");
    let over = world.run(&plan, 20);
    expect![[r#"
        status Progressing weight=30 failed=1 iterations=0
        status Progressing weight=50 failed=1 iterations=0
        split 50/50
        say Advance podinfo.test canary weight 50
        status Progressing weight=70 failed=1 iterations=0
        split 30/70
        say Advance podinfo.test canary weight 70
        status Promoting weight=70 failed=1 iterations=0
        say Copying podinfo.test template spec to podinfo-primary.test
        status Promoting weight=70 failed=1 iterations=0
        say Routing all traffic to primary
        split 100/0
        status Finalising weight=0 failed=1 iterations=0
        status Succeeded weight=0 failed=1 iterations=0
        say Promotion completed! Scaling down podinfo.test
        alert Info: Canary analysis completed successfully, promotion finished.
        Some(Promoted { skipped: false })"#]]
    .assert_eq(&format!("{}\n{:?}", world.log.join("\n"), over.map(|over| over.ending)));
    assert_eq!((world.status.last_applied_spec.as_str(), world.status.last_promoted_spec.as_str()), ("v2", "v2"));
}

#[test]
fn going_back_to_what_flagger_promoted_starts_nothing() {
    let plan = canaries::plan(|_| {});
    let mut world = left(Phase::Progressing, "bad");
    world.run(&plan, 20);
    assert_eq!((world.status.phase, world.status.last_promoted_spec.as_str()), (Phase::Failed, "go-promoted"));

    world.target = "v1".into();
    world.run(&plan, 3);
    assert_eq!((world.status.phase, world.begun.len()), (Phase::Failed, 0));
    assert_eq!((world.status.last_applied_spec.as_str(), world.status.last_promoted_spec.as_str()), ("bad", "v1"));

    world.target = "v2".into();
    world.run(&plan, 1);
    assert_eq!(world.begun, ["v2"]);
}

#[test]
fn a_config_that_changed_while_nobody_looked_is_released() {
    let plan = canaries::plan(|_| {});
    let configs = |sum: &str| Some(BTreeMap::from([("configmap/colors".to_owned(), sum.to_owned())]));
    for (now, begun) in [("red", 0), ("blue", 1)] {
        let mut world = left(Phase::Succeeded, "v1");
        world.status.tracked_configs = configs("red");
        world.configs = configs(now);
        world.run(&plan, 1);
        assert_eq!((world.begun.len(), world.status.tracked_configs), (begun, configs(now)));
    }
}
