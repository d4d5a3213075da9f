//! The name of a pod template's content.
//!
//! A revision is `v1.` and the first 16 hexadecimal digits of SHA-256 over the template in canonical JSON: keys sorted,
//! without whitespace, without `metadata.creationTimestamp`, and without whatever is null or empty, since clients differ in
//! whether they write `labels: {}` or nothing at all.
//!
//! *Guarantees.* It can't be mistaken for a hash that Flagger (Go) left in a status: those have at most ten characters, all
//! from `bcdfghjklmnpqrstvwxz2456789`. So a status that was taken over is recognised by its form.
//!
//! *Caveats.* It is taken over what the API server returns, defaults included: a Kubernetes release that adds a defaulted
//! field to the pod template changes it. (Flagger's own hash changes with each release that is built against newer types.)

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The digest bytes that a revision shows: collisions among the templates of one workload are out of reach.
const SHOWN_BYTES: usize = 8;

/// The revision of a pod template.
pub fn of(template: &Value) -> String {
    let mut template = template.clone();
    if let Some(metadata) = template.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("creationTimestamp");
    }
    let digest = Sha256::digest(canonical(&template).unwrap_or_default());
    format!("v1.{}", hex(&digest[..SHOWN_BYTES]))
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

    /// A different text here starts an analysis of every canary of every user.
    #[test]
    fn revisions_stay_as_they_are_between_releases() {
        assert_eq!(of(&json!({"metadata": {"labels": {"app": "cart"}}})), "v1.8556818cf11e751b");
        assert_eq!(of(&Value::Null), "v1.e3b0c44298fc1c14");
    }
}
