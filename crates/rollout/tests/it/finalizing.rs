//! The end of canaries that give everything back.

use api::Phase;
use expect_test::expect;
use rollout::model::World;
use rollout::traffic::Split;
use rollout::{Ending, Plan, Side};
use serde_json::json;

use crate::canaries;

pub(crate) fn reverting() -> Plan {
    canaries::plan(|canary| canary["spec"]["revertOnDeletion"] = json!(true))
}

/// A world in which `v1` is initialized and the canary is being deleted now.
fn deleted(plan: &Plan) -> World {
    let mut world = World::pushed(plan, "v1");
    world.standing.leaving = true;
    world
}

/// The tick that comes when proxies have had their time.
fn settle(world: &mut World, plan: &Plan) -> Option<Ending> {
    world.tick(plan, true, |_| None).over.map(|over| over.ending)
}

#[test]
fn the_finalizer_is_there_while_the_spec_asks_for_it() {
    let mut world = World::default();
    world.run(&reverting(), 2);
    assert!(world.standing.held);
    world.log.clear();
    world.run(&canaries::plan(|_| {}), 2);
    assert_eq!((world.log.join(", ").as_str(), world.standing.held), ("let go", false));
}

#[test]
fn a_deleted_canary_gives_the_traffic_to_a_target_that_serves_and_goes() {
    let plan = reverting();
    let mut world = deleted(&plan);
    world.tick(&plan, false, |_| None);
    settle(&mut world, &plan);
    assert!(world.target_up);
    assert_eq!(world.status.conditions[0].message, "Deployment is being released from the canary.");
    expect![[r#"
        status Terminating weight=0 failed=0 iterations=0
        say Terminating canary podinfo.test
        traffic given back
        status Terminating weight=100 failed=0 iterations=0
        let go
        say Terminated canary podinfo.test"#]]
    .assert_eq(&world.log.join("\n"));
}

#[test]
fn a_run_that_is_cut_off_by_the_deletion_keeps_its_traffic_where_it_is() {
    let plan = reverting();
    let mut world = World::pushed(&plan, "v2");
    world.run(&plan, 3);
    world.standing.leaving = true;
    world.log.clear();
    world.tick(&plan, false, |_| None);
    assert_eq!(settle(&mut world, &plan), Some(Ending::Terminated));
    assert_eq!((world.split, world.apex, world.target_up), (Split::canary(40), Side::Canary, true));
}

#[test]
fn a_target_that_does_not_serve_keeps_its_canary_and_the_traffic_on_the_primary() {
    let plan = reverting();
    let mut world = deleted(&plan);
    world.starts = |side, _| (side == Side::Primary).then_some(true);
    world.tick(&plan, false, |_| None);
    assert_eq!((world.log.len(), world.apex), (2, Side::Primary), "the first look is quiet about it");
    world.log.clear();
    for paced in [true, true, false, true] {
        let told = world.tick(&plan, paced, |_| None);
        assert!(matches!(told.over.unwrap().ending, Ending::Faulted { .. }));
    }
    expect![[r#"
        note Stalled Faulted: Terminating podinfo.test waits until podinfo.test serves and can have all traffic: canary not ready; to let it go without, remove its finalizer finalizer.flagger.app
        warn Terminating podinfo.test waits until podinfo.test serves and can have all traffic: canary not ready; to let it go without, remove its finalizer finalizer.flagger.app"#]]
    .assert_eq(&world.log.join("\n"));
    assert_eq!((world.apex, world.standing.held), (Side::Primary, true));

    let told = world.tick(&canaries::plan(|_| {}), false, |_| None);
    assert_eq!((told.over.unwrap().ending, world.standing.held), (Ending::Terminated, false), "the user's way out");
}

#[test]
fn a_canary_whose_target_was_deleted_before_it_goes_without_waiting() {
    let plan = reverting();
    let mut world = deleted(&plan);
    world.target_exists = false;
    world.tick(&plan, false, |_| None);
    assert_eq!(settle(&mut world, &plan), Some(Ending::Terminated));
}

#[test]
fn a_suspended_canary_gives_everything_back_all_the_same() {
    let mut world = deleted(&reverting());
    let plan = canaries::plan(|canary| {
        canary["spec"]["revertOnDeletion"] = json!(true);
        canary["spec"]["suspend"] = json!(true);
    });
    world.tick(&plan, false, |_| None);
    assert_eq!(settle(&mut world, &plan), Some(Ending::Terminated));
}

#[test]
fn without_the_finalizer_nothing_is_done_to_a_canary_that_is_being_deleted() {
    let plan = canaries::plan(|_| {});
    let mut world = deleted(&plan);
    assert_eq!(settle(&mut world, &plan), Some(Ending::Terminated));
    assert_eq!((world.log.len(), world.target_up), (0, false));
}

#[test]
fn a_canary_that_came_back_from_a_backup_of_its_end_begins_anew() {
    let plan = canaries::plan(|_| {});
    let mut world = World::default();
    world.status.phase = Phase::Terminating;
    world.run(&plan, 2);
    assert_eq!(world.status.phase, Phase::Initialized);
}
