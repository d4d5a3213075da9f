//! When a `DaemonSet` can take traffic, told from its status.
//!
//! *Quirks.*
//! * The deadline counts from the last write of the canary's status, as in Flagger; a `DaemonSet` has no time of its own. A
//!   run writes it when it begins and with each step, so that the deadline is one of standing still.
//! * `canary damonset` is written so in Flagger, and people match on it.

use jiff::Timestamp;
use ports::{Halt, Seen};
use serde_json::Value;

use super::DAEMON_SET;
use crate::readiness::{count, deadline, side_of, threshold_percent};
use crate::{Context, Error, Readiness, Side};

pub(super) fn of(cx: &Context<'_>, seen: &Seen, side: Side, now: Timestamp) -> Result<Readiness, Halt<Error>> {
    let (key, daemon_set) = match side_of(cx, seen, side, &DAEMON_SET)? {
        Ok(found) => found,
        Err(missing) => return Ok(missing),
    };
    let Some(Short { reason, timed }) = short(daemon_set, threshold_percent(cx, side)) else {
        return Ok(Readiness::Ready);
    };
    let (reason, retriable) = if timed && is_over(cx, now) {
        (format!("exceeded its progressDeadlineSeconds: {}", deadline(cx).as_secs()), false)
    } else {
        (reason, true)
    };
    let name = format!("{}.{}", key.name, key.namespace);
    let reason = match side {
        Side::Primary => format!("primary daemonset {name} not ready: {reason}"),
        Side::Canary => format!("canary damonset {name} not ready with retryable {retriable}: {reason}"),
    };
    Ok(Readiness::NotReady { reason, retriable, serving: 0 < count(daemon_set, "/status/numberAvailable") })
}

/// What is missing.
struct Short {
    reason: String,
    /// Whether it is missing for the pods' reasons, which the deadline limits.
    timed: bool,
}

fn short(daemon_set: &Value, threshold: i64) -> Option<Short> {
    let count = |pointer: &str| count(daemon_set, pointer);
    let waiting =
        |reason: String, timed| Some(Short { reason: format!("waiting for rollout to finish: {reason}"), timed });
    if count("/status/observedGeneration") < count("/metadata/generation") {
        return waiting("observed daemonset generation less than desired generation".to_owned(), false);
    }
    let desired = count("/status/desiredNumberScheduled");
    let updated = count("/status/updatedNumberScheduled");
    let available = count("/status/numberAvailable");
    let needed = (desired * threshold / 100).max(1);
    if desired == 0 {
        waiting("no node is to run its pods".to_owned(), false)
    } else if updated < desired {
        waiting(format!("{updated} out of {desired} new pods have been updated"), true)
    } else if available < needed {
        let reason = format!("{available} of {needed} (readyThreshold {threshold}%) updated pods are available");
        waiting(reason, true)
    } else {
        None
    }
}

/// Whether the canary has stood still for longer than its deadline.
fn is_over(cx: &Context<'_>, now: Timestamp) -> bool {
    let since = cx.canary.status.as_ref().and_then(|status| status.last_transition_time);
    since.is_some_and(|since| deadline(cx) < now.duration_since(since))
}
