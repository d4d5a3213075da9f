//! Pods: their first status and what may change in one that exists.

use serde_json::{Map, Value, json};

use crate::meta;
use crate::schema::{Cause, CauseReason};

/// A new pod begins; the conditions of one that is there have all their fields.
pub(super) fn prepare(pod: &mut Value, old: Option<&Value>) {
    if old.is_none() {
        admit(meta::as_map(&mut pod["spec"]));
        let class = quality_of_service(&pod["spec"]);
        meta::root(pod).insert("status".to_owned(), json!({"phase": "Pending", "qosClass": class}));
    }
    let conditions = pod["status"].get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        meta::as_map(condition).entry("lastProbeTime").or_insert(Value::Null);
    }
}

/// What admission gives to a pod without a priority class: no priority, and patience with a machine in trouble.
fn admit(spec: &mut Map<String, Value>) {
    const PATIENCE_SECS: u32 = 300;
    spec.entry("priority").or_insert(json!(0));
    spec.entry("preemptionPolicy").or_insert(json!("PreemptLowerPriority"));
    let tolerations = meta::as_array(spec.entry("tolerations").or_insert_with(|| json!([])));
    for trouble in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerates = |one: &Value| {
            let effect = one["effect"].as_str().unwrap_or_default();
            let key = one["key"].as_str().unwrap_or_default();
            matches!(effect, "" | "NoExecute") && (key == trouble || (key.is_empty() && one["operator"] == "Exists"))
        };
        if !tolerations.iter().any(tolerates) {
            tolerations.push(json!({
                "key": trouble, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": PATIENCE_SECS,
            }));
        }
    }
}

/// `Guaranteed` if every container has limits for CPU and memory and requests as much, `BestEffort` if none asks for
/// anything, `Burstable` otherwise.
fn quality_of_service(spec: &Value) -> &'static str {
    let lists = ["containers", "initContainers"].into_iter().filter_map(|list| spec[list].as_array());
    let resources: Vec<&Value> = lists.flatten().map(|container| &container["resources"]).collect();
    let asks = |resources: &Value, part: &str, name: &str| resources[part].get(name).is_some();
    let compute = ["cpu", "memory"];
    let nothing = |one: &&Value| compute.iter().all(|name| !asks(one, "limits", name) && !asks(one, "requests", name));
    let full = |one: &&Value| {
        compute.iter().all(|name| asks(one, "limits", name) && one["limits"][*name] == one["requests"][*name])
    };
    if resources.iter().all(nothing) {
        "BestEffort"
    } else if resources.iter().all(full) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

pub(super) fn faults(pod: &Value, old: Option<&Value>) -> Vec<Cause> {
    let Some(old) = old else { return images(pod) };
    if frozen_part(&pod["spec"]) == frozen_part(&old["spec"]) {
        return images(pod);
    }
    let detail = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    vec![Cause::of_field(CauseReason::Forbidden, "spec", detail)]
}

fn images(pod: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for list in ["containers", "initContainers"] {
        for (index, container) in pod["spec"][list].as_array().into_iter().flatten().enumerate() {
            if container["image"].as_str().unwrap_or_default().is_empty() {
                causes.push(Cause::of_field(CauseReason::Required, format!("spec.{list}[{index}].image"), ""));
            }
        }
    }
    causes
}

/// The spec without what may change. The binding sets `nodeName` on its own way.
fn frozen_part(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            meta::as_map(container).remove("image");
        }
    }
    let fields = meta::as_map(&mut spec);
    for free in ["activeDeadlineSeconds", "ephemeralContainers", "schedulingGates", "tolerations"] {
        fields.remove(free);
    }
    fields.remove("terminationGracePeriodSeconds");
    spec
}
