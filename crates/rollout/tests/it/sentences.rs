//! The words of the catalogue, which people and scripts match on.

use std::fmt::Write;
use std::time::Duration;

use api::Phase;
use expect_test::{Expect, expect};
use rollout::words::{MeterFault, Sentence, condition};
use serde_json::json;

use crate::canaries;
use crate::transcripts::hook;

/// Compares type, level and text of the sentences about a canary with hooks and metrics of every kind.
#[track_caller]
fn check(sentences: impl IntoIterator<Item = Sentence>, expect: &Expect) {
    let kinds = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "rollback",
    ];
    let plan = canaries::plan(|canary| {
        let analysis = &mut canary["spec"]["analysis"];
        analysis["webhooks"] = kinds.map(hook).into_iter().collect();
        analysis["metrics"] = json!([
            {"name": "request-success-rate", "thresholdRange": {"min": 99.5}},
            {"name": "request-duration", "thresholdRange": {"max": 500}},
            {"name": "cpu", "query": "vector(1)", "thresholdRange": {"min": 1, "max": 2}},
            {"name": "errors", "templateRef": {"name": "errors", "namespace": "infra"}, "threshold": 3},
        ]);
    });
    let mut told = String::new();
    for sentence in sentences {
        let level = if sentence.is_error() { "error" } else { "info" };
        writeln!(told, "{:7} {level:5} {}", sentence.tone().as_str(), sentence.text(&plan))
            .expect("a string takes any text");
    }
    expect.assert_eq(&told);
}

fn error() -> String {
    "refused".to_owned()
}

#[test]
fn a_release_is_told_in_the_words_that_scripts_know() {
    let sentences = [
        Sentence::Suspended,
        Sentence::MetersAvailable,
        Sentence::MetersUnavailable(error()),
        Sentence::Trouble("not ready".into()),
        Sentence::Fault("not found".into()),
        Sentence::ScaleDownFailed(error()),
        Sentence::Unreverted("not ready".into()),
        Sentence::Initialized,
        Sentence::ScalingUp,
        Sentence::Withdrawn,
        Sentence::Restarting,
        Sentence::Starting,
        Sentence::AdvanceWeight(10),
        Sentence::AdvanceIteration(1),
        Sentence::StepBack { weight: 10, failed: 1 },
        Sentence::AdvancePrimary(50),
        Sentence::AllToCanary,
        Sentence::MirrorToCanary,
        Sentence::AllToPrimary,
        Sentence::Copying,
        Sentence::Promoted,
        Sentence::PromotedUnanalysed,
        Sentence::Failed,
        Sentence::ThresholdReached(5),
        Sentence::FirstStepFailed(2),
        Sentence::DeadlineExceeded("not ready".into()),
        Sentence::StoppedServing("not ready".into()),
        Sentence::ManualRollback,
        Sentence::PromotionFailed("not ready".into()),
        Sentence::Stuck { still: Duration::from_secs(1800), why: Some("waiting for my-gate".into()) },
        Sentence::MatchUnsupported,
        Sentence::WeightsUnsupported,
    ];
    check(
        sentences,
        &expect![[r#"
            Normal  info  skipping canary run as object is suspended
            Normal  info  all the metrics providers are available!
            Warning error Error checking metric providers: refused
            Warning info  not ready
            Warning error not found
            Warning error scaling down canary Deployment podinfo.test failed: refused
            Warning info  Terminating podinfo.test waits until podinfo.test serves and can have all traffic: not ready; to let it go without, remove its finalizer finalizer.flagger.app
            Normal  info  Initialization done! podinfo.test
            Normal  info  New revision detected! Scaling up podinfo.test
            Normal  info  New revision withdrawn! podinfo.test is back at the promoted one
            Normal  info  New revision detected! Restarting analysis for podinfo.test
            Normal  info  Starting canary analysis for podinfo.test
            Normal  info  Advance podinfo.test canary weight 10
            Normal  info  Advance podinfo.test canary iteration 1/0
            Warning info  Step back podinfo.test canary weight 10 failed check 1/2
            Normal  info  Advance podinfo.test primary weight 50
            Normal  info  Routing all traffic to canary
            Normal  info  Stop traffic mirroring and route all traffic to canary
            Normal  info  Routing all traffic to primary
            Normal  info  Copying podinfo.test template spec to podinfo-primary.test
            Normal  info  Promotion completed! Scaling down podinfo.test
            Normal  info  Promotion completed! Canary analysis was skipped for podinfo.test
            Warning info  Canary failed! Scaling down podinfo.test
            Warning info  Rolling back podinfo.test failed checks threshold reached 5
            Warning info  Rolling back podinfo.test failed check 2/2 at the first step
            Warning info  Rolling back podinfo.test progress deadline exceeded not ready
            Warning info  Rolling back podinfo.test canary stopped serving not ready
            Warning info  Rolling back podinfo.test manual webhook invoked
            Warning info  Promotion of podinfo.test failed, primary not ready: not ready
            Warning info  podinfo.test has taken no step for 30m0s: waiting for my-gate
            Warning info  A/B testing is not supported when using the kubernetes provider
            Warning info  Progressive traffic is not supported when using the kubernetes provider
        "#]],
    );
}

#[test]
fn checks_are_told_in_the_words_that_scripts_know() {
    let sentences = [
        Sentence::Unusable,
        Sentence::NoValues(0, error()),
        Sentence::NoValues(1, error()),
        Sentence::NoValues(2, error()),
        Sentence::NoValues(3, error()),
        Sentence::MeterFault(0, MeterFault::Query(error())),
        Sentence::MeterFault(2, MeterFault::Query(error())),
        Sentence::MeterFault(3, MeterFault::Query(error())),
        Sentence::MeterFault(3, MeterFault::Template(error())),
        Sentence::MeterFault(3, MeterFault::Secret { secret: "token.infra".into(), error: error() }),
        Sentence::MeterFault(3, MeterFault::Provider { provider: "prometheus".into(), error: error() }),
        Sentence::MeterFault(3, MeterFault::Render(error())),
        Sentence::OutOfBounds(0, 98.765),
        Sentence::OutOfBounds(1, 1500.0),
        Sentence::OutOfBounds(2, 0.5),
        Sentence::OutOfBounds(3, 4.0),
    ];
    check(
        sentences,
        &expect![[r#"
        Warning info  Metric query failed for no usable metrics template and query were configured
        Warning info  Halt advancement no values found for gatewayapi:v1 metric request-success-rate probably podinfo.test is not receiving traffic: refused
        Warning info  Halt advancement no values found for gatewayapi:v1 metric request-duration probably podinfo.test is not receiving traffic
        Warning info  Halt advancement no values found for metric: cpu
        Warning info  Halt advancement no values found for custom metric: errors: refused
        Warning error Prometheus query failed: refused
        Warning error Prometheus query failed for cpu: refused
        Warning error Metric query failed for errors: refused
        Warning error Metric template errors.infra error: refused
        Warning error Metric template errors.infra secret token.infra error: refused
        Warning error Metric template errors.infra provider prometheus error: refused
        Warning error Metric template errors.infra query render error: refused
        Warning info  Halt podinfo.test advancement success rate 98.77% < 99.5%
        Warning info  Halt podinfo.test advancement request duration 1.5s > 500ms
        Warning info  Halt podinfo.test advancement cpu 0.50 < 1
        Warning info  Halt podinfo.test advancement errors 4.00 > 3
    "#]],
    );
}

#[test]
fn hooks_are_told_in_the_words_that_scripts_know() {
    let of_each = |hook: usize| {
        let refused = if [1, 2, 5].contains(&hook) {
            Sentence::HookRefused(hook, "no".into())
        } else {
            Sentence::HookHolds(hook)
        };
        [Sentence::HookPassed(hook), refused]
    };
    check(
        [Sentence::NotRollingBack(6), Sentence::RollbackAsked(6)].into_iter().chain((0..6).flat_map(of_each)),
        &expect![[r#"
        Normal  info  Rollback hook my-rollback not signaling a rollback
        Warning info  Rollback check my-rollback passed
        Normal  info  Confirm-rollout check my-confirm-rollout passed
        Warning info  Halt podinfo.test advancement waiting for approval my-confirm-rollout
        Normal  info  Pre-rollout check my-pre-rollout passed
        Warning info  Halt podinfo.test advancement pre-rollout check my-pre-rollout failed no
        Normal  info  Rollout check my-rollout passed
        Warning info  Halt podinfo.test advancement external check my-rollout failed no
        Normal  info  Confirm-traffic-increase check my-confirm-traffic-increase passed
        Warning info  Halt podinfo.test advancement waiting for traffic increase approval my-confirm-traffic-increase
        Normal  info  Confirm-promotion check my-confirm-promotion passed
        Warning info  Halt podinfo.test advancement waiting for promotion approval my-confirm-promotion
        Normal  info  Post-rollout check my-post-rollout passed
        Warning info  Post-rollout hook my-post-rollout failed no
    "#]],
    );
}

#[test]
fn every_phase_has_its_condition() {
    let mut told = String::new();
    for phase in Phase::ALL {
        let (status, message) = condition(phase, "Deployment");
        writeln!(told, "{phase:17} {status:7} {message}").expect("a string takes any text");
    }
    expect![[r#"
                          Unknown New Deployment detected, starting initialization.
        Initializing      Unknown New Deployment detected, starting initialization.
        Initialized       True    Deployment initialization completed.
        Waiting           Unknown Waiting for approval.
        Progressing       Unknown New revision detected, progressing canary analysis.
        WaitingPromotion  Unknown Waiting for approval.
        Promoting         Unknown Canary analysis completed, starting primary rolling update.
        Finalising        Unknown Canary analysis completed, routing all traffic to primary.
        Succeeded         True    Canary analysis completed successfully, promotion finished.
        Failed            False   Canary analysis failed, Deployment scaled to zero.
        Terminating       Unknown Deployment is being released from the canary.
        Terminated        Unknown Deployment is being released from the canary.
    "#]]
    .assert_eq(&told);
}
