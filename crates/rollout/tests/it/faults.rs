//! Releases in a world where anything may fail at any moment.

use api::Phase;
use proptest::prelude::*;
use rollout::model::{Fault, World};
use rollout::{Plan, Side};
use serde_json::json;

use crate::transcripts::hook;
use crate::{canaries, finalizing};

/// Ticks after which a release must have come to its end once nothing fails any more.
/// Steps of one percent up and down are the longest.
const PATIENCE: usize = 250;

/// The hooks that a release may have; all of them answer yes.
const KINDS: [&str; 6] =
    ["confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout"];

/// What a canary is looked at for.
#[derive(Clone, Copy, Debug)]
enum Reason {
    Step,
    Poll,
    Change,
}

fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![6 => Just(Reason::Step), 2 => Just(Reason::Change), 2 => Just(Reason::Poll)]
}

fn fault() -> impl Strategy<Value = Option<Fault>> {
    prop_oneof![
        12 => Just(None),
        1 => Just(Some(Fault::Refused)),
        1 => Just(Some(Fault::Unheard)),
        1 => Just(Some(Fault::Crash)),
        1 => Just(Some(Fault::CrashAfter)),
    ]
}

fn release() -> impl Strategy<Value = Plan> {
    let steps = prop_oneof![
        (1..=100, 1..=100, prop::sample::select(vec!["halt", "stepBack"]))
            .prop_map(|(step, max, failed)| json!({"stepWeight": step, "maxWeight": max, "onFailedCheck": failed})),
        prop::collection::btree_set(1..=100, 1..5).prop_map(|steps| json!({"stepWeights": steps})),
        (1..4).prop_map(|iterations| json!({"iterations": iterations})),
    ];
    let hooks = prop::sample::subsequence(KINDS.to_vec(), 0..=KINDS.len());
    (steps, 0..=50, 1..4, any::<bool>(), any::<bool>(), hooks).prop_map(
        |(steps, back, threshold, mirror, skip, hooks)| {
            canaries::plan(|canary| {
                let analysis = canary["spec"]["analysis"].as_object_mut().expect("an analysis");
                analysis.retain(|key, _| key == "interval" || key == "metrics");
                analysis
                    .extend(steps.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
                analysis.insert("stepWeightPromotion".into(), json!(back));
                analysis.insert("threshold".into(), json!(threshold));
                analysis.insert("mirror".into(), json!(mirror));
                analysis.insert("webhooks".into(), hooks.into_iter().map(hook).collect());
                canary["spec"]["skipAnalysis"] = json!(skip);
            })
        },
    )
}

/// What people push, in order; each somewhere in the middle of what went before.
fn pushes() -> impl Strategy<Value = Vec<(usize, &'static str)>> {
    prop::collection::vec((0..12usize, prop::sample::select(vec!["v2", "v3", "bad", "broken", "v1"])), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_release_ends_and_loses_nothing_whatever_fails(
        plan in release(),
        pushes in pushes(),
        faults in prop::collection::vec(fault(), 0..400),
        reasons in prop::collection::vec(reason(), 60),
    ) {
        let mut world = World::default();
        let mut faults = faults.into_iter();
        let mut reasons = reasons.into_iter();
        for (ticks, revision) in pushes {
            for _ in 0..ticks {
                let fault = |_: &_| faults.next().flatten();
                let told = match reasons.next().unwrap_or(Reason::Step) {
                    Reason::Step => world.tick(&plan, true, fault),
                    Reason::Poll => world.poll(&plan, fault),
                    Reason::Change => world.tick(&plan, false, fault),
                };
                prop_assert!(told.broken.is_empty(), "{told:#?}");
            }
            world.target = revision.into();
        }
        world.run(&plan, 4);
        for _ in 0..PATIENCE {
            let told = world.tick(&plan, true, |_| None);
            prop_assert!(told.broken.is_empty(), "{told:#?}");
        }
        let last = world.target.clone();
        prop_assert!(
            matches!(world.status.phase, Phase::Initialized | Phase::Initializing | Phase::Succeeded | Phase::Failed),
            "the release is stuck in {} at {}", world.status.phase, world.split
        );
        // A target that can't even start keeps its canary initializing, with the target as it was.
        if world.status.phase == Phase::Initializing {
            prop_assert!(world.target_up && world.primary.as_deref().is_some_and(|primary| primary.starts_with("broken")));
            return Ok(());
        }
        let primary = world.primary.clone().unwrap_or_default();
        prop_assert!(
            world.begun.contains(&last) || world.status.last_promoted_spec == last,
            "{last} was neither analysed nor is it what runs"
        );
        if last.starts_with('v') && world.begun.last() == Some(&last) && !primary.starts_with("broken") {
            prop_assert_eq!(&primary, &last, "a good revision gets in");
        }
        prop_assert!(world.split.canary_weight() == 0 || world.split.canary_weight() == 100);
    }

    #[test]
    fn a_deletion_at_any_moment_gives_everything_back_whatever_fails(
        pushed in prop::sample::select(vec!["v1", "v2", "bad"]),
        ticks in 0..12usize,
        faults in prop::collection::vec(fault(), 0..200),
        paces in prop::collection::vec(prop::bool::weighted(0.7), 60),
    ) {
        let plan = finalizing::reverting();
        let mut world = World::default();
        let mut faults = faults.into_iter();
        let mut paces = paces.into_iter();
        for tick in 0..40 {
            if tick == 3 {
                world.target = pushed.into();
            }
            // Without the finalizer an object that is deleted is gone, and there is nobody to look at.
            world.standing.leaving |= ticks <= tick && world.standing.held;
            let told = world.tick(&plan, paces.next().unwrap_or(true), |_| faults.next().flatten());
            prop_assert!(told.broken.is_empty(), "{told:#?}");
            if world.standing.leaving && !world.standing.held {
                prop_assert_eq!(world.apex, Side::Canary);
                prop_assert!(world.target_up);
                return Ok(());
            }
        }
        prop_assert!(false, "the canary is still there, in {} with {} faults to come", world.status.phase, faults.len());
    }
}
