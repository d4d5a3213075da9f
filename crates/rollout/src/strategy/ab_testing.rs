//! A/B testing: requests that match go to the canary, for a number of checks.

use api::CanaryStatus;

use crate::journal::{Cx, Flow};
use crate::plan::Plan;
use crate::report::Ending;
use crate::traffic::Split;

/// The next iteration, or the promotion after the last.
pub(super) fn step(plan: &Plan, status: &mut CanaryStatus, iterations: i32, cx: &mut Cx<'_>) -> Flow<Ending> {
    if iterations <= status.iterations {
        return super::promote(plan, status, cx);
    }
    cx.set_split(Split::CANARY)?;
    super::iterate(status, cx)
}
