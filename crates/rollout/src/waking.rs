//! When a canary is looked at again.

use std::time::Duration;

use api::{HookType, Phase};

use crate::journal::Cx;
use crate::report::{Ending, Wake};
use crate::tick::{Input, begins};
use crate::{finalizing, gates, pace, stalled};

/// A run keeps its pace, whatever else wakes it; what did not work is tried again; everything else waits for a change.
pub(crate) fn wake(input: &Input<'_>, ending: &Ending, cx: &Cx<'_>) -> Wake {
    let (interval, status) = (input.plan.interval, &cx.stored);
    match ending {
        // What was pushed in the meantime was a change before this look, and will not be another.
        _ if is_end(ending) && cx.seen.is_some_and(|target| begins(status, target)) => Wake::After(Duration::ZERO),
        // A step begins an interval, whenever it is taken.
        Ending::Started
        | Ending::Restarted
        | Ending::Advanced { .. }
        | Ending::Iterated { .. }
        | Ending::CheckFailed { .. }
        | Ending::SteppedBack { .. }
        | Ending::Promoting
        | Ending::Finalising => Wake::After(interval),
        Ending::Terminating => Wake::After(finalizing::SETTLING),
        Ending::Terminated => Wake::OnChange,
        _ if !input.paced && pace::is_running(input.status.phase) => Wake::Keep,
        Ending::Faulted { .. } if !pace::is_running(status.phase) => {
            Wake::After(stalled::backoff(status, interval, input.now))
        }
        Ending::Faulted { .. } | Ending::Suspended | Ending::Initializing { .. } | Ending::NotReady { .. } => {
            Wake::After(interval)
        }
        _ if pace::is_running(status.phase) => Wake::After(interval),
        _ if stalled::is_unmeasured(status) => Wake::After(stalled::backoff(status, interval, input.now)),
        _ => Wake::OnChange,
    }
}

/// Whether a canary was brought to rest.
fn is_end(ending: &Ending) -> bool {
    ending.is_final() || matches!(ending, Ending::Initialized)
}

/// What no watch tells of is looked at between two steps of a run: people's gates, and pods that don't get ready.
pub(crate) fn poll(input: &Input<'_>, ending: &Ending, cx: &Cx<'_>) -> Option<Duration> {
    let Input { plan, .. } = *input;
    let waited_for = match ending {
        Ending::NotReady { .. } => pace::is_running(cx.stored.phase),
        Ending::Suspended => false,
        _ => match cx.stored.phase {
            Phase::Waiting | Phase::WaitingPromotion => true,
            Phase::Progressing => {
                let held = matches!(ending, Ending::AwaitingIncrease { .. } | Ending::Pacing);
                gates::has(plan, HookType::Rollback) || held && gates::increase_is_held(plan, &cx.stored, cx)
            }
            Phase::New
            | Phase::Initializing
            | Phase::Initialized
            | Phase::Promoting
            | Phase::Finalising
            | Phase::Succeeded
            | Phase::Failed
            | Phase::Terminating
            | Phase::Terminated => false,
        },
    };
    waited_for.then(|| pace::POLL.min(plan.interval))
}
