//! How a run goes from one step to the next, one strategy a file.

mod ab_testing;
mod blue_green;
mod canary;

use api::{CanaryStatus, OnFailedCheck, Phase};

use crate::journal::{Cx, Flow};
use crate::plan::{Plan, Strategy};
use crate::report::{Cause, Ending};
use crate::traffic::Split;
use crate::words::Sentence;
use crate::{checks, gates, promotion, rollback};

/// One step of the analysis: the checks, then what the strategy does with a passed one.
pub(crate) fn analyse(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    if !passes(plan, status, split, cx)? {
        return fail(plan, status, split, cx);
    }
    for note in &plan.notes {
        cx.say(note.clone())?;
    }
    match plan.strategy {
        Strategy::Canary => canary::step(plan, status, split, cx),
        Strategy::BlueGreen { iterations } => blue_green::step(plan, status, split, iterations, cx),
        Strategy::AbTesting { iterations } => ab_testing::step(plan, status, iterations, cx),
    }
}

/// Counts a failed check, and does what the plan says about it.
fn fail(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    status.failed_checks = status.failed_checks.saturating_add(1);
    let failed = status.failed_checks;
    let steps_back = plan.on_failed_check == OnFailedCheck::StepBack && plan.strategy == Strategy::Canary;
    // A primary that can't serve takes no share back.
    if steps_back && failed < plan.threshold && 0 < split.canary_weight() && !cx.stranded {
        return canary::step_back(plan, status, split, cx);
    }
    cx.save(status)?;
    if plan.threshold <= failed {
        return rollback::run(plan, status, Cause::Threshold { failed }, cx);
    }
    Ok(Ending::CheckFailed { failed })
}

/// Before any traffic the pre-rollout hooks are asked; from then on there is something to measure.
fn passes(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<bool> {
    let first = status.phase == Phase::Progressing
        && split.canary_weight() == 0
        && status.iterations == 0
        && !(plan.mirror && split.mirrored);
    if !first {
        return checks::pass(plan, status, cx);
    }
    cx.say(Sentence::Starting)?;
    gates::pre_rollout(plan, status, cx)
}

/// Asks the gates, then begins the promotion.
fn promote(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Ending> {
    if let Some(hook) = gates::confirm_promotion(plan, status, cx)? {
        return Ok(Ending::AwaitingPromotion { hook });
    }
    promotion::begin(plan, status, cx)
}

/// Counts an iteration.
fn iterate(status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Ending> {
    status.iterations = status.iterations.saturating_add(1);
    let iteration = status.iterations;
    cx.save(status)?;
    cx.say(Sentence::AdvanceIteration(iteration))?;
    Ok(Ending::Iterated { iteration })
}
