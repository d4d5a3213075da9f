//! Whether the gateways have taken over a route as it is now.

use ports::Key;
use serde_json::Value;

use super::route::ParentRef;
use crate::Error;

/// Fails for the first parent that has not accepted the route's current generation. One that says nothing is accepted, and one
/// that accepts the route without saying which generation: not every gateway reports.
pub(super) fn check(key: &Key, route: &Value, parents: &[ParentRef]) -> Result<(), Error> {
    let number = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_i64);
    let current = number(route, "/metadata/generation").unwrap_or(0);
    let reports = route.pointer("/status/parents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for report in reports {
        let Some(parent) = parents.iter().find(|parent| is_about(report, parent)) else { continue };
        let Some(accepted) = accepted(report) else { continue };
        let status = accepted.get("status").and_then(Value::as_str).unwrap_or_default();
        let observed = number(accepted, "/observedGeneration").unwrap_or(current);
        if status != "True" || observed < current {
            return Err(Error::ParentNotReady {
                route: format!("{}.{}", key.name, key.namespace),
                parent: parent.name.clone(),
                status: status.to_owned(),
                observed,
                current,
            });
        }
    }
    Ok(())
}

fn is_about(report: &Value, parent: &ParentRef) -> bool {
    let reference = report.get("parentRef").cloned().unwrap_or_default();
    serde_json::from_value::<ParentRef>(reference).is_ok_and(|reference| reference == *parent)
}

fn accepted(report: &Value) -> Option<&Value> {
    let conditions = report.get("conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition.get("type").is_some_and(|kind| kind == "Accepted"))
}
