//! All traffic back on the primary, and the canary scaled down.

use api::{CanaryStatus, Phase};

use crate::effect::{Scale, Side};
use crate::journal::{Cx, Flow};
use crate::plan::Plan;
use crate::report::{Cause, Ending};
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{gates, phase, promotion, serving};

/// Rolls back.
///
/// The decision is stored first, as failed checks up to the threshold, whatever caused it: a tick that finds them goes on
/// rolling back. The revision last seen stays as it was, so that one pushed meanwhile is found to be new. As long as nothing
/// of the primary serves and something of the canary does, the rollback waits.
pub(crate) fn run(plan: &Plan, status: &mut CanaryStatus, cause: Cause, cx: &mut Cx<'_>) -> Flow<Ending> {
    if status.failed_checks < plan.threshold {
        status.failed_checks = plan.threshold;
        cx.save(status)?;
    }
    if !cx.stranded
        && let Some(reason) = serving::alone(cx)?
    {
        return serving::wait(Side::Primary, reason, cx);
    }
    announce(&cause, cx)?;
    if cx.stranded {
        return promotion::strand(plan, status, "the primary can't take the traffic back", cx);
    }
    cx.set_split(Split::PRIMARY)?;
    cx.scale(Scale::Zero)?;
    phase::enter(status, Phase::Failed, &plan.kind, cx.input.now);
    status.failed_checks = 0;
    gates::owe_post_rollout(plan, status, cx);
    cx.save(status)?;
    cx.say(Sentence::Failed)?;
    gates::post_rollout(plan, status, cx)?;
    Ok(Ending::RolledBack { cause })
}

fn announce(cause: &Cause, cx: &mut Cx<'_>) -> Flow {
    match cause {
        Cause::Threshold { failed } => {
            cx.say(Sentence::ThresholdReached(*failed))?;
            cx.alert(Alert::ThresholdReached(*failed))
        }
        Cause::FirstStep { failed } => {
            cx.say(Sentence::FirstStepFailed(*failed))?;
            cx.alert(Alert::FirstStepFailed(*failed))
        }
        Cause::Deadline { reason } => {
            cx.say(Sentence::DeadlineExceeded(reason.clone()))?;
            cx.alert(Alert::DeadlineExceeded(reason.clone()))
        }
        Cause::Broken { reason } => {
            cx.say(Sentence::StoppedServing(reason.clone()))?;
            cx.alert(Alert::StoppedServing(reason.clone()))
        }
        Cause::Hook { .. } => {
            cx.say(Sentence::ManualRollback)?;
            cx.alert(Alert::ManualRollback)
        }
    }
}
