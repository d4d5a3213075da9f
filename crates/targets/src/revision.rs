//! The name of a pod template's content.
//!
//! A revision is `v1.` and the first 16 hexadecimal digits of SHA-256 over the template in canonical JSON: keys sorted,
//! without whitespace, without `metadata.creationTimestamp`, and without whatever is null or empty, since clients differ in
//! whether they write `labels: {}` or nothing at all.
//!
//! The trigger annotation of a target, if there is one, adds `+` and the first 8 digits of its own digest. The label by which
//! replicas share the traffic does not count, since the operator puts it there.
//!
//! *Guarantees.* It can't be mistaken for a hash that Flagger (Go) left in a status: those have at most ten characters, all
//! from `bcdfghjklmnpqrstvwxz2456789`. So a status that was taken over is recognised by its form.
//!
//! *Caveats.* It is taken over what the API server returns, defaults included: a Kubernetes release that adds a defaulted
//! field to the pod template changes it. (Flagger's own hash changes with each release that is built against newer types.)

use std::collections::BTreeMap;
use std::fmt::Write;

use api::CanaryStatus;
use api::well_known::{BEHIND_APEX, TRIGGER};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The digest bytes that a revision shows: collisions among the templates of one workload are out of reach.
const SHOWN_BYTES: usize = 8;

/// The digest bytes of a trigger that a revision shows.
const TRIGGER_BYTES: usize = 4;

/// How a revision begins.
const PREFIX: &str = "v1.";

/// Whether a status that says this has it from Flagger (Go).
pub fn is_foreign(hash: &str) -> bool {
    !hash.is_empty() && !hash.starts_with(PREFIX)
}

/// The revision of a pod template.
pub fn of(template: &Value) -> String {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
        if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
            labels.remove(BEHIND_APEX);
        }
    }
    let digest = Sha256::digest(canonical(&template).unwrap_or_default());
    format!("{PREFIX}{}", hex(&digest[..SHOWN_BYTES]))
}

/// The revision of a target with this pod template, and with what its trigger annotation says, if it has one.
///
/// A trigger that is taken away is no news: the revision stays the one of `status` that has this template.
pub fn of_target(target: &Value, template: &Value, status: Option<&CanaryStatus>) -> String {
    let template = of(template);
    let trigger = target.pointer("/metadata/annotations").and_then(|annotations| annotations.get(TRIGGER)?.as_str());
    if let Some(trigger) = trigger {
        return format!("{template}+{}", hex(&Sha256::digest(trigger)[..TRIGGER_BYTES]));
    }
    let known = status.map(|status| [&status.last_applied_spec, &status.last_promoted_spec]);
    let same = |known: &&String| known.split_once('+').is_some_and(|(base, _)| base == template);
    known.into_iter().flatten().find(same).cloned().unwrap_or(template)
}

/// The bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether two values say the same, whatever clients and server write for nothing.
pub(crate) fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    one.and_then(canonical) == other.and_then(canonical)
}

/// Canonical JSON, `None` for what is null or empty.
fn canonical(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.to_string()),
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            // An empty item keeps its place: `["a", ""]` and `["a", {}]` are not `["a"]`.
            let items: Vec<_> = items.iter().map(|item| canonical(item).unwrap_or_else(|| "null".into())).collect();
            Some(format!("[{}]", items.join(",")))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().filter_map(|(name, field)| Some((name, canonical(field)?))).collect();
            let fields: Vec<_> =
                fields.into_iter().map(|(name, field)| format!("{}:{field}", Value::from(name.as_str()))).collect();
            (!fields.is_empty()).then(|| format!("{{{}}}", fields.join(",")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_revision_names_content_and_not_its_spelling() {
        let template = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"image": "cart:1"}]}});
        let spelled_out = json!({
            "spec": {"containers": [{"image": "cart:1", "env": []}], "volumes": null, "securityContext": {}},
            "metadata": {"labels": {"app": "cart"}, "creationTimestamp": "2026-11-21T14:30:09Z", "annotations": {}},
        });
        let next = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"image": "cart:2"}]}});

        assert_eq!(of(&template), of(&spelled_out));
        assert_ne!(of(&template), of(&next));
    }

    #[test]
    fn order_and_count_of_list_items_matter() {
        let with = |command: Value| of(&json!({"spec": {"containers": [{"command": command}]}}));
        assert_ne!(with(json!(["a", "b"])), with(json!(["b", "a"])));
        assert_ne!(with(json!(["a", {}])), with(json!(["a"])));
    }

    #[test]
    fn a_new_trigger_is_a_new_revision_and_one_that_is_taken_away_is_not() {
        let of_target = |trigger: Option<&str>, status: Option<&CanaryStatus>| {
            let target = json!({"metadata": {"annotations": {TRIGGER: trigger}}});
            of_target(&target, &json!({"metadata": {"name": "cart"}}), status)
        };
        let plain = of_target(None, None);
        let first = of_target(Some("1"), None);
        let second = of_target(Some("2"), None);
        assert_ne!(plain, first);
        assert_ne!(first, second);

        let status = CanaryStatus { last_applied_spec: second.clone(), ..CanaryStatus::default() };
        assert_eq!(of_target(None, Some(&status)), second);
        let other =
            CanaryStatus { last_applied_spec: "v1.0011223344556677+00112233".into(), ..CanaryStatus::default() };
        assert_eq!(of_target(None, Some(&other)), plain);
    }

    #[test]
    fn the_label_of_shared_traffic_is_no_part_of_a_revision() {
        let labelled = json!({"metadata": {"labels": {"app": "cart", BEHIND_APEX: "cart"}}});
        assert_eq!(of(&labelled), of(&json!({"metadata": {"labels": {"app": "cart"}}})));
    }

    /// A different text here starts an analysis of every canary of every user.
    #[test]
    fn revisions_stay_as_they_are_between_releases() {
        assert_eq!(of(&json!({"metadata": {"labels": {"app": "cart"}}})), "v1.8556818cf11e751b");
        assert_eq!(of(&Value::Null), "v1.e3b0c44298fc1c14");
    }
}
