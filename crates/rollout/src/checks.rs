//! The checks of a release: what they are read from, and one analysis pass.

use api::CanaryStatus;

use crate::effect::Measured;
use crate::journal::{Cx, Flow, Meters};
use crate::plan::{Plan, Source};
use crate::words::Sentence;
use crate::{gates, pace, stalled};

/// Tells whether what the checks are read from is there and answers, when that is `due`, and while something is missing.
///
/// It holds nothing up: an analysis that can't be read fails by itself. What is missing is told once and kept in the status,
/// and a canary at rest looks for it until it is there.
pub(crate) fn prepare(plan: &Plan, status: &mut CanaryStatus, due: bool, cx: &mut Cx<'_>) -> Flow {
    let missed = stalled::is_unmeasured(status) && !pace::is_running(status.phase);
    if !due && !missed {
        return Ok(());
    }
    if plan.skip_analysis || plan.checks.is_empty() {
        cx.metered = true;
        return Ok(());
    }
    match cx.meters()? {
        Meters::Available => {
            cx.metered = true;
            cx.say(Sentence::MetersAvailable)
        }
        Meters::Missing(what) => {
            if !stalled::unmeasured(status, what, cx.input.now) {
                return Ok(());
            }
            cx.jot(status)?;
            cx.say(Sentence::MetersUnavailable(what.to_owned()))
        }
        // Nothing is missing: who does not answer now may answer when there is something to analyse.
        Meters::Silent(reason) => {
            cx.metered = true;
            if due { cx.say(Sentence::MetersUnavailable(reason.to_owned())) } else { Ok(()) }
        }
    }
}

/// Rollout hooks first, then the metrics in the order of the plan; whether all passed. The first failure ends the pass.
///
/// No reading is a failure, whatever the bounds: silence proves nothing. What is missing for one is also kept in the status,
/// which whatever counts the failure stores.
pub(crate) fn pass(plan: &Plan, status: &mut CanaryStatus, cx: &mut Cx<'_>) -> Flow<bool> {
    if !gates::rollout(plan, status, cx)? {
        return Ok(false);
    }
    for (index, check) in plan.checks.iter().enumerate() {
        if check.source == Source::Unusable {
            cx.say(Sentence::Unusable)?;
            return Ok(false);
        }
        let complaint = match cx.measure(index)? {
            Measured::NoData(error) => Sentence::NoValues(index, error.clone()),
            Measured::Fault(fault) => {
                if let (Source::Template { name, namespace }, true) = (&check.source, fault.is_missing()) {
                    stalled::unmeasured(status, &fault.of_template(name, namespace), cx.input.now);
                }
                Sentence::MeterFault(index, fault.clone())
            }
            Measured::Value(value) if value.is_nan() => Sentence::NoValues(index, "no values found".into()),
            Measured::Value(value) => {
                let value = if check.source == Source::Duration { value.trunc() } else { *value };
                match check.bounds.broken_by(value) {
                    Some(_) => Sentence::OutOfBounds(index, value),
                    None => continue,
                }
            }
        };
        cx.say(complaint)?;
        return Ok(false);
    }
    cx.metered = true;
    Ok(true)
}
