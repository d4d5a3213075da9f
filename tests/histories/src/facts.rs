//! What objects say, as far as a history cares.

use serde_json::{Value, json};

use crate::stage::{APP, PRIMARY};

/// The label by which the apex Service finds the pods of both sides.
pub(crate) const BEHIND_APEX: &str = "flagger.app/apex";

/// The first container's image.
pub(crate) fn image(deployment: &Value) -> &str {
    deployment.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap_or_default()
}

/// How many pods are asked for.
pub(crate) fn replicas(deployment: &Value) -> i64 {
    deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

/// How many pods serve.
pub(crate) fn available(deployment: &Value) -> i64 {
    let status = deployment.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or_default();
    status.min(replicas(deployment))
}

/// The canary's phase, `New` before it has one.
pub(crate) fn phase(canary: &Value) -> &str {
    canary.pointer("/status/phase").and_then(Value::as_str).filter(|phase| !phase.is_empty()).unwrap_or("New")
}

/// Whether a run is on its way.
pub(crate) fn is_running(phase: &str) -> bool {
    matches!(phase, "Waiting" | "Progressing" | "WaitingPromotion" | "Promoting" | "Finalising")
}

/// Primary's and canary's weight in each rule.
pub(crate) fn splits(route: &Value) -> Vec<(i64, i64)> {
    let rules = route.pointer("/spec/rules").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let split = |rule: &Value| {
        let backends = rule["backendRefs"].as_array().map_or(&[][..], Vec::as_slice);
        let weight = |name: &str| {
            let of = backends.iter().filter(|backend| backend["name"] == name);
            of.map(|backend| backend["weight"].as_i64().unwrap_or(1)).sum()
        };
        (weight(PRIMARY), weight(&format!("{APP}-canary")))
    };
    rules.iter().map(split).collect()
}

/// The canary's share where it has most.
pub(crate) fn canary_weight(route: &Value) -> i64 {
    splits(route).into_iter().map(|(_, canary)| canary).max().unwrap_or_default()
}

/// Whose pods the apex Service selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Selected {
    Primary,
    Both,
    Canary,
}

/// Whose pods this apex Service selects; nothing for a selector that people made up.
pub(crate) fn selected(apex: &Value) -> Option<Selected> {
    let selector = &apex["spec"]["selector"];
    let sides = [
        (Selected::Primary, json!({"app": PRIMARY})),
        (Selected::Both, json!({BEHIND_APEX: APP})),
        (Selected::Canary, json!({"app": APP})),
    ];
    sides.into_iter().find(|(_, known)| known == selector).map(|(side, _)| side)
}

/// How a revision fares, as its image tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quality {
    /// It starts and serves well.
    Good,
    /// It starts, and fails its checks.
    Bad,
    /// It never starts.
    Broken,
}

/// The quality of an image such as `cart:3-bad`.
pub(crate) fn quality(image: &str) -> Quality {
    match image.rsplit('-').next() {
        Some("bad") => Quality::Bad,
        Some("broken") => Quality::Broken,
        _ => Quality::Good,
    }
}
