//! One analysis pass.

use api::CanaryStatus;

use crate::effect::Measured;
use crate::gates;
use crate::journal::{Cx, Flow};
use crate::plan::{Plan, Source};
use crate::words::Sentence;

/// Rollout hooks first, then the metrics in the order of the plan; whether all passed. The first failure ends the pass.
///
/// No reading is a failure, whatever the bounds: silence proves nothing.
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
            Measured::Fault(fault) => Sentence::MeterFault(index, fault.clone()),
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
    Ok(true)
}
