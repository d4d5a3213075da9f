//! When an analysis step is due.

use std::time::Duration;

use api::{CanaryStatus, Phase};
use jiff::Timestamp;

use crate::plan::Plan;

/// How often, between two steps, gates are asked again that hold a run, and rollback hooks, and a side is looked at that is
/// not ready: soon enough for a person who has just approved, seldom enough for whoever has to answer.
pub const POLL: Duration = Duration::from_secs(5);

/// When the next step of a canary is due, from its stored status alone, as after a restart or a change of leader.
///
/// A run goes on one interval after the last time its status was written, and never later than one interval from `now`
/// even if clocks were set back. Every other phase is looked at right away.
pub fn due(status: &CanaryStatus, interval: Duration, now: Timestamp) -> Timestamp {
    let latest = later(now, interval);
    match (is_running(status.phase), status.last_transition_time) {
        (true, Some(written)) => later(written, interval).min(latest),
        _ => now,
    }
}

/// When a step is due that was planned for `due`: a step that was stored since, although its answer was lost, began an interval.
///
/// A rollback that is under way has no pace, and a status from the future is one of a clock that was set back.
pub fn planned(due: Timestamp, status: &CanaryStatus, plan: &Plan, now: Timestamp) -> Timestamp {
    let stepping = is_running(status.phase) && status.failed_checks < plan.threshold;
    let written = status.last_transition_time.filter(|written| stepping && *written <= now);
    written.map_or(due, |written| due.max(later(written, plan.interval)))
}

/// Whether a run is on its way in this phase, so that steps have a pace.
pub fn is_running(phase: Phase) -> bool {
    match phase {
        Phase::Waiting | Phase::Progressing | Phase::WaitingPromotion | Phase::Promoting | Phase::Finalising => true,
        Phase::New
        | Phase::Initializing
        | Phase::Initialized
        | Phase::Succeeded
        | Phase::Failed
        | Phase::Terminating
        | Phase::Terminated => false,
    }
}

pub(crate) fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn status(phase: Phase, written: &str) -> CanaryStatus {
        CanaryStatus { phase, last_transition_time: Some(at(written)), ..CanaryStatus::default() }
    }

    #[test]
    fn a_run_keeps_its_pace_across_a_restart() {
        let status = status(Phase::Progressing, "2026-01-01T00:00:00Z");
        assert_eq!(due(&status, MINUTE, at("2026-01-01T00:00:20Z")), at("2026-01-01T00:01:00Z"));
    }

    #[test]
    fn a_status_from_the_future_delays_a_run_by_one_interval_at_most() {
        let status = status(Phase::Progressing, "2026-01-02T00:00:00Z");
        assert_eq!(due(&status, MINUTE, at("2026-01-01T00:00:00Z")), at("2026-01-01T00:01:00Z"));
    }

    #[test]
    fn an_idle_canary_is_looked_at_right_away() {
        let now = at("2026-01-01T00:00:20Z");
        assert_eq!(due(&status(Phase::Succeeded, "2026-01-01T00:00:00Z"), MINUTE, now), now);
    }
}
