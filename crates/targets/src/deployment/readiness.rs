//! When a Deployment can take traffic, told from its status.
//!
//! *Quirks.*
//! * Flagger calls a primary at zero replicas ready (it compares pointers). It isn't: traffic would go nowhere. It is always
//!   worth a retry, with or without an autoscaler, since giving up on the primary would roll back onto the side without pods.
//! * A canary at zero replicas is not ready either, whoever scaled it down. Ask only while it is meant to run.
//! * A low ready threshold of few replicas truncates to zero pods in Flagger; here one available pod is the least.

use jiff::{SignedDuration, Timestamp};
use ports::{Halt, Seen};
use serde_json::Value;

use super::{DEPLOYMENT, replicas};
use crate::readiness::{count, deadline, side_of, threshold_percent};
use crate::{Context, Error, Readiness, Side};

pub(super) fn of(cx: &Context<'_>, seen: &Seen, side: Side, now: Timestamp) -> Result<Readiness, Halt<Error>> {
    let (key, deployment) = match side_of(cx, seen, side, &DEPLOYMENT)? {
        Ok(found) => found,
        Err(missing) => return Ok(missing),
    };
    let name = format!("{}.{}", key.name, key.namespace);
    let (reason, retriable) = match (progress(deployment, threshold_percent(cx, side), deadline(cx), now), side) {
        (Progress::Done, _) => return Ok(Readiness::Ready),
        (Progress::Stopped, Side::Primary) => (format!("primary deployment {name} is scaled to zero"), true),
        (Progress::Stopped, Side::Canary) => {
            (format!("canary deployment {name} not ready: waiting for it to be scaled up from zero"), true)
        }
        (Progress::Short { reason, retriable }, Side::Primary) => (format!("{name} not ready: {reason}"), retriable),
        (Progress::Short { reason, retriable }, Side::Canary) => {
            (format!("canary deployment {name} not ready: {reason}"), retriable)
        }
    };
    Ok(Readiness::NotReady { reason, retriable, serving: 0 < count(deployment, "/status/availableReplicas") })
}

/// How far the deployment controller has come.
enum Progress {
    Done,
    /// No pods are asked for.
    Stopped,
    Short {
        reason: String,
        retriable: bool,
    },
}

fn progress(deployment: &Value, threshold: i64, deadline: SignedDuration, now: Timestamp) -> Progress {
    let count = |pointer: &str| count(deployment, pointer);
    let waiting = |reason: &str, retriable: bool| Progress::Short {
        reason: format!("waiting for rollout to finish: {reason}"),
        retriable,
    };
    if count("/status/observedGeneration") < count("/metadata/generation") {
        return waiting("observed deployment generation less than desired generation", true);
    }
    let progressing = condition(deployment, "Progressing");
    if progressing.is_some_and(|condition| says(condition, "reason", "ProgressDeadlineExceeded")) {
        let name = deployment.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        return Progress::Short {
            reason: format!("deployment {name:?} exceeded its progress deadline"),
            retriable: false,
        };
    }
    let retriable = progressing.is_none() || within_deadline(deployment, deadline, now);

    let updated = count("/status/updatedReplicas");
    let old = count("/status/replicas") - updated;
    let available = count("/status/availableReplicas");
    let needed = (updated * threshold / 100).max(1);
    match replicas(deployment) {
        Some(0) => Progress::Stopped,
        Some(wanted) if updated < wanted => {
            waiting(&format!("{updated} out of {wanted} new replicas have been updated"), retriable)
        }
        _ if 0 < old => waiting(&format!("{old} old replicas are pending termination"), retriable),
        _ if available < needed => waiting(
            &format!("{available} of {needed} (readyThreshold {threshold}%) updated replicas are available"),
            retriable,
        ),
        _ => Progress::Done,
    }
}

/// Whether a Deployment that lacks pods has lacked them for less than the deadline, or made progress meanwhile: a fix of a
/// revision that never started has time of its own.
fn within_deadline(deployment: &Value, deadline: SignedDuration, now: Timestamp) -> bool {
    let short = condition(deployment, "Available").filter(|condition| {
        says(condition, "status", "False") && says(condition, "reason", "MinimumReplicasUnavailable")
    });
    let updated = |condition: &Value| condition.get("lastUpdateTime")?.as_str()?.parse::<Timestamp>().ok();
    let since = short.and_then(updated);
    let progress = condition(deployment, "Progressing").and_then(updated);
    since.is_none_or(|since| now.duration_since(since.max(progress.unwrap_or(since))) <= deadline)
}

fn condition<'v>(deployment: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = deployment.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| says(condition, "type", kind))
}

fn says(condition: &Value, field: &str, text: &str) -> bool {
    condition.get(field).is_some_and(|value| value == text)
}
