//! Blue/Green: the canary is checked a number of times, gets all traffic for one more check, and is promoted.

use api::CanaryStatus;

use crate::journal::{Cx, Flow};
use crate::plan::{Plan, Traffic};
use crate::report::Ending;
use crate::traffic::Split;
use crate::words::Sentence;

/// The next iteration, the switch, or the promotion.
///
/// Quirk: the promotion gate is asked once, before the switch, where the reference asks it again after it; a gate that
/// approves one promotion approves one call.
pub(super) fn step(
    plan: &Plan,
    status: &mut CanaryStatus,
    split: Split,
    iterations: i32,
    cx: &mut Cx<'_>,
) -> Flow<Ending> {
    if status.iterations < iterations {
        if plan.mirror && plan.traffic == Traffic::Weighted && !split.mirrored {
            cx.set_split(Split::MIRROR)?;
        }
        return super::iterate(status, cx);
    }
    if iterations < status.iterations {
        return crate::promotion::begin(plan, status, cx);
    }
    if let Some(hook) = crate::gates::confirm_promotion(plan, status, cx)? {
        return Ok(Ending::AwaitingPromotion { hook });
    }
    let switched = match plan.traffic {
        Traffic::Weighted => {
            cx.say(if plan.mirror { Sentence::MirrorToCanary } else { Sentence::AllToCanary })?;
            cx.set_split(Split::CANARY)?;
            crate::affinity::begin(plan, status);
            Split::CANARY
        }
        Traffic::Unrouted => split,
    };
    status.iterations = iterations.saturating_add(1);
    cx.save(status)?;
    Ok(Ending::Advanced { split: switched })
}
