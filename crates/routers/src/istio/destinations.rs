//! The `DestinationRule` of each side: how clients in the mesh connect to its Service.

use ports::{Change, Halt, Key, Seen, kinds};
use serde_json::{Value, json};

use super::sides;
use crate::{Context, Error};

/// Both rules as the canary wants them; the rest of a live one stays.
pub(super) fn reconcile(cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
    let mut changes = Vec::new();
    for host in sides(cx) {
        changes.extend(rule(cx, seen, &host)?);
    }
    Ok(changes)
}

fn rule(cx: &Context<'_>, seen: &Seen, host: &str) -> Result<Option<Change>, Halt<Error>> {
    let key = Key::new(kinds::DESTINATION_RULE, cx.namespace(), host);
    let live = seen.get(&key)?;
    let mut spec = live.and_then(|live| live.get("spec")).and_then(Value::as_object).cloned().unwrap_or_default();
    spec.insert("host".to_owned(), host.into());
    match &cx.canary.spec.service.traffic_policy {
        Some(policy) => spec.insert("trafficPolicy".to_owned(), json!(policy)),
        None => spec.remove("trafficPolicy"),
    };
    let spec = Value::Object(spec);
    Ok(match live {
        Some(live) if live.get("spec") == Some(&spec) => None,
        Some(live) => {
            let mut rule = Value::clone(live);
            rule["spec"] = spec;
            Some(Change::Replace(key, rule))
        }
        None => {
            let rule = json!({
                "apiVersion": key.kind.api_version(),
                "kind": key.kind.kind,
                "metadata": {
                    "name": key.name,
                    "namespace": key.namespace,
                    "ownerReferences": [cx.owner_reference()],
                },
                "spec": spec,
            });
            Some(Change::Create(key, rule))
        }
    })
}
