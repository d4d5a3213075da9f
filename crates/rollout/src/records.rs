//! Which hooks were called for a decision that is not carried out yet, so that a restart does not call them twice.
//!
//! The record is a condition of the canary, which an older CRD keeps, too. It lives from the first answer to the end of the
//! step: whatever stores the next step removes it. After a release it says that the `post-rollout` hooks are still owed.

use api::{CanaryStatus, Condition};
use jiff::Timestamp;

use crate::phase::stamp;
use crate::plan::Plan;

/// The condition's type; it is `False` while there are calls to come.
const HOOKS_CALLED: &str = "HooksCalled";

/// The reasons: which decision the calls are for.
const STEP: &str = "Step";
const POST_ROLLOUT: &str = "PostRollout";

/// Between two entries of the message.
const SEPARATOR: &str = ", ";

/// Whether this hook was called already.
pub(crate) fn has(status: &CanaryStatus, plan: &Plan, hook: usize) -> bool {
    let entry = entry(plan, hook);
    find(status).is_some_and(|record| record.message.split(SEPARATOR).any(|called| called == entry))
}

/// Notes that this hook was called.
pub(crate) fn add(status: &mut CanaryStatus, plan: &Plan, hook: usize, now: Timestamp) {
    let entry = entry(plan, hook);
    match status.conditions.iter_mut().find(|condition| condition.type_ == HOOKS_CALLED) {
        Some(record) if record.message.is_empty() => record.message = entry,
        Some(record) => record.message = [record.message.as_str(), &entry].join(SEPARATOR),
        None => status.conditions.push(record(STEP, entry, now)),
    }
}

/// Notes that the `post-rollout` hooks are to be called.
pub(crate) fn owe(status: &mut CanaryStatus, now: Timestamp) {
    settle(status);
    status.conditions.push(record(POST_ROLLOUT, String::new(), now));
}

/// Whether `post-rollout` hooks are to be called.
pub(crate) fn are_owed(status: &CanaryStatus) -> bool {
    find(status).is_some_and(|record| record.reason == POST_ROLLOUT)
}

/// Forgets the calls of a step that is over; whether there were any.
pub(crate) fn end_step(status: &mut CanaryStatus) -> bool {
    !are_owed(status) && settle(status)
}

/// Forgets all calls; whether there were any.
pub(crate) fn settle(status: &mut CanaryStatus) -> bool {
    let before = status.conditions.len();
    status.conditions.retain(|condition| condition.type_ != HOOKS_CALLED);
    status.conditions.len() < before
}

fn find(status: &CanaryStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == HOOKS_CALLED)
}

/// The place of the hook tells two of one name apart, and its name an edited list.
fn entry(plan: &Plan, hook: usize) -> String {
    format!("{}[{hook}] {}", plan.hook_type(hook), plan.hook_name(hook))
}

fn record(reason: &str, message: String, now: Timestamp) -> Condition {
    Condition {
        type_: HOOKS_CALLED.to_owned(),
        status: "False".to_owned(),
        reason: reason.to_owned(),
        message,
        last_update_time: Some(stamp(now)),
        last_transition_time: Some(stamp(now)),
    }
}
