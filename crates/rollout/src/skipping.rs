//! A release without analysis.

use api::{CanaryStatus, Phase};

use crate::effect::{Effect, Scale, Target};
use crate::journal::{Cx, Flow};
use crate::plan::Plan;
use crate::report::Ending;
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{gates, phase, tick};

/// Promotes a ready canary in one go. The primary's rolling update keeps old copies up until new ones are.
pub(crate) fn run(plan: &Plan, status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow<Ending> {
    cx.set_split(Split::PRIMARY)?;
    cx.say(Sentence::Copying)?;
    if !cx.promote(&status.last_applied_spec)? {
        return tick::restart(plan, status, target, cx);
    }
    if plan.autoscaled {
        cx.act(Effect::EnsureScaler { update: true })?;
    }
    cx.scale(Scale::Zero)?;
    phase::enter(status, Phase::Succeeded, &plan.kind, cx.now);
    gates::owe_post_rollout(plan, status, cx);
    cx.save(status)?;
    gates::post_rollout(plan, status, cx)?;
    cx.say(Sentence::PromotedUnanalysed)?;
    cx.alert(Alert::PromotedUnanalysed)?;
    Ok(Ending::Promoted { skipped: true })
}
