//! Giving everything back before a canary goes, for those that ask for it with `revertOnDeletion`.
//!
//! A finalizer keeps the object until that is done. Nothing is waited for in place: the phase is stored first, a target that
//! does not serve yet is looked at again when it changes, and a crash at any line goes on with the next tick.
//!
//! Quirk: a target that never serves keeps its canary, as in the reference, because letting go would send all traffic to
//! nothing; the test `a_target_that_does_not_serve_keeps_its_canary_and_the_traffic_on_the_primary` pins it. Who wants it gone
//! all the same takes the finalizer off, as an event and the condition `Stalled` say, or switches `revertOnDeletion` off.

use std::time::Duration;

use api::{CanaryStatus, Phase};

use crate::claim::Claim;
use crate::effect::{Effect, Readiness, Side};
use crate::journal::{Cx, Flow, Halt};
use crate::report::Ending;
use crate::tick::Input;
use crate::words::Sentence;
use crate::{pace, phase, stalled};

/// How long proxies get to hear that the target has the traffic, before the primary goes with its canary.
pub(crate) const SETTLING: Duration = Duration::from_secs(5);

/// What the API says about the canary object itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Our finalizer is on it: it can't go before it is let go.
    pub held: bool,
    /// It is being deleted.
    pub leaving: bool,
}

/// Has the finalizer on the object exactly while the spec asks for it.
pub(crate) fn keep(input: &Input<'_>, cx: &mut Cx<'_>) -> Flow {
    match (input.plan.revert_on_deletion, input.standing.held) {
        (true, false) => cx.act(Effect::Hold),
        (false, true) => cx.act(Effect::LetGo),
        (true, true) | (false, false) => Ok(()),
    }
}

/// Goes on with the end of a canary that is being deleted, suspended or not.
pub(crate) fn run(input: &Input<'_>, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Ending> {
    if !input.standing.held {
        return Ok(Ending::Terminated);
    }
    // Where an older canary has the same target, there is nothing of this one's to give back.
    if !input.plan.revert_on_deletion || matches!(input.claim, Claim::Yields { .. }) {
        cx.act(Effect::LetGo)?;
        return Ok(Ending::Terminated);
    }
    if status.phase != Phase::Terminating {
        phase::enter(status, Phase::Terminating, &input.plan.kind, cx.input.now);
        cx.save(status)?;
        cx.say(Sentence::Terminating)?;
    }
    if status.canary_weight < 100 {
        give_back(input, cx)?;
        // From here on the target has all traffic, and all that is left is time.
        status.canary_weight = 100;
        cx.save(status)?;
    }
    if cx.input.now < status.last_transition_time.map_or(cx.input.now, |given_back| pace::later(given_back, SETTLING)) {
        return Ok(Ending::Terminating);
    }
    cx.act(Effect::LetGo)?;
    cx.say(Sentence::Terminated)?;
    Ok(Ending::Terminated)
}

/// First the target serves, then it gets the traffic. The primary serves until then, and goes with its canary.
fn give_back(input: &Input<'_>, cx: &mut Cx<'_>) -> Flow {
    // Without a target nothing can serve but the primary, and whoever deletes the canary of a deleted target means it.
    if cx.restore()?
        && let Readiness::NotReady { reason, .. } = cx.ready(Side::Canary)?
    {
        return Err(wait(input, reason, cx));
    }
    cx.act(Effect::GiveBackTraffic)
}

/// A target gets an interval to get up; then the user is told once what is waited for, and how to do without.
fn wait(input: &Input<'_>, reason: &str, cx: &Cx<'_>) -> Halt {
    if input.paced || stalled::is_faulted(&cx.stored) {
        return Halt::Fault(Sentence::Unreverted(reason.to_owned()).text(input.plan));
    }
    Halt::Over(Ending::NotReady { side: Side::Canary, reason: reason.to_owned() })
}
