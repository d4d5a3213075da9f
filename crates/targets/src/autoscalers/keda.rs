//! KEDA's `ScaledObject`s.
//!
//! *Objects.* The user's `A` and `A-primary`, owned by the Canary. *Reads.* Both.
//! *Writes.* `A-primary`; of `A` one annotation, which pauses it while the target is scaled to zero.
//!
//! *Quirks.*
//! * Flagger knows the fields of KEDA that it was built with, and drops the others from the user's object whenever it pauses
//!   it. Here `A` is patched, and `A-primary` has all fields of `A`, known or not.
//! * Flagger copies the pause too when it creates `A-primary` anew, so that the primary stops. Here it is no part of the copy.
//! * At promotion Flagger empties the labels and annotations of `A-primary`. Here labels follow `A`, annotations stay.

use api::well_known::{LAST_APPLIED, PAUSED_REPLICAS};
use ports::{Change, Halt, Key, Object, Seen, kinds};
use serde_json::{Map, Value, json};

use super::{Autoscaler, Upkeep};
use crate::context::required;
use crate::{Context, Error, metadata, revision};

/// Copies `keda.sh/v1alpha1` `ScaledObject`s.
#[derive(Debug)]
pub(super) struct ScaledObject;

/// The label by which KEDA knows its own; each object has its own name there.
const NAME_LABEL: &str = "scaledobject.keda.sh/name";

impl Autoscaler for ScaledObject {
    fn kind(&self) -> &'static str {
        kinds::SCALED_OBJECT.kind
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, upkeep: Upkeep) -> Result<Vec<Change>, Halt<Error>> {
        let (target, name) = target(cx, seen)?;
        let key = key(cx, format!("{name}-primary"));
        let labels =
            metadata::without_flux(target, "/metadata/labels").into_iter().filter(|(key, _)| key != NAME_LABEL);
        let Some(live) = seen.get(&key)? else {
            let annotations = metadata::without_flux(target, "/metadata/annotations");
            let annotations =
                annotations.into_iter().filter(|(key, _)| ![LAST_APPLIED, PAUSED_REPLICAS].contains(&key.as_str()));
            let primary = json!({
                "apiVersion": kinds::SCALED_OBJECT.api_version(),
                "kind": kinds::SCALED_OBJECT.kind,
                "metadata": {
                    "name": key.name,
                    "namespace": key.namespace,
                    "labels": Value::Object(labels.collect()),
                    "annotations": Value::Object(annotations.collect()),
                    "ownerReferences": [cx.owner_reference()],
                },
                "spec": spec(cx, target),
            });
            return Ok(vec![Change::Create(key, primary)]);
        };
        if upkeep == Upkeep::Create {
            return Ok(Vec::new());
        }
        let mut primary = Value::clone(live);
        let known_as = metadata::kept(live, "/metadata/labels", |key| key == NAME_LABEL);
        primary["spec"] = spec(cx, target);
        primary["metadata"]["labels"] = Value::Object(labels.chain(known_as).collect());
        let unchanged = revision::same(Some(&primary), Some(live));
        Ok(if unchanged { Vec::new() } else { vec![Change::Replace(key, primary)] })
    }

    fn floor(&self, cx: &Context<'_>, seen: &Seen) -> Result<Option<i64>, Halt<Error>> {
        let target = seen.get(&key(cx, name(cx).to_owned()))?;
        Ok(target.and_then(|target| target.pointer("/spec/minReplicaCount")).and_then(Value::as_i64))
    }

    fn pause(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        paused_at(cx, seen, Some("0"))
    }

    fn resume(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        paused_at(cx, seen, None)
    }
}

fn name<'a>(cx: &Context<'a>) -> &'a str {
    cx.canary.spec.autoscaler_ref.as_ref().map_or("", |reference| reference.name.as_str())
}

fn key(cx: &Context<'_>, name: String) -> Key {
    Key::new(kinds::SCALED_OBJECT, cx.namespace(), name)
}

fn target<'a, 's>(cx: &Context<'a>, seen: &'s Seen) -> Result<(&'s Object, &'a str), Halt<Error>> {
    let name = name(cx);
    Ok((required(seen, &key(cx, name.to_owned()), kinds::SCALED_OBJECT.kind)?, name))
}

/// Has the target's replicas held at a number, or left to KEDA.
fn paused_at(cx: &Context<'_>, seen: &Seen, replicas: Option<&str>) -> Result<Vec<Change>, Halt<Error>> {
    let (target, name) = target(cx, seen)?;
    let annotations = target.pointer("/metadata/annotations");
    let held = annotations.and_then(|annotations| annotations.get(PAUSED_REPLICAS)).and_then(Value::as_str);
    if held == replicas {
        return Ok(Vec::new());
    }
    let patch = json!({"metadata": {"annotations": {PAUSED_REPLICAS: replicas}}});
    Ok(vec![Change::Merge(key(cx, name.to_owned()), patch)])
}

/// The primary's `spec`: the target's, pointed at the primary, within the bounds and with the queries that the canary sets.
fn spec(cx: &Context<'_>, target: &Value) -> Value {
    let mut spec = target.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(scaled) = spec.entry("scaleTargetRef").or_insert_with(|| Map::new().into()).as_object_mut() {
        scaled.insert("name".to_owned(), format!("{}-primary", cx.target_name()).into());
    }
    let reference = cx.canary.spec.autoscaler_ref.as_ref();
    let bounds = reference.and_then(|reference| reference.primary_scaler_replicas.as_ref());
    for (field, bound) in bounds
        .into_iter()
        .flat_map(|bounds| [("minReplicaCount", bounds.min_replicas), ("maxReplicaCount", bounds.max_replicas)])
    {
        if let Some(bound) = bound {
            spec.insert(field.to_owned(), bound.into());
        }
    }
    let mut spec = Value::Object(spec);
    if let Some(hpa) = spec.pointer_mut("/advanced/horizontalPodAutoscalerConfig/name")
        && let Some(name) = hpa.as_str().filter(|name| !name.is_empty())
    {
        *hpa = format!("{name}-primary").into();
    }
    for trigger in spec.get_mut("triggers").and_then(Value::as_array_mut).into_iter().flatten() {
        ask_about_primary(cx, trigger);
    }
    spec
}

/// Has the trigger measure the primary: by the canary's query for it, or by its own with the names changed.
fn ask_about_primary(cx: &Context<'_>, trigger: &mut Value) {
    let queries = cx.canary.spec.autoscaler_ref.as_ref().map(|reference| &reference.primary_scaler_queries);
    let query = if let Some(queries) = queries.filter(|queries| !queries.is_empty()) {
        trigger.get("name").and_then(Value::as_str).and_then(|name| queries.get(name)).cloned()
    } else {
        let query = trigger.pointer("/metadata/query").and_then(Value::as_str);
        query.map(|query| about_primary(query, cx.target_name()))
    };
    if let Some(query) = query
        && let Some(metadata) = trigger.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("query".to_owned(), query.into());
    }
}

/// The query with each `target` and `target-canary` made `target-primary`.
fn about_primary(query: &str, target: &str) -> String {
    let mut pieces = query.split(target);
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.strip_prefix("-canary").or_else(|| piece.strip_prefix("-primary")).unwrap_or(piece);
        text.push_str(target);
        text.push_str("-primary");
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_made_to_ask_about_the_primary() {
        for (query, expected) in [
            (r#"sum(rate(hits{app="cart"}[1m]))"#, r#"sum(rate(hits{app="cart-primary"}[1m]))"#),
            (r#"a{app="cart-canary"} + b{app="cart"}"#, r#"a{app="cart-primary"} + b{app="cart-primary"}"#),
            (r#"a{app="cart-primary"}"#, r#"a{app="cart-primary"}"#),
            ("up", "up"),
        ] {
            assert_eq!(about_primary(query, "cart"), expected);
        }
    }
}
