//! The condition `Stuck`: a run has taken no step for so long that somebody should look.
//!
//! It is told once, as an event and an alert, and stays until the run takes a step. What the run waits for may be in order, an
//! approval that takes a day; that it waits is worth a word all the same.

use std::time::Duration;

use api::{CanaryStatus, Condition};

use crate::journal::{Cx, Flow};
use crate::pace;
use crate::phase::stamp;
use crate::report::Ending;
use crate::tick::Input;
use crate::words::{Alert, Sentence};

/// The condition's type.
const STUCK: &str = "Stuck";

/// The time without a step that is told, unless the pace of the canary is slower than half of that.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Tells of a run that stands still.
pub(crate) fn watch(input: &Input<'_>, ending: &Ending, cx: &mut Cx<'_>) -> Flow {
    let watched = input.paced && pace::is_running(cx.stored.phase) && *ending != Ending::Suspended;
    if !watched || find(&cx.stored).is_some() {
        return Ok(());
    }
    let step =
        cx.stored.last_transition_time.and_then(|step| Duration::try_from(cx.input.now.duration_since(step)).ok());
    let Some(still) = step.filter(|still| PATIENCE.max(input.plan.interval * 2) <= *still) else { return Ok(()) };
    let still = Duration::from_secs(still.as_secs());
    let told = Sentence::Stuck { still, why: why(ending) };
    let mut status = cx.stored.clone();
    status.conditions.push(Condition {
        type_: STUCK.to_owned(),
        status: "True".to_owned(),
        reason: status.phase.as_str().to_owned(),
        message: told.text(input.plan),
        last_update_time: Some(stamp(cx.input.now)),
        last_transition_time: Some(stamp(cx.input.now)),
    });
    cx.jot(&status)?;
    // What could not be noted is told the next time.
    if cx.unsaved {
        return Ok(());
    }
    cx.say(told)?;
    cx.alert(Alert::Stuck { still })
}

/// A step was taken.
pub(crate) fn clear(status: &mut CanaryStatus) {
    status.conditions.retain(|condition| condition.type_ != STUCK);
}

fn find(status: &CanaryStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == STUCK)
}

/// What the run waits for, as far as its last look can tell.
fn why(ending: &Ending) -> Option<String> {
    match ending {
        Ending::AwaitingApproval { hook } | Ending::AwaitingIncrease { hook } | Ending::AwaitingPromotion { hook } => {
            Some(format!("waiting for {hook}"))
        }
        Ending::NotReady { reason, .. } | Ending::Faulted { reason } => Some(reason.clone()),
        _ => None,
    }
}
