//! Canary: traffic grows step by step.

use api::{CanaryStatus, Phase};

use crate::gates;
use crate::journal::{Cx, Flow};
use crate::plan::Plan;
use crate::report::Ending;
use crate::traffic::Split;
use crate::words::Sentence;

/// The next weight, or the promotion once the top is reached.
pub(super) fn step(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    let weight = split.canary_weight();
    if !plan.ladder.has_steps() {
        return Ok(Ending::Stepless);
    }
    let Some(next) = plan.ladder.next(weight) else { return super::promote(plan, status, cx) };
    if status.phase == Phase::Progressing
        && !split.mirrored
        && let Some(hook) = gates::confirm_increase(plan, cx)?
    {
        return Ok(Ending::AwaitingIncrease { hook });
    }
    let next = if plan.mirror && weight == 0 && !split.mirrored { Split::MIRROR } else { next };
    // Stored before the traffic moves: after a crash in between, the pace is that of a step that was taken.
    status.canary_weight = i32::from(next.canary_weight());
    cx.save(status)?;
    cx.set_split(next)?;
    cx.say(Sentence::AdvanceWeight(next.canary_weight()))?;
    Ok(Ending::Advanced { split: next })
}
