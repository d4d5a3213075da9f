//! Hooks: those that hold a step, those that count as checks, and those that are only told.
//!
//! A hook that says yes is recorded before anything follows from it, so that a restart does not ask it again.

use api::{CanaryStatus, HookType, Phase};

use crate::effect::Effect;
use crate::journal::{Cx, Flow};
use crate::plan::{Plan, Strategy};
use crate::report::Ending;
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{pace, phase, records};

/// Calls the `confirm-rollout` gates in order. The name of the first closed one, which holds the canary in `Waiting`.
pub(crate) fn confirm_rollout(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    hold(plan, status, HookType::ConfirmRollout, Phase::Waiting, Alert::AwaitingApproval, cx)
}

/// Calls the `confirm-promotion` gates in order. The name of the first closed one, which holds the canary in
/// `WaitingPromotion`, where its analysis goes on.
pub(crate) fn confirm_promotion(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    hold(plan, status, HookType::ConfirmPromotion, Phase::WaitingPromotion, Alert::AwaitingPromotion, cx)
}

/// Calls the `confirm-traffic-increase` gates in order. The name of the first closed one, which is told unless `quiet`; the
/// phase stays.
pub(crate) fn confirm_increase(
    plan: &Plan,
    status: &mut CanaryStatus,
    quiet: bool,
    cx: &mut Cx<'_>,
) -> Flow<Option<String>> {
    let Some(hook) = closed(plan, status, HookType::ConfirmTrafficIncrease, Phase::Progressing, cx)? else {
        return Ok(None);
    };
    if !quiet {
        cx.say(Sentence::HookHolds(hook))?;
        alert(plan, hook, Alert::AwaitingIncrease, cx)?;
    }
    Ok(Some(plan.hook_name(hook).to_owned()))
}

/// Asks the gate that holds a run again, between two steps. `None` once it is open: then the step that it held is due.
pub(crate) fn still_held(
    plan: &Plan,
    status: &mut CanaryStatus,
    split: Split,
    cx: &mut Cx<'_>,
) -> Flow<Option<Ending>> {
    if promotion_is_held(plan, status, split) {
        return Ok(confirm_promotion(plan, status, cx)?.map(|hook| Ending::AwaitingPromotion { hook }));
    }
    if !increase_is_held(plan, status, cx) || split.mirrored || plan.ladder.next(split.canary_weight()).is_none() {
        return Ok(Some(Ending::Pacing));
    }
    Ok(confirm_increase(plan, status, true, cx)?.map(|hook| Ending::AwaitingIncrease { hook }))
}

/// Whether the promotion, or the switch before it, waits for nothing but its gate: a plan may have got longer since.
fn promotion_is_held(plan: &Plan, status: &CanaryStatus, split: Split) -> bool {
    let at_the_end = match plan.strategy {
        Strategy::Canary => plan.ladder.next(split.canary_weight()).is_none(),
        Strategy::BlueGreen { iterations } => status.iterations == iterations,
        Strategy::AbTesting { iterations } => iterations <= status.iterations,
    };
    status.phase == Phase::WaitingPromotion && has(plan, HookType::ConfirmPromotion) && at_the_end
}

/// Whether the next weight may be waiting for a gate: its interval was over already.
pub(crate) fn increase_is_held(plan: &Plan, status: &CanaryStatus, cx: &Cx<'_>) -> bool {
    plan.strategy == Strategy::Canary
        && has(plan, HookType::ConfirmTrafficIncrease)
        && pace::due(status, plan.interval, cx.input.now) <= cx.input.now
}

/// Calls the `pre-rollout` hooks in order; whether all passed.
pub(crate) fn pre_rollout(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<bool> {
    all_pass(plan, status, HookType::PreRollout, cx)
}

/// Calls the `rollout` hooks in order; whether all passed.
pub(crate) fn rollout(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<bool> {
    all_pass(plan, status, HookType::Rollout, cx)
}

/// Calls the `rollback` hooks in order; the name of the first that asks for a rollback. One that doesn't is told unless
/// `quiet`.
pub(crate) fn rollback_asked(plan: &Plan, status: &CanaryStatus, quiet: bool, cx: &mut Cx<'_>) -> Flow<Option<String>> {
    for hook in of(plan, HookType::Rollback) {
        if cx.trial(Effect::CallHook { hook, phase: status.phase })?.is_ok() {
            cx.say(Sentence::RollbackAsked(hook))?;
            return Ok(Some(plan.hook_name(hook).to_owned()));
        }
        if !quiet {
            cx.say(Sentence::NotRollingBack(hook))?;
        }
    }
    Ok(None)
}

/// Notes that the `post-rollout` hooks are to be called once the status that goes with them is stored.
pub(crate) fn owe_post_rollout(plan: &Plan, status: &mut CanaryStatus, cx: &Cx<'_>) {
    if has(plan, HookType::PostRollout) {
        records::owe(status, cx.input.now);
    }
}

/// Calls the `post-rollout` hooks that are owed, in order, until one refuses. The release is over either way.
pub(crate) fn post_rollout(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow {
    if !records::are_owed(status) {
        return Ok(());
    }
    for hook in of(plan, HookType::PostRollout) {
        if let Err(error) = call(plan, status, hook, status.phase, cx)? {
            cx.say(Sentence::HookRefused(hook, error))?;
            break;
        }
    }
    records::settle(status);
    cx.jot(status)
}

/// Whether the canary has hooks of this kind.
pub(crate) fn has(plan: &Plan, kind: HookType) -> bool {
    plan.hooks.iter().any(|hook| hook.kind == kind)
}

/// Calls the checks of one kind; whether all passed.
fn all_pass(plan: &Plan, status: &mut CanaryStatus, kind: HookType, cx: &mut Cx<'_>) -> Flow<bool> {
    for hook in of(plan, kind) {
        if let Err(error) = call(plan, status, hook, Phase::Progressing, cx)? {
            cx.say(Sentence::HookRefused(hook, error))?;
            return Ok(false);
        }
    }
    Ok(true)
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
    let told = if kind == HookType::ConfirmPromotion { Phase::Progressing } else { status.phase };
    let Some(hook) = closed(plan, status, kind, told, cx)? else { return Ok(None) };
    if status.phase != held {
        phase::enter(status, held, &plan.kind, cx.input.now);
        cx.save(status)?;
        cx.say(Sentence::HookHolds(hook))?;
        alert(plan, hook, news, cx)?;
    }
    Ok(Some(plan.hook_name(hook).to_owned()))
}

/// The first closed gate of one kind. Once all are open that is recorded, then told: it is one decision.
fn closed(
    plan: &Plan,
    status: &mut CanaryStatus,
    kind: HookType,
    phase: Phase,
    cx: &mut Cx<'_>,
) -> Flow<Option<usize>> {
    let asked: Vec<usize> = of(plan, kind).filter(|hook| !records::has(status, plan, *hook)).collect();
    for hook in asked.iter().copied() {
        if cx.trial(Effect::CallHook { hook, phase })?.is_err() {
            return Ok(Some(hook));
        }
    }
    if asked.is_empty() {
        return Ok(None);
    }
    for hook in asked.iter().copied() {
        records::add(status, plan, hook, cx.input.now);
    }
    cx.jot(status)?;
    for hook in asked {
        cx.say(Sentence::HookPassed(hook))?;
    }
    Ok(None)
}

/// Calls a check, unless it has said yes to this very decision before; its yes is recorded, then told.
fn call(
    plan: &Plan,
    status: &mut CanaryStatus,
    hook: usize,
    phase: Phase,
    cx: &mut Cx<'_>,
) -> Flow<Result<(), String>> {
    if records::has(status, plan, hook) {
        return Ok(Ok(()));
    }
    let answer = cx.trial(Effect::CallHook { hook, phase })?;
    if answer.is_ok() {
        records::add(status, plan, hook, cx.input.now);
        cx.jot(status)?;
        if plan.hook_type(hook) != HookType::Rollout {
            cx.say(Sentence::HookPassed(hook))?;
        }
    }
    Ok(answer)
}

fn alert(plan: &Plan, hook: usize, news: Alert, cx: &mut Cx<'_>) -> Flow {
    if plan.hooks.get(hook).is_some_and(|hook| hook.mute_alert) { Ok(()) } else { cx.alert(news) }
}

fn of(plan: &Plan, kind: HookType) -> impl Iterator<Item = usize> {
    plan.hooks.iter().enumerate().filter(move |(_, hook)| hook.kind == kind).map(|(index, _)| index)
}
