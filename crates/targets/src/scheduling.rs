//! Rules that spread the target's pods, told about the primary's.
//!
//! A rule that keeps pods of `cart` apart from each other must, in the primary, keep pods of `cart-primary` apart.
//! `podAffinity` and `nodeAffinity` stay: being near a cache is right for both.

use serde_json::Value;

/// Rewrites topology spread constraints and pod anti-affinity of a pod spec from the target's name to the primary's.
///
/// Quirk: selectors are matched by the target's *name*, not by its label's value, as users' manifests are written for that.
pub(crate) fn retarget(pod: &mut Value, target: &str, selector_labels: &[String]) {
    let anti_affinity = "/affinity/podAntiAffinity";
    let mut rewrite = |list: &str, selector: &str| {
        for rule in pod.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(selector) = rule.pointer_mut(selector) {
                retarget_selector(selector, target, selector_labels);
            }
        }
    };
    rewrite("/topologySpreadConstraints", "/labelSelector");
    rewrite(
        &format!("{anti_affinity}/preferredDuringSchedulingIgnoredDuringExecution"),
        "/podAffinityTerm/labelSelector",
    );
    rewrite(&format!("{anti_affinity}/requiredDuringSchedulingIgnoredDuringExecution"), "/labelSelector");
}

fn retarget_selector(selector: &mut Value, target: &str, selector_labels: &[String]) {
    let ours = |key: &str| selector_labels.iter().any(|label| label == key);
    let expressions = selector.get_mut("matchExpressions").and_then(Value::as_array_mut);
    for expression in expressions.into_iter().flatten() {
        if expression.get("key").and_then(Value::as_str).is_some_and(ours) {
            let values = expression.get_mut("values").and_then(Value::as_array_mut);
            if let Some(value) = values.into_iter().flatten().find(|value| *value == target) {
                *value = format!("{target}-primary").into();
            }
        }
    }
    for (key, value) in selector.get_mut("matchLabels").and_then(Value::as_object_mut).into_iter().flatten() {
        if ours(key) && value == target {
            *value = format!("{target}-primary").into();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spreading_rules_follow_the_primary_and_affinities_stay() {
        let selector = |name: &str| {
            json!({
                "matchExpressions": [{"key": "app", "operator": "In", "values": ["other", name]}],
                "matchLabels": {"app": name, "tier": "cart"},
            })
        };
        let pod = |name: &str| {
            json!({
                "topologySpreadConstraints": [{"topologyKey": "zone", "labelSelector": selector(name)}],
                "affinity": {
                    "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"labelSelector": selector("cart")}]},
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [
                            {"weight": 1, "podAffinityTerm": {"topologyKey": "host", "labelSelector": selector(name)}},
                        ],
                        "requiredDuringSchedulingIgnoredDuringExecution": [
                            {"topologyKey": "host", "labelSelector": selector(name)},
                        ],
                    },
                },
            })
        };

        let mut rewritten = pod("cart");
        retarget(&mut rewritten, "cart", &["app".to_owned()]);

        assert_eq!(rewritten, pod("cart-primary"));
    }
}
