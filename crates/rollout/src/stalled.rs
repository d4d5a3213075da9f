//! The condition `Stalled`: why nothing goes on, until somebody does something about it.
//!
//! It is there while a canary is invalid, or while something that a release needs can't be had (a target, a permission, a
//! metric template), and it is how the operator knows, across restarts, that it has told the user already.

use std::time::Duration;

use api::{CanaryStatus, Condition};
use jiff::Timestamp;

use crate::phase::stamp;

/// The condition's type, as the tools of GitOps know it.
const STALLED: &str = "Stalled";

/// The reasons: the canary itself is at fault, or what it needs, or what its checks are read from.
const INVALID: &str = "Invalid";
const FAULTED: &str = "Faulted";
const UNMEASURED: &str = "Unmeasured";

/// How much of a reason goes into the status.
const MESSAGE_CHARS_MAX: usize = 1000;

/// The longest time between two attempts at what does not work.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// The status of a canary that breaks `rule`, `None` when it says so already.
///
/// Nothing else of it changes: a run is held where it is, and goes on when the canary is valid again.
pub fn invalid(status: &CanaryStatus, rule: &str, now: Timestamp) -> Option<CanaryStatus> {
    let mut status = status.clone();
    set(&mut status, INVALID, rule, now).then_some(status)
}

/// Notes what failed; whether that is news.
pub(crate) fn fault(status: &mut CanaryStatus, what: &str, now: Timestamp) -> bool {
    set(status, FAULTED, what, now)
}

/// Notes what is missing that the checks are read from; whether that is news.
pub(crate) fn unmeasured(status: &mut CanaryStatus, what: &str, now: Timestamp) -> bool {
    set(status, UNMEASURED, what, now)
}

/// Whether something that the checks are read from was missing when it was last looked for.
pub(crate) fn is_unmeasured(status: &CanaryStatus) -> bool {
    find(status).is_some_and(|stalled| stalled.reason == UNMEASURED)
}

/// Notes that things go on; whether that is news. What the checks are read from stays missing until it was `metered`.
pub(crate) fn clear(status: &mut CanaryStatus, metered: bool) -> bool {
    let settled = find(status).is_some() && (metered || !is_unmeasured(status));
    if settled {
        remove(status);
    }
    settled
}

/// When to try again: at the canary's pace first, then after as long as it has been failing already.
pub(crate) fn backoff(status: &CanaryStatus, interval: Duration, now: Timestamp) -> Duration {
    let since = find(status).and_then(|stalled| stalled.last_transition_time);
    let failing = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()).unwrap_or_default();
    failing.min(BACKOFF_MAX).max(interval)
}

fn find(status: &CanaryStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == STALLED)
}

fn remove(status: &mut CanaryStatus) {
    status.conditions.retain(|condition| condition.type_ != STALLED);
}

fn set(status: &mut CanaryStatus, reason: &str, message: &str, now: Timestamp) -> bool {
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    let old = find(status);
    if old.is_some_and(|old| old.reason == reason && old.message == message) {
        return false;
    }
    let since = old.and_then(|old| old.last_transition_time);
    remove(status);
    status.conditions.push(Condition {
        type_: STALLED.to_owned(),
        status: "True".to_owned(),
        reason: reason.to_owned(),
        message,
        last_update_time: Some(stamp(now)),
        last_transition_time: Some(since.unwrap_or_else(|| stamp(now))),
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn what_stays_wrong_is_news_once_and_tried_ever_more_seldom() {
        let mut status = CanaryStatus::default();
        assert!(fault(&mut status, "no such target", at(0)));
        assert!(!fault(&mut status, "no such target", at(60)));
        assert!(fault(&mut status, "no permission", at(60)));
        let waits = [0, 60, 120, 240, 480].map(|now| backoff(&status, Duration::from_secs(60), at(now)).as_secs());
        assert_eq!(waits, [60, 60, 120, 240, 300]);
        assert!(clear(&mut status, false) && !clear(&mut status, false));
    }

    #[test]
    fn a_missing_metric_template_is_missing_until_it_was_looked_for_again() {
        let mut status = CanaryStatus::default();
        assert!(unmeasured(&mut status, "no such template", at(0)));
        assert!(!clear(&mut status, false) && is_unmeasured(&status));
        assert!(clear(&mut status, true) && !is_unmeasured(&status));
    }

    #[test]
    fn an_invalid_canary_keeps_all_else_of_its_status() {
        let status = CanaryStatus { canary_weight: 30, last_transition_time: Some(at(7)), ..CanaryStatus::default() };
        let held = invalid(&status, "spec.analysis.interval: must be a duration", at(90)).unwrap();
        assert_eq!((held.canary_weight, held.last_transition_time), (30, Some(at(7))));
        assert_eq!(invalid(&held, "spec.analysis.interval: must be a duration", at(99)), None);
    }
}
