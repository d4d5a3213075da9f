//! What the readiness of any workload is made of.

use jiff::SignedDuration;
use ports::{Halt, Key, Object, Seen};
use serde_json::Value;

use crate::context::required;
use crate::workload::Workload;
use crate::{Context, Error, Readiness, Side};

/// How long a workload may stay short of pods before waiting is pointless, unless the canary says otherwise.
const PROGRESS_DEADLINE_SECS: i64 = 600;

/// The workload of one side, or what to say while it is missing, which is worth waiting for.
pub(crate) fn side_of<'s>(
    cx: &Context<'_>,
    seen: &'s Seen,
    side: Side,
    workload: &Workload,
) -> Result<Result<(Key, &'s Object), Readiness>, Halt<Error>> {
    let key = match side {
        Side::Primary => cx.primary(workload.kind),
        Side::Canary => cx.target(workload.kind),
    };
    match required(seen, &key, workload.title) {
        Ok(object) => Ok(Ok((key, object))),
        Err(Halt::Failed(missing @ Error::Missing { .. })) => {
            Ok(Err(Readiness::NotReady { reason: missing.to_string(), retriable: true, serving: false }))
        }
        Err(halt) => Err(halt),
    }
}

/// The number at `pointer`, absent ones being zero as in Kubernetes' status.
pub(crate) fn count(workload: &Value, pointer: &str) -> i64 {
    workload.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The percentage of updated pods that must be available.
pub(crate) fn threshold_percent(cx: &Context<'_>, side: Side) -> i64 {
    let analysis = &cx.canary.spec.analysis;
    let threshold = match side {
        Side::Primary => analysis.primary_ready_threshold,
        Side::Canary => analysis.canary_ready_threshold,
    };
    threshold.unwrap_or(100).into()
}

/// How long the canary lets a workload stay short of pods.
pub(crate) fn deadline(cx: &Context<'_>) -> SignedDuration {
    let secs = cx.canary.spec.progress_deadline_seconds.map_or(PROGRESS_DEADLINE_SECS, i64::from);
    SignedDuration::from_secs(secs)
}
