//! The two sides at work: a run goes on only while they serve, and what becomes of it when one of them does not.

use api::{CanaryStatus, Phase};

use crate::effect::{Readiness, Scale, Side, Target};
use crate::journal::{Cx, Flow, Halt};
use crate::plan::{Plan, Traffic};
use crate::report::{Cause, Ending};
use crate::tick::differs;
use crate::traffic::Split;
use crate::words::Sentence;
use crate::{phase, promotion, rollback};

/// Leaves the tick while the primary can't serve, unless the canary has all traffic already: then a run may go on, with
/// nothing to fall back to. That is how a fix gets in after a promotion that failed.
pub(crate) fn primary(plan: &Plan, status: &mut CanaryStatus, target: &Target, split: Split, cx: &mut Cx<'_>) -> Flow {
    let Readiness::NotReady { reason, retriable, serving, .. } = cx.ready(Side::Primary)? else { return Ok(()) };
    let ending = match (status.phase, Loss::of(plan, split, *retriable, *serving)) {
        (Phase::Promoting | Phase::Finalising, _) if !retriable => promotion::fail(plan, status, reason, cx)?,
        (Phase::Failed | Phase::Progressing | Phase::WaitingPromotion, Loss::Spared) => {
            cx.stranded = true;
            return Ok(());
        }
        (Phase::Progressing | Phase::WaitingPromotion, Loss::Leftovers) => {
            cx.say(Sentence::Trouble(reason.clone()))?;
            rollback::run(plan, status, Cause::Deadline { reason: reason.clone() }, cx)?
        }
        (_, Loss::Total) if differs(status, target) => renew(plan, status, target, reason, cx)?,
        // Nothing of the primary serves: no traffic may go to it, and no canary may take over unjudged.
        _ => wait(Side::Primary, reason, cx)?,
    };
    Err(Halt::Over(ending))
}

/// What is lost with a primary that is not ready.
enum Loss {
    /// Nothing: the canary has all the traffic.
    Spared,
    /// The revision that it was made of last; pods of an older one still serve.
    Leftovers,
    /// All of it, for good, and nobody else has the traffic.
    Total,
    /// Nothing yet: it may still get ready, or traffic depends on it.
    Open,
}

impl Loss {
    fn of(plan: &Plan, split: Split, retriable: bool, serving: bool) -> Self {
        let weighted = plan.traffic == Traffic::Weighted;
        let idle = plan.traffic == Traffic::Unrouted || split.canary_weight() == 0;
        match (retriable, serving) {
            (true, true) => Self::Open,
            _ if weighted && split.canary_weight() == 100 => Self::Spared,
            (false, true) => Self::Leftovers,
            (false, false) if idle => Self::Total,
            (_, false) => Self::Open,
        }
    }
}

/// A primary that is gone for good, made anew from a revision that does not start, say: there is nothing to lose.
fn renew(plan: &Plan, status: &mut CanaryStatus, target: &Target, reason: &str, cx: &mut Cx<'_>) -> Flow<Ending> {
    phase::enter(status, Phase::Initializing, &plan.kind, cx.input.now);
    phase::apply(status, target);
    cx.save(status)?;
    cx.promote(&status.last_applied_spec)?;
    Ok(Ending::Initializing { reason: reason.to_owned() })
}

/// Leaves the tick while the canary can't serve.
///
/// One that has not served yet gets until its deadline, since an image may be on its way and a dependency starting. One that
/// breaks with traffic on it is rolled back at once.
pub(crate) fn canary(plan: &Plan, status: &mut CanaryStatus, target: &Target, split: Split, cx: &mut Cx<'_>) -> Flow {
    if target.parked {
        // A crash between the decision to start and the scaling, or somebody's hand: a run needs its canary.
        cx.scale(Scale::Up)?;
    }
    let Readiness::NotReady { reason, retriable, serving, broken } = cx.ready(Side::Canary)? else { return Ok(()) };
    let loaded = plan.traffic == Traffic::Weighted && 0 < split.canary_weight();
    let cause = match (retriable, loaded && *broken && !serving) {
        (false, _) => Cause::Deadline { reason: reason.clone() },
        (true, true) => Cause::Broken { reason: reason.clone() },
        (true, false) => return Err(Halt::Over(wait(Side::Canary, reason, cx)?)),
    };
    cx.say(Sentence::Trouble(reason.clone()))?;
    Err(Halt::Over(rollback::run(plan, status, cause, cx)?))
}

/// What the primary lacks where the canary is the only side that serves: no traffic may leave it then, nor may it be stopped.
///
/// It is asked before either, since without analysis a run begins and ends with no regard to the primary.
pub(crate) fn alone<'a>(cx: &mut Cx<'a>) -> Flow<Option<&'a str>> {
    let Readiness::NotReady { reason, serving: false, .. } = cx.ready(Side::Primary)? else { return Ok(None) };
    Ok(cx.ready(Side::Canary)?.serves().then_some(reason))
}

/// The end of a tick that a side is not ready for; told when a step is due.
pub(crate) fn wait(side: Side, reason: &str, cx: &mut Cx<'_>) -> Flow<Ending> {
    if cx.input.paced {
        cx.say(Sentence::Trouble(reason.to_owned()))?;
    }
    Ok(Ending::NotReady { side, reason: reason.to_owned() })
}
