//! A release without analysis.

use api::{CanaryStatus, Phase};

use crate::effect::{Effect, Readiness, Scale, Side, Target};
use crate::journal::{Cx, Flow};
use crate::plan::Plan;
use crate::report::Ending;
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{gates, phase, tick};

/// Promotes a ready canary in one go. The primary's rolling update keeps old copies up until new ones are.
pub(crate) fn run(plan: &Plan, status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow<Ending> {
    cx.say(Sentence::Copying)?;
    if !cx.promote(&status.last_applied_spec)? {
        return tick::restart(plan, status, target, cx);
    }
    if plan.autoscaled {
        cx.act(Effect::EnsureScaler { update: true })?;
    }
    // The primary may have had nothing that served before: then the canary is the only copy that does.
    if let Readiness::NotReady { reason, serving: false, .. } = cx.ready(Side::Primary)? {
        return Ok(Ending::NotReady { side: Side::Primary, reason: reason.clone() });
    }
    cx.set_split(Split::PRIMARY)?;
    cx.scale(Scale::Zero)?;
    phase::enter(status, Phase::Succeeded, &plan.kind, cx.input.now);
    gates::owe_post_rollout(plan, status, cx);
    cx.save(status)?;
    gates::post_rollout(plan, status, cx)?;
    cx.say(Sentence::PromotedUnanalysed)?;
    cx.alert(Alert::PromotedUnanalysed)?;
    Ok(Ending::Promoted { skipped: true })
}
