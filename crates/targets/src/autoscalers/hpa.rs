//! Horizontal pod autoscalers.
//!
//! *Objects.* The user's `A` and `A-primary`, owned by the Canary; both as `autoscaling/v2`, whatever `autoscalerRef` says.
//! *Reads.* Both. *Writes.* `A-primary`; of `A` nothing: a Deployment at zero replicas puts its HPA to rest.
//!
//! *Quirks.* Flagger means to keep the primary's labels up to date and loses the update; here they follow the target's.

use ports::{Change, Halt, Key, Seen, kinds};
use serde_json::{Map, Value, json};

use super::{Autoscaler, Upkeep};
use crate::context::required;
use crate::{Context, Error, metadata, revision};

/// Copies `autoscaling/v2` `HorizontalPodAutoscalers`.
#[derive(Debug)]
pub(super) struct HorizontalPodAutoscaler;

/// Fields of `spec` that the primary has from the target's as they are.
const COPIED: [&str; 4] = ["behavior", "maxReplicas", "metrics", "minReplicas"];

impl Autoscaler for HorizontalPodAutoscaler {
    fn kind(&self) -> &'static str {
        kinds::HORIZONTAL_POD_AUTOSCALER.kind
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, upkeep: Upkeep) -> Result<Vec<Change>, Halt<Error>> {
        let Some(name) = name(cx) else { return Ok(Vec::new()) };
        let target = required(seen, &key(cx, name.to_owned()), kinds::HORIZONTAL_POD_AUTOSCALER.kind)?;
        let key = key(cx, format!("{name}-primary"));
        let Some(live) = seen.get(&key)? else {
            let primary = json!({
                "apiVersion": kinds::HORIZONTAL_POD_AUTOSCALER.api_version(),
                "kind": kinds::HORIZONTAL_POD_AUTOSCALER.kind,
                "metadata": {
                    "name": key.name,
                    "namespace": key.namespace,
                    "labels": labels(target),
                    "ownerReferences": [cx.owner_reference()],
                },
                "spec": spec(cx, target, Map::new()),
            });
            return Ok(vec![Change::Create(key, primary)]);
        };
        if upkeep == Upkeep::Create {
            return Ok(Vec::new());
        }
        let mut primary = Value::clone(live);
        let live_spec = live.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
        primary["spec"] = spec(cx, target, live_spec);
        primary["metadata"]["labels"] = labels(target);
        let unchanged = revision::same(Some(&primary), Some(live));
        Ok(if unchanged { Vec::new() } else { vec![Change::Replace(key, primary)] })
    }

    fn floor(&self, cx: &Context<'_>, seen: &Seen) -> Result<Option<i64>, Halt<Error>> {
        let Some(name) = name(cx) else { return Ok(None) };
        let target = seen.get(&key(cx, name.to_owned()))?;
        Ok(target.and_then(|target| target.pointer("/spec/minReplicas")).and_then(Value::as_i64))
    }

    fn pause(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }

    fn resume(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }
}

fn name<'a>(cx: &Context<'a>) -> Option<&'a str> {
    cx.canary.spec.autoscaler_ref.as_ref().map(|reference| reference.name.as_str())
}

fn key(cx: &Context<'_>, name: String) -> Key {
    Key::new(kinds::HORIZONTAL_POD_AUTOSCALER, cx.namespace(), name)
}

fn labels(target: &Value) -> Value {
    Value::Object(metadata::without_flux(target, "/metadata/labels"))
}

/// The primary's `spec`: the target's, pointed at the primary, within the bounds that the canary sets; the rest of `live` stays.
fn spec(cx: &Context<'_>, target: &Value, live: Map<String, Value>) -> Value {
    let mut spec = live;
    for field in COPIED {
        match target.get("spec").and_then(|spec| spec.get(field)) {
            Some(value) => spec.insert(field.to_owned(), value.clone()),
            None => spec.remove(field),
        };
    }
    spec.entry("minReplicas").or_insert(1.into());
    let bounds =
        cx.canary.spec.autoscaler_ref.as_ref().and_then(|reference| reference.primary_scaler_replicas.as_ref());
    for (field, bound) in bounds
        .into_iter()
        .flat_map(|bounds| [("minReplicas", bounds.min_replicas), ("maxReplicas", bounds.max_replicas)])
    {
        if let Some(bound) = bound {
            spec.insert(field.to_owned(), bound.into());
        }
    }
    let mut scaled = target.pointer("/spec/scaleTargetRef").cloned().unwrap_or_default();
    scaled["name"] = format!("{}-primary", cx.target_name()).into();
    spec.insert("scaleTargetRef".to_owned(), scaled);
    Value::Object(spec)
}
