//! What entering a phase does to the status.

use api::{CanaryStatus, Condition, Phase};
use jiff::Timestamp;

use crate::effect::Target;
use crate::{affinity, words};

/// The condition that `kubectl wait` waits for.
pub(crate) const PROMOTED: &str = "Promoted";

/// Enters `phase`: the phase itself, its condition, and the counters that the phase resets.
///
/// Quirk: unlike in the reference, `WaitingPromotion` keeps the weight and the iterations that the run has reached, because
/// zeroes would show no traffic on a canary that serves half of it.
pub(crate) fn enter(status: &mut CanaryStatus, phase: Phase, kind: &str, now: Timestamp) {
    status.phase = phase;
    match phase {
        Phase::Progressing | Phase::Waiting | Phase::Promoting | Phase::WaitingPromotion => {}
        Phase::Initialized | Phase::Succeeded => {
            status.last_promoted_spec.clone_from(&status.last_applied_spec);
            reset(status);
        }
        Phase::New
        | Phase::Initializing
        | Phase::Finalising
        | Phase::Failed
        | Phase::Terminating
        | Phase::Terminated => reset(status),
    }
    set_condition(status, phase, kind, now);
}

/// Begins a run for what the target looks like now.
pub(crate) fn begin(status: &mut CanaryStatus, target: &Target, kind: &str, now: Timestamp) {
    enter(status, Phase::Progressing, kind, now);
    reset(status);
    status.failed_checks = 0;
    apply(status, target);
}

/// Notes what the target looks like now as the revision last seen.
pub(crate) fn apply(status: &mut CanaryStatus, target: &Target) {
    status.last_applied_spec.clone_from(&target.revision);
    status.tracked_configs.clone_from(&target.configs);
}

/// Forgets which revision was seen last, and which was promoted: the primary is made anew, or nobody knows what it was made of.
pub(crate) fn forget(status: &mut CanaryStatus) {
    status.last_applied_spec.clear();
    status.last_promoted_spec.clear();
    status.tracked_configs = None;
}

/// `now` in whole seconds, as times are stored.
pub(crate) fn stamp(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

fn reset(status: &mut CanaryStatus) {
    affinity::end(status);
    status.canary_weight = 0;
    status.iterations = 0;
}

fn set_condition(status: &mut CanaryStatus, phase: Phase, kind: &str, now: Timestamp) {
    let (value, message) = words::condition(phase, kind);
    let now = stamp(now);
    let old = status.conditions.iter().find(|condition| condition.type_ == PROMOTED);
    if old.is_some_and(|old| old.status == value && old.reason == phase.as_str()) {
        return;
    }
    let since = old.filter(|old| old.status == value).and_then(|old| old.last_transition_time);
    let condition = Condition {
        type_: PROMOTED.to_owned(),
        status: value.to_owned(),
        reason: phase.as_str().to_owned(),
        message,
        last_update_time: Some(now),
        last_transition_time: Some(since.unwrap_or(now)),
    };
    status.conditions.retain(|condition| condition.type_ != PROMOTED);
    status.conditions.insert(0, condition);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_condition_keeps_its_transition_time_while_its_status_stays() {
        let mut status = CanaryStatus::default();
        enter(&mut status, Phase::Progressing, "Deployment", at("2026-01-01T00:00:00Z"));
        enter(&mut status, Phase::Promoting, "Deployment", at("2026-01-01T00:10:00Z"));
        let condition = &status.conditions[0];
        assert_eq!(condition.last_transition_time, Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(condition.last_update_time, Some(at("2026-01-01T00:10:00Z")));
        assert_eq!(condition.message, "Canary analysis completed, starting primary rolling update.");
        enter(&mut status, Phase::Succeeded, "Deployment", at("2026-01-01T00:20:00Z"));
        assert_eq!(status.conditions[0].last_transition_time, Some(at("2026-01-01T00:20:00Z")));
        assert_eq!(status.conditions.len(), 1);
    }

    #[test]
    fn a_finished_run_makes_the_applied_revision_the_promoted_one() {
        let mut status = CanaryStatus { canary_weight: 50, ..CanaryStatus::default() };
        apply(&mut status, &Target { revision: "v1.b".into(), ..Target::default() });
        enter(&mut status, Phase::Succeeded, "Deployment", Timestamp::UNIX_EPOCH);
        assert_eq!((status.last_promoted_spec.as_str(), status.canary_weight), ("v1.b", 0));
    }
}
