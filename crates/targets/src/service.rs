//! Kubernetes' own Services, which lead to something that has no pods of its own, such as an external name.
//!
//! *Objects.* The user's Service `T`, which is what users call, too, and its copies `T-canary` and `T-primary`, owned by the
//! Canary.
//! *Reads.* All three.
//! *Writes.* `T-canary`, which follows `T` at every look; `T-primary`, which follows it by promotion. Never `T`.
//!
//! *Quirks.*
//! * What the cluster allots to a Service (its addresses and node ports) is its own: it is neither copied nor part of the
//!   revision. Flagger copies it, and API servers refuse such copies.
//! * Copies have labels and annotations of the target, but neither its finalizers nor what belongs to kubectl or Flux.
//! * A promotion keeps the primary's owner and its annotations: those that say how a load balancer is made must not be lost.
//! * There is nothing to scale, and both sides are always ready.

mod copy;

use api::well_known::{FLAGGER_ID, LAST_APPLIED};
use jiff::Timestamp;
use ports::{Change, Halt, Key, Object, Seen, kinds};
use serde_json::{Map, Value, json};

use crate::context::required;
use crate::{Context, Error, Facts, Label, Readiness, Side, Target};
use crate::{foreign, metadata, revision};

/// Releases core `v1` Services.
#[derive(Debug)]
pub(crate) struct Service;

/// How error sentences call the kind.
const TITLE: &str = "service";

impl Target for Service {
    fn kind(&self) -> &'static str {
        kinds::SERVICE.kind
    }

    fn follows(&self, target: &api::TargetRef) -> bool {
        target.kind == self.kind() && !target.is_knative()
    }

    fn facts(&self, cx: &Context<'_>, seen: &Seen) -> Result<Facts, Halt<Error>> {
        let target = target(cx, seen)?;
        Ok(Facts {
            label: Label::default(),
            ports: Vec::new(),
            revision: revision_of(target),
            replicas: 1,
            tracked_configs: None,
            foreign: foreign::of(cx, || is_carried(cx, seen, target))?,
        })
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, flagger_id: &str) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let canary = Key::new(kinds::SERVICE, cx.namespace(), format!("{}-canary", cx.target_name()));
        let mut changes = match seen.get(&canary)? {
            None => vec![Change::Create(canary.clone(), created(cx, target, &canary))],
            Some(live) => replaced(canary, live, followed(cx, target, live)),
        };
        let primary = cx.primary(kinds::SERVICE);
        if seen.get(&primary)?.is_none() {
            let mut service = created(cx, target, &primary);
            service["metadata"]["annotations"][FLAGGER_ID] = flagger_id.into();
            changes.push(Change::Create(primary, service));
        }
        Ok(changes)
    }

    fn ready(&self, _: &Context<'_>, _: &Seen, _: Side, _: Timestamp) -> Result<Readiness, Halt<Error>> {
        Ok(Readiness::Ready)
    }

    fn promote(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        expected_revision: &str,
        flagger_id: &str,
    ) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let key = cx.primary(kinds::SERVICE);
        let live = required(seen, &key, TITLE)?;
        let current = revision_of(target);
        if current != expected_revision {
            let promoted = metadata::get(live, "/metadata/annotations", FLAGGER_ID) == Some(flagger_id);
            return if promoted { Ok(Vec::new()) } else { Err(cx.moved(TITLE, expected_revision, current).into()) };
        }
        let prefixes = &cx.settings.include_label_prefixes;
        let mut primary = Value::clone(live);
        primary["spec"] = copy::spec(cx, target, Some(live));
        primary["metadata"]["labels"] = metadata::included(target, "/metadata/labels", prefixes).into();
        let mut annotations = metadata::kept(live, "/metadata/annotations", |_| true);
        annotations.extend(metadata::included(target, "/metadata/annotations", prefixes));
        annotations.insert(FLAGGER_ID.to_owned(), flagger_id.into());
        primary["metadata"]["annotations"] = annotations.into();
        Ok(replaced(key, live, primary))
    }

    /// The target was never changed; the look tells whether it is still there.
    fn restore(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        target(cx, seen).map(|_| Vec::new())
    }
}

fn target<'s>(cx: &Context<'_>, seen: &'s Seen) -> Result<&'s Object, Halt<Error>> {
    required(seen, &cx.target(kinds::SERVICE), TITLE)
}

fn revision_of(service: &Value) -> String {
    revision::of(&copy::own_spec(service))
}

fn is_carried(cx: &Context<'_>, seen: &Seen, target: &Value) -> Result<bool, Halt<Error>> {
    let Some(live) = seen.get(&cx.primary(kinds::SERVICE))? else { return Ok(true) };
    Ok(revision::same(Some(&copy::spec(cx, target, Some(live))), live.get("spec")))
}

/// A copy of the target as it is created.
fn created(cx: &Context<'_>, target: &Value, key: &Key) -> Value {
    json!({
        "apiVersion": kinds::SERVICE.api_version(),
        "kind": kinds::SERVICE.kind,
        "metadata": {
            "name": key.name,
            "namespace": key.namespace,
            "labels": metadata::without_flux(target, "/metadata/labels"),
            "annotations": annotations(target),
            "ownerReferences": [cx.owner_reference()],
        },
        "spec": copy::spec(cx, target, None),
    })
}

/// The canary's copy as it follows the target. What others wrote into its metadata stays.
fn followed(cx: &Context<'_>, target: &Value, live: &Value) -> Value {
    let mut canary = live.clone();
    canary["spec"] = copy::spec(cx, target, Some(live));
    let wanted = [("labels", metadata::without_flux(target, "/metadata/labels")), ("annotations", annotations(target))];
    for (field, entries) in wanted {
        let mut merged = metadata::kept(live, &format!("/metadata/{field}"), |_| true);
        merged.extend(entries);
        canary["metadata"][field] = merged.into();
    }
    canary
}

fn annotations(target: &Value) -> Map<String, Value> {
    let mut annotations = metadata::without_flux(target, "/metadata/annotations");
    annotations.remove(LAST_APPLIED);
    annotations
}

fn replaced(key: Key, live: &Value, wanted: Value) -> Vec<Change> {
    if revision::same(Some(&wanted), Some(live)) { Vec::new() } else { vec![Change::Replace(key, wanted)] }
}
