//! What a Deployment's status says: counts, and the two conditions that everybody waits for.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::revision::Sets;
use super::rolling::Limits;
use crate::clock::elapsed;
use crate::cluster::Again;

const AVAILABLE: &str = "Available";
const PROGRESSING: &str = "Progressing";
/// What `progressDeadlineSeconds` is when it is not said.
const DEADLINE_SECS: i32 = 600;

/// The status that the `ReplicaSet`s amount to, and when to look again for the deadline.
///
/// `created` names the ReplicaSet that is being created in this very step.
pub(crate) fn status(
    deployment: &Deployment,
    sets: &Sets,
    created: Option<&str>,
    limits: &Limits,
    now: Timestamp,
) -> (DeploymentStatus, Again) {
    let before = deployment.status.clone().unwrap_or_default();
    let mut status = counts(deployment, sets);
    status.collision_count = before.collision_count;
    status.conditions.clone_from(&before.conditions);
    let said = available(&status, limits);
    set(&mut status, said, now);
    let again = match progress(deployment, &before, &status, sets, created, now) {
        Some(condition) => {
            set(&mut status, condition, now);
            deadline(deployment, &status, now)
        }
        None => deadline(deployment, &status, now),
    };
    (status, again)
}

/// Whether the rollout is over: every copy is of the current template and available.
pub(crate) fn complete(deployment: &Deployment, status: &DeploymentStatus, limits: &Limits) -> bool {
    let all = |count: Option<i32>| count.unwrap_or(0) == limits.replicas;
    let observed = deployment.metadata.generation.unwrap_or(0) <= status.observed_generation.unwrap_or(0);
    all(status.updated_replicas) && all(status.replicas) && all(status.available_replicas) && observed
}

/// Zero counts are left out as the original leaves them out, which has one that it always writes.
fn counts(deployment: &Deployment, sets: &Sets) -> DeploymentStatus {
    let some = |count: i32| (count != 0).then_some(count);
    let sum = |count: fn(&ReplicaSet) -> i32| sets.all().map(count).sum::<i32>();
    let replicas = sum(|set| set.status.as_ref().map_or(0, |status| status.replicas));
    let ready = sum(|set| set.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0));
    let available = sum(|set| set.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0));
    let terminating = sum(|set| set.status.as_ref().and_then(|status| status.terminating_replicas).unwrap_or(0));
    DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: some(replicas),
        updated_replicas: some(sets.new.and_then(|set| set.status.as_ref()).map_or(0, |status| status.replicas)),
        ready_replicas: some(ready),
        available_replicas: some(available),
        unavailable_replicas: some((replicas - available).max(0)),
        terminating_replicas: Some(terminating),
        ..DeploymentStatus::default()
    }
}

fn available(status: &DeploymentStatus, limits: &Limits) -> DeploymentCondition {
    let enough = limits.replicas - limits.unavailable <= status.available_replicas.unwrap_or(0);
    let (status, reason, message) = if enough {
        ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    } else {
        ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    };
    condition(AVAILABLE, status, reason, message)
}

/// The Progressing condition, if it has to be said anew: its update time is what the deadline counts from.
fn progress(
    deployment: &Deployment,
    before: &DeploymentStatus,
    status: &DeploymentStatus,
    sets: &Sets,
    created: Option<&str>,
    now: Timestamp,
) -> Option<DeploymentCondition> {
    let limits = Limits::of(deployment);
    let seconds = deadline_secs(deployment)?;
    let said = find(before, PROGRESSING);
    let reason = said.and_then(|said| said.reason.as_deref());
    if paused(deployment) {
        let fresh = reason != Some("DeploymentPaused");
        return fresh.then(|| condition(PROGRESSING, "Unknown", "DeploymentPaused", "Deployment is paused"));
    }
    if reason == Some("DeploymentPaused") {
        return Some(condition(PROGRESSING, "Unknown", "DeploymentResumed", "Deployment is resumed"));
    }
    if let Some(name) = created {
        let message = format!("Created new replica set \"{name}\"");
        return Some(condition(PROGRESSING, "True", "NewReplicaSetCreated", &message));
    }
    let settled = reason == Some("NewReplicaSetAvailable") && status.replicas == status.updated_replicas;
    if settled {
        return None;
    }
    let who = sets.new.map_or_else(
        || format!("Deployment \"{}\"", deployment.name_any()),
        |set| format!("ReplicaSet \"{}\"", set.name_any()),
    );
    if complete(deployment, status, &limits) {
        let message = format!("{who} has successfully progressed.");
        return Some(condition(PROGRESSING, "True", "NewReplicaSetAvailable", &message));
    }
    if progressed(before, status) {
        return Some(condition(PROGRESSING, "True", "ReplicaSetUpdated", &format!("{who} is progressing.")));
    }
    let since = said?.last_update_time.as_ref()?.0;
    let late = reason != Some("ProgressDeadlineExceeded") && seconds <= elapsed(now, since);
    late.then(|| {
        condition(PROGRESSING, "False", "ProgressDeadlineExceeded", &format!("{who} has timed out progressing."))
    })
}

fn progressed(before: &DeploymentStatus, status: &DeploymentStatus) -> bool {
    let old = |status: &DeploymentStatus| status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0);
    before.updated_replicas.unwrap_or(0) < status.updated_replicas.unwrap_or(0)
        || old(status) < old(before)
        || before.ready_replicas.unwrap_or(0) < status.ready_replicas.unwrap_or(0)
        || before.available_replicas.unwrap_or(0) < status.available_replicas.unwrap_or(0)
}

/// When a rollout that does not move becomes one that is stuck.
fn deadline(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> Again {
    let said = find(status, PROGRESSING)?;
    let waiting = !matches!(said.reason.as_deref(), Some("NewReplicaSetAvailable" | "ProgressDeadlineExceeded"));
    let passed = elapsed(now, said.last_update_time.as_ref()?.0);
    let left = deadline_secs(deployment)?.saturating_sub(passed);
    waiting.then_some(left + Duration::from_secs(1))
}

/// The deadline; `None` when there is none, which the largest number says.
fn deadline_secs(deployment: &Deployment) -> Option<Duration> {
    let secs = deployment.spec.progress_deadline_seconds.unwrap_or(DEADLINE_SECS);
    (secs != i32::MAX).then(|| Duration::from_secs(u64::try_from(secs).unwrap_or(0)))
}

pub(crate) fn paused(deployment: &Deployment) -> bool {
    deployment.spec.paused.unwrap_or(false)
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> DeploymentCondition {
    DeploymentCondition {
        type_: Some(type_.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        ..DeploymentCondition::default()
    }
}

fn find<'a>(status: &'a DeploymentStatus, type_: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_.as_deref() == Some(type_))
}

/// Says a condition. An unchanged availability keeps its times; progress is news each time.
fn set(status: &mut DeploymentStatus, mut said: DeploymentCondition, now: Timestamp) {
    let before = said.type_.as_deref().and_then(|type_| find(status, type_)).cloned();
    let unchanged = |before: &DeploymentCondition| before.status == said.status && before.reason == said.reason;
    if said.type_.as_deref() == Some(AVAILABLE) && before.as_ref().is_some_and(unchanged) {
        return;
    }
    said.last_update_time = Some(Time(now));
    said.last_transition_time = match before {
        Some(before) if before.status == said.status => before.last_transition_time,
        _ => Some(Time(now)),
    };
    let conditions = status.conditions.get_or_insert_default();
    match conditions.iter_mut().find(|condition| condition.type_ == said.type_) {
        Some(condition) => *condition = said,
        None => conditions.push(said),
    }
}
