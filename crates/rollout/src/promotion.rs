//! From a passed analysis to a primary that carries the new revision and all traffic.

use api::{CanaryStatus, Phase};

use crate::effect::{Effect, Readiness, Scale, Side};
use crate::journal::{Cx, Flow};
use crate::plan::{Plan, Traffic};
use crate::report::Ending;
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{affinity, gates, phase};

/// Decides for the revision and copies it.
///
/// The decision is stored first: a tick that finds `Promoting` copies what the decision was about, however often it takes.
pub(crate) fn begin(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Ending> {
    phase::enter(status, Phase::Promoting, &plan.kind, cx.input.now);
    cx.save(status)?;
    cx.say(Sentence::Copying)?;
    // A target that moved on in this very moment is found out by the next tick, which starts over with the newer revision.
    cx.promote(&status.last_applied_spec.clone())?;
    Ok(Ending::Promoting)
}

/// The primary is ready with the new revision: traffic goes back to it.
pub(crate) fn advance(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    if plan.autoscaled {
        cx.act(Effect::EnsureScaler { update: true })?;
    }
    let weight = split.canary_weight();
    let gradual = plan.traffic == Traffic::Weighted && 0 < plan.step_weight_promotion && 0 < weight;
    if !gradual {
        if plan.traffic == Traffic::Weighted {
            cx.say(Sentence::AllToPrimary)?;
            cx.set_split(Split::PRIMARY)?;
        }
        return finalise(plan, status, cx);
    }
    // A canary that stopped serving gets no more traffic, ready or not for the next step.
    let next = match cx.ready(Side::Canary)? {
        Readiness::Ready if !cx.input.paced => return Ok(Ending::Pacing),
        Readiness::Ready => Split::canary(weight.saturating_sub(plan.step_weight_promotion)),
        Readiness::NotReady { .. } => Split::PRIMARY,
    };
    if next != Split::PRIMARY {
        // Stored before the traffic moves, as every step is.
        status.canary_weight = i32::from(next.canary_weight());
        cx.save(status)?;
    }
    cx.set_split(next)?;
    cx.say(Sentence::AdvancePrimary(next.primary_weight()))?;
    if next == Split::PRIMARY {
        return finalise(plan, status, cx);
    }
    Ok(Ending::Advanced { split: next })
}

/// One interval after the traffic left, the canary goes: proxies have had time to hear of it.
pub(crate) fn finish(plan: &Plan, status: &mut CanaryStatus, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    if !cx.input.paced {
        return Ok(Ending::Pacing);
    }
    if plan.traffic == Traffic::Weighted && 0 < split.canary_weight() {
        cx.set_split(Split::PRIMARY)?;
    }
    cx.scale(Scale::Zero)?;
    phase::enter(status, Phase::Succeeded, &plan.kind, cx.input.now);
    gates::owe_post_rollout(plan, status, cx);
    cx.save(status)?;
    gates::post_rollout(plan, status, cx)?;
    cx.say(Sentence::Promoted)?;
    cx.alert(Alert::Promoted)?;
    Ok(Ending::Promoted { skipped: false })
}

/// The primary does not get up with the new revision: the canary, which runs it already, takes over and stays.
pub(crate) fn fail(plan: &Plan, status: &mut CanaryStatus, reason: &str, cx: &mut Cx<'_>) -> Flow<Ending> {
    // Somebody may have stopped it.
    cx.scale(Scale::Up)?;
    if let Readiness::NotReady { reason: canary, .. } = cx.ready(Side::Canary)? {
        cx.say(Sentence::Trouble(reason.to_owned()))?;
        return Ok(Ending::NotReady { side: Side::Canary, reason: canary.clone() });
    }
    cx.set_split(Split::CANARY)?;
    strand(plan, status, reason, cx)
}

/// The run is over with all traffic on the canary, since the primary can't take it.
pub(crate) fn strand(plan: &Plan, status: &mut CanaryStatus, reason: &str, cx: &mut Cx<'_>) -> Flow<Ending> {
    phase::enter(status, Phase::Failed, &plan.kind, cx.input.now);
    status.canary_weight = 100;
    affinity::begin(plan, status);
    status.failed_checks = 0;
    gates::owe_post_rollout(plan, status, cx);
    cx.save(status)?;
    cx.say(Sentence::PromotionFailed(reason.to_owned()))?;
    cx.alert(Alert::PromotionFailed(reason.to_owned()))?;
    gates::post_rollout(plan, status, cx)?;
    Ok(Ending::PromotionFailed { reason: reason.to_owned() })
}

fn finalise(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Ending> {
    phase::enter(status, Phase::Finalising, &plan.kind, cx.input.now);
    cx.save(status)?;
    Ok(Ending::Finalising)
}
