//! Hooks: those that hold a step, those that count as checks, and those that are only told.

use api::{CanaryStatus, HookType, Phase};

use crate::effect::Effect;
use crate::journal::{Cx, Flow};
use crate::phase;
use crate::plan::Plan;
use crate::words::{Alert, Sentence};

/// Calls the `confirm-rollout` gates in order. The name of the first closed one, which holds the canary in `Waiting`.
pub(crate) fn confirm_rollout(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    hold(plan, status, HookType::ConfirmRollout, Phase::Waiting, Alert::AwaitingApproval, cx)
}

/// Calls the `confirm-promotion` gates in order. The name of the first closed one, which holds the canary in
/// `WaitingPromotion`, where its analysis goes on.
pub(crate) fn confirm_promotion(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    hold(plan, status, HookType::ConfirmPromotion, Phase::WaitingPromotion, Alert::AwaitingPromotion, cx)
}

/// Calls the `confirm-traffic-increase` gates in order. The name of the first closed one; the phase stays.
pub(crate) fn confirm_increase(plan: &Plan, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    for hook in of(plan, HookType::ConfirmTrafficIncrease) {
        if cx.trial(Effect::CallHook { hook, phase: Phase::Progressing })?.is_err() {
            cx.say(Sentence::HookHolds(hook))?;
            alert(plan, hook, Alert::AwaitingIncrease, cx)?;
            return Ok(Some(plan.hook_name(hook).to_owned()));
        }
        cx.say(Sentence::HookPassed(hook))?;
    }
    Ok(None)
}

/// Calls the `pre-rollout` hooks in order; whether all passed.
pub(crate) fn pre_rollout(plan: &Plan, cx: &mut Cx<'_>) -> Flow<bool> {
    for hook in of(plan, HookType::PreRollout) {
        if let Err(error) = cx.trial(Effect::CallHook { hook, phase: Phase::Progressing })? {
            cx.say(Sentence::HookRefused(hook, error))?;
            return Ok(false);
        }
        cx.say(Sentence::HookPassed(hook))?;
    }
    Ok(true)
}

/// Calls the `rollout` hooks in order; whether all passed.
pub(crate) fn rollout(plan: &Plan, cx: &mut Cx<'_>) -> Flow<bool> {
    for hook in of(plan, HookType::Rollout) {
        if let Err(error) = cx.trial(Effect::CallHook { hook, phase: Phase::Progressing })? {
            cx.say(Sentence::HookRefused(hook, error))?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Calls the `rollback` hooks in order; the name of the first that asks for a rollback.
pub(crate) fn rollback_asked(plan: &Plan, status: &CanaryStatus, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    for hook in of(plan, HookType::Rollback) {
        if cx.trial(Effect::CallHook { hook, phase: status.phase })?.is_ok() {
            cx.say(Sentence::RollbackAsked(hook))?;
            return Ok(Some(plan.hook_name(hook).to_owned()));
        }
        cx.say(Sentence::NotRollingBack(hook))?;
    }
    Ok(None)
}

/// Calls the `post-rollout` hooks in order, until one refuses. The release is over either way.
pub(crate) fn post_rollout(plan: &Plan, status: &CanaryStatus, cx: &mut Cx<'_>) -> Flow {
    for hook in of(plan, HookType::PostRollout) {
        if let Err(error) = cx.trial(Effect::CallHook { hook, phase: status.phase })? {
            return cx.say(Sentence::HookRefused(hook, error));
        }
        cx.say(Sentence::HookPassed(hook))?;
    }
    Ok(())
}

/// Calls the gates of one kind. A closed one is told when the canary enters the phase that it is held in, and not again.
fn hold(
    plan: &Plan,
    status: &mut CanaryStatus,
    kind: HookType,
    held: Phase,
    news: Alert,
    cx: &mut Cx<'_>,
) -> Flow<Option<String>> {
    for hook in of(plan, kind) {
        let told = match kind {
            HookType::ConfirmPromotion => Phase::Progressing,
            _ => status.phase,
        };
        if cx.trial(Effect::CallHook { hook, phase: told })?.is_err() {
            if status.phase != held {
                phase::enter(status, held, &plan.kind, cx.now);
                cx.save(status)?;
                cx.say(Sentence::HookHolds(hook))?;
                alert(plan, hook, news, cx)?;
            }
            return Ok(Some(plan.hook_name(hook).to_owned()));
        }
        cx.say(Sentence::HookPassed(hook))?;
    }
    Ok(None)
}

fn alert(plan: &Plan, hook: usize, news: Alert, cx: &mut Cx<'_>) -> Flow {
    if plan.hooks.get(hook).is_some_and(|hook| hook.mute_alert) { Ok(()) } else { cx.alert(news) }
}

fn of(plan: &Plan, kind: HookType) -> impl Iterator<Item = usize> {
    plan.hooks.iter().enumerate().filter(move |(_, hook)| hook.kind == kind).map(|(index, _)| index)
}
