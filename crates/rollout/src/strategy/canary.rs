//! Canary: traffic grows step by step.

use api::{CanaryStatus, Phase};

use crate::journal::{Cx, Flow};
use crate::plan::Plan;
use crate::report::{Cause, Ending};
use crate::traffic::Split;
use crate::words::Sentence;
use crate::{affinity, gates, rollback};

/// The next weight, or the promotion once the top is reached.
pub(super) fn step(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    let weight = split.canary_weight();
    if !plan.ladder.has_steps() {
        return Ok(Ending::Stepless);
    }
    let Some(next) = plan.ladder.next(weight) else { return super::promote(plan, status, cx) };
    if status.phase == Phase::Progressing
        && !split.mirrored
        && let Some(hook) = gates::confirm_increase(plan, status, false, cx)?
    {
        return Ok(Ending::AwaitingIncrease { hook });
    }
    let next = if plan.mirror && weight == 0 && !split.mirrored { Split::MIRROR } else { next };
    // Stored before the traffic moves: after a crash in between, the pace is that of a step that was taken.
    status.canary_weight = i32::from(next.canary_weight());
    if 0 < next.canary_weight() {
        affinity::begin(plan, status);
    }
    cx.save(status)?;
    cx.set_split(next)?;
    cx.say(Sentence::AdvanceWeight(next.canary_weight()))?;
    Ok(Ending::Advanced { split: next })
}

/// One weight down after a failed check that `status` counts already; below the lowest is the rollback.
pub(super) fn step_back(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    let failed = status.failed_checks;
    let back = plan.ladder.back(split.canary_weight());
    if back == Split::PRIMARY {
        return rollback::run(plan, status, Cause::FirstStep { failed }, cx);
    }
    status.canary_weight = i32::from(back.canary_weight());
    cx.save(status)?;
    cx.set_split(back)?;
    cx.say(Sentence::StepBack { weight: back.canary_weight(), failed })?;
    Ok(Ending::SteppedBack { split: back, failed })
}
