//! One look at a canary, top to bottom in the order that users observe.

use api::{CanaryStatus, Phase};
use jiff::Timestamp;

use crate::claim::Claim;
use crate::effect::{Effect, Entry, Readiness, Scale, Side, Target};
use crate::finalizing::Standing;
use crate::journal::{Cx, Flow, Halt, configs_differ};
use crate::plan::Plan;
use crate::report::{Cause, Ending, Over};
use crate::traffic::Split;
use crate::words::{Alert, Sentence};
use crate::{
    checks, claim, finalizing, gates, pace, phase, promotion, records, rollback, serving, skipping, stalled, strategy,
    stuck, taking_over, waking,
};

/// All that a tick knows before it asks.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What the spec means.
    pub plan: &'a Plan,
    /// The status as it is stored.
    pub status: &'a CanaryStatus,
    /// How it stands to its target.
    pub claim: &'a Claim,
    /// What the API says about the object.
    pub standing: Standing,
    /// The time of this tick.
    pub now: Timestamp,
    /// Whether the analysis interval is over. Without it a tick reacts to what changed, but takes no step of the analysis.
    pub paced: bool,
    /// Whether, between two steps, gates and rollback hooks are asked again, see [`pace::POLL`].
    pub polled: bool,
}

/// What comes next in a tick.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Perform this, append the outcome to the journal, and call [`tick`] again.
    Next(Effect),
    /// The tick is over.
    Over(Box<Over>),
}

/// The next step of the tick that `journal` is the beginning of.
///
/// *Expected flow*: called with an empty journal first, then with one more entry each time, and the same input throughout.
/// *Guarantees*: equal arguments give equal answers; every effect may be repeated, so a journal may be thrown away at any
/// point and a new tick begun from the stored status.
pub fn tick(input: &Input<'_>, journal: &[Entry]) -> Step {
    let mut cx = Cx::new(journal, input);
    let mut status = input.status.clone();
    let ending = match advance(input, &mut status, &mut cx) {
        Ok(ending) | Err(Halt::Over(ending)) => settle(input, &mut cx).map(|()| ending),
        Err(Halt::Fault(reason)) => stall(input, reason, &mut cx),
        Err(Halt::Next(effect)) => return Step::Next(effect),
    };
    let ending = match ending {
        Ok(ending) | Err(Halt::Over(ending)) => ending,
        Err(Halt::Next(effect)) => return Step::Next(effect),
        Err(Halt::Fault(reason)) => Ending::Faulted { reason },
    };
    if let Err(Halt::Next(effect)) = stuck::watch(input, &ending, &mut cx) {
        return Step::Next(effect);
    }
    let (wake, poll) = (waking::wake(input, &ending, &cx), waking::poll(input, &ending, &cx));
    Step::Over(Box::new(Over { status: cx.stored, ending, wake, poll }))
}

/// Nothing is wrong any more, and nothing is half done: the status says so.
fn settle(input: &Input<'_>, cx: &mut Cx<'_>) -> Flow {
    let mut status = cx.stored.clone();
    let called = records::end_step(&mut status);
    // An early look at a run does not come to where the trouble was.
    let recovered = is_told(input) && stalled::clear(&mut status, cx.metered);
    if called || recovered { cx.jot(&status) } else { Ok(()) }
}

/// Something failed: the user is told once, the status keeps it, and the next look tries again.
fn stall(input: &Input<'_>, reason: String, cx: &mut Cx<'_>) -> Flow<Ending> {
    // Between two steps a run may meet things half way; what stays wrong is told when the step is due.
    if !is_told(input) {
        return Ok(Ending::Faulted { reason });
    }
    let mut status = cx.stored.clone();
    if stalled::fault(&mut status, &reason, cx.input.now) {
        // A status that could not be stored just now is not tried again at once.
        if !cx.unsaved {
            cx.jot(&status)?;
        }
        cx.say(Sentence::Fault(reason.clone()))?;
    }
    Ok(Ending::Faulted { reason })
}

/// Whether what a look meets is for the user to know: what a run meets between two steps may pass by itself.
fn is_told(input: &Input<'_>) -> bool {
    input.paced || !pace::is_running(input.status.phase)
}

/// One pass over a canary.
fn advance(input: &Input<'_>, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<Ending> {
    let Input { plan, paced, polled, .. } = *input;
    if input.standing.leaving {
        return finalizing::run(input, status, cx);
    }
    finalizing::keep(input, cx)?;
    if plan.suspend {
        if paced {
            cx.say(Sentence::Suspended)?;
        }
        return Ok(Ending::Suspended);
    }
    // A crash between the end of a release and its hooks.
    gates::post_rollout(plan, status, cx)?;
    // One that was being deleted and is not any more came back from a backup: it begins anew.
    if matches!(status.phase, Phase::New | Phase::Terminating | Phase::Terminated) {
        phase::enter(status, Phase::Initializing, &plan.kind, cx.input.now);
        phase::forget(status);
        cx.save(status)?;
    }
    claim::settle(input, status, cx)?;
    let initializing = status.phase == Phase::Initializing;
    let target = cx.target()?;
    if initializing && status.last_applied_spec.is_empty() {
        // What the primary is made of, whatever is pushed until it serves.
        phase::apply(status, target);
        cx.note(status)?;
    }
    prepare(plan, status, target, cx)?;
    taking_over::run(status, target, cx)?;
    if initializing {
        return initialize(plan, status, target, cx);
    }
    if !begins(status, target) {
        return Ok(Ending::Unchanged);
    }
    if status.phase == Phase::Waiting && is_promoted(status, target) {
        return withdraw(plan, status, target, cx);
    }
    if status.phase == Phase::Promoting && !cx.promote(&status.last_applied_spec)? {
        return restart(plan, status, target, cx);
    }
    let split = cx.split()?;
    // Without analysis the primary may be past help, which the run brings; a promotion that is under way depends on it.
    if !plan.skip_analysis || matches!(status.phase, Phase::Promoting | Phase::Finalising) {
        serving::primary(plan, status, target, split, cx)?;
    }
    match status.phase {
        Phase::Initialized | Phase::Succeeded | Phase::Failed | Phase::Waiting => {
            return start(input, status, target, split, cx);
        }
        Phase::Promoting => return promotion::advance(plan, status, split, cx),
        Phase::Finalising => return promotion::finish(plan, status, split, cx),
        Phase::Progressing | Phase::WaitingPromotion => {}
        Phase::New | Phase::Initializing | Phase::Terminating | Phase::Terminated => return Ok(Ending::Unchanged),
    }
    if differs(status, target) {
        return restart(plan, status, target, cx);
    }
    if plan.threshold <= status.failed_checks {
        return rollback::run(plan, status, Cause::Threshold { failed: status.failed_checks }, cx);
    }
    serving::canary(plan, status, target, split, cx)?;
    if plan.skip_analysis {
        return skipping::run(plan, status, target, cx);
    }
    if !paced && !polled {
        return Ok(Ending::Pacing);
    }
    if let Some(hook) = gates::rollback_asked(plan, status, !paced, cx)? {
        return rollback::run(plan, status, Cause::Hook { hook }, cx);
    }
    if !paced && let Some(ending) = gates::still_held(plan, status, split, cx)? {
        return Ok(ending);
    }
    strategy::analyse(plan, status, split, cx)
}

/// Services, primary, autoscaler and routes as the spec wants them, in every phase.
fn prepare(plan: &Plan, status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow {
    let paced = cx.input.paced;
    let initializing = status.phase == Phase::Initializing;
    cx.act(Effect::EnsureServices)?;
    checks::prepare(plan, status, initializing && paced, cx)?;
    let made = cx.ensure_primary()?;
    if initializing {
        if made && target.foreign.is_none() && differs(status, target) {
            // It was made late, and of a newer revision: that is the first one, and what is pushed from now on is not.
            phase::apply(status, target);
            cx.note(status)?;
        }
        // The target is the only healthy copy until the primary can serve, with or without analysis.
        if let Readiness::NotReady { reason, retriable, serving, .. } = cx.ready(Side::Primary)? {
            if paced {
                cx.say(Sentence::Trouble(reason.clone()))?;
            }
            if !retriable && !serving {
                // A copy of a first revision that never starts gets the fix that was pushed since; there is nothing to lose.
                if differs(status, target) {
                    phase::apply(status, target);
                    cx.note(status)?;
                }
                cx.promote(&status.last_applied_spec)?;
            }
            return Err(Halt::Over(Ending::Initializing { reason: reason.clone() }));
        }
    }
    if plan.autoscaled {
        cx.act(Effect::EnsureScaler { update: false })?;
    }
    cx.act(Effect::EnsureApex)?;
    cx.act(Effect::EnsureRoutes)
}

/// The primary serves: the target can go, and the canary waits for its first revision.
///
/// A primary that carries neither the first revision nor, for all that is known, what the target has now leaves none as the
/// one that was promoted: whatever the target has is analysed.
fn initialize(plan: &Plan, status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow<Ending> {
    // A crash between making a primary late and noting of what.
    let unnamed = differs(status, target) && !cx.promote(&status.last_applied_spec)?;
    // Routes that were there before may send traffic to the target.
    cx.set_split(Split::PRIMARY)?;
    if let Err(error) = cx.trial(Effect::ScaleTarget(Scale::Zero))? {
        return Err(Halt::Fault(Sentence::ScaleDownFailed(error).text(plan)));
    }
    if unnamed {
        phase::forget(status);
    }
    phase::enter(status, Phase::Initialized, &plan.kind, cx.input.now);
    status.failed_checks = 0;
    cx.save(status)?;
    cx.say(Sentence::Initialized)?;
    cx.alert(Alert::Initialized)?;
    Ok(Ending::Initialized)
}

/// Whether there is a run to begin or to go on with.
///
/// Quirk: a failed canary notes no newer revision here, unlike the reference, where a tick that then fails loses that
/// revision for good; the test `a_revision_pushed_after_a_failure_is_never_lost` pins it.
pub(crate) fn begins(status: &CanaryStatus, target: &Target) -> bool {
    match status.phase {
        Phase::Initialized | Phase::Succeeded | Phase::Failed => {
            differs(status, target) && !is_promoted(status, target)
        }
        phase => pace::is_running(phase),
    }
}

/// Whether the target is what was promoted last.
fn is_promoted(status: &CanaryStatus, target: &Target) -> bool {
    target.revision == status.last_promoted_spec
        && !configs_differ(status.tracked_configs.as_ref(), target.configs.as_ref())
}

/// Whether the target is another revision than the one last seen.
///
/// Quirk: in the middle of a run, going back to what was promoted last starts the run over, where the reference goes on and
/// judges the old revision as if it were the new one.
pub(crate) fn differs(status: &CanaryStatus, target: &Target) -> bool {
    target.revision != status.last_applied_spec
        || configs_differ(status.tracked_configs.as_ref(), target.configs.as_ref())
}

/// A new revision: gates, then the canary is scaled up.
fn start(input: &Input<'_>, status: &mut CanaryStatus, target: &Target, split: Split, cx: &mut Cx<'_>) -> Flow<Ending> {
    let Input { plan, paced, polled, .. } = *input;
    if status.phase == Phase::Waiting && !paced && !polled {
        return Ok(Ending::Pacing);
    }
    if let Some(hook) = gates::confirm_rollout(plan, status, cx)? {
        return Ok(Ending::AwaitingApproval { hook });
    }
    phase::begin(status, target, &plan.kind, cx.input.now);
    status.canary_weight = i32::from(split.canary_weight());
    cx.save(status)?;
    cx.say(Sentence::ScalingUp)?;
    cx.alert(Alert::Started)?;
    cx.scale(Scale::Up)?;
    Ok(Ending::Started)
}

/// The revision that waited for its approval is gone again, and with it what there was to approve.
fn withdraw(plan: &Plan, status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow<Ending> {
    phase::apply(status, target);
    phase::enter(status, Phase::Initialized, &plan.kind, cx.input.now);
    cx.save(status)?;
    cx.say(Sentence::Withdrawn)?;
    Ok(Ending::Withdrawn)
}

/// A newer revision in the middle of a run: all traffic to the primary, unless nothing of it serves, and from the beginning.
pub(crate) fn restart(plan: &Plan, status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow<Ending> {
    let split = if cx.stranded || serving::alone(cx)?.is_some() {
        cx.split()?
    } else {
        cx.set_split(Split::PRIMARY)?;
        Split::PRIMARY
    };
    phase::begin(status, target, &plan.kind, cx.input.now);
    status.canary_weight = i32::from(split.canary_weight());
    cx.save(status)?;
    cx.say(Sentence::Restarting)?;
    Ok(Ending::Restarted)
}
