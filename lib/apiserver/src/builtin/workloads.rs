//! Rules that tie a workload's selector to its template, and an autoscaler's bounds to each other.

use serde_json::{Value, json};

use crate::schema::{Cause, CauseReason};
use crate::select::Selector;

pub(super) fn faults(workload: &Value) -> Vec<Cause> {
    let spec = &workload["spec"];
    let (selector, labels) = (&spec["selector"], &spec["template"]["metadata"]["labels"]);
    let parsed = Selector::of_object(selector);
    let mut causes = Vec::new();
    if parsed.is_empty() {
        let detail = "empty selector is invalid for deployment";
        causes.push(Cause::of_value(CauseReason::Invalid, "spec.selector", selector, detail));
    } else if spec.get("template").is_some() && !parsed.matches_labels(labels) {
        let field = "spec.template.metadata.labels";
        let detail = "`selector` does not match template `labels`";
        causes.push(Cause::of_value(CauseReason::Invalid, field, labels, detail));
    }
    let lists = ["containers", "initContainers"];
    for list in lists {
        let containers = spec["template"]["spec"][list].as_array();
        for (index, container) in containers.into_iter().flatten().enumerate() {
            if container["image"].as_str().unwrap_or_default().is_empty() {
                let field = format!("spec.template.spec.{list}[{index}].image");
                causes.push(Cause::of_field(CauseReason::Required, field, ""));
            }
        }
    }
    if let Some(replicas) = spec["replicas"].as_i64().filter(|replicas| *replicas < 0) {
        let detail = "must be greater than or equal to 0";
        causes.push(Cause::of_value(CauseReason::Invalid, "spec.replicas", &json!(replicas), detail));
    }
    causes
}

pub(super) fn autoscaler_faults(autoscaler: &Value) -> Vec<Cause> {
    let spec = &autoscaler["spec"];
    let (Some(min), Some(max)) = (spec["minReplicas"].as_i64(), spec["maxReplicas"].as_i64()) else {
        return Vec::new();
    };
    let mut causes = Vec::new();
    if max < 1 {
        let detail = "must be greater than 0";
        causes.push(Cause::of_value(CauseReason::Invalid, "spec.maxReplicas", &json!(max), detail));
    }
    if max < min {
        let detail = "must be greater than or equal to `minReplicas`";
        causes.push(Cause::of_value(CauseReason::Invalid, "spec.maxReplicas", &json!(max), detail));
    }
    causes
}
