//! Going on with a canary of Flagger's (Go), whose revisions have hashes that mean nothing here.
//!
//! What the primary carries was promoted, whatever its hash was. So a target that is the same is no news; one that is another
//! is what the run is about, is what failed, or is a release that nobody has begun yet: the phase says which.
//! Phase, weight, counters, configs and pace stay as they are.
//!
//! It comes after everything that a canary needs is there: one that can't be routed here is left to whoever had it.

use api::{CanaryStatus, Phase};

use crate::effect::{Foreign, Target};
use crate::journal::{Cx, Flow};

/// Puts our revisions in the place of foreign ones, and stores the status when that changes it.
pub(crate) fn run(status: &mut CanaryStatus, target: &Target, cx: &mut Cx<'_>) -> Flow {
    let Some(Foreign { applied, promoted, carried }) = target.foreign else { return Ok(()) };
    let was_seen = carried || was_analysed(status.phase);
    if applied && was_seen {
        status.last_applied_spec.clone_from(&target.revision);
    }
    if promoted && carried {
        status.last_promoted_spec.clone_from(&target.revision);
    }
    if cx.stored == *status { Ok(()) } else { cx.note(status) }
}

/// Whether a target that the primary does not carry is the revision that the status tells of.
///
/// Quirk: whether it is an even newer one, pushed while nobody looked, can't be told for these phases; the test
/// `what_flagger_left_is_gone_on_with_in_every_phase` pins what is believed.
fn was_analysed(phase: Phase) -> bool {
    match phase {
        Phase::Progressing | Phase::WaitingPromotion | Phase::Failed => true,
        // The primary has what was promoted, so the target has moved on since; in `Waiting`, nothing was noted yet.
        Phase::Initialized
        | Phase::Waiting
        | Phase::Promoting
        | Phase::Finalising
        | Phase::Succeeded
        | Phase::New
        | Phase::Initializing
        | Phase::Terminating
        | Phase::Terminated => false,
    }
}
