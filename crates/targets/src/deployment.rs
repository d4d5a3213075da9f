//! Deployments.
//!
//! *Objects.* The user's Deployment `T` (the target) and `T-primary`, owned by the Canary.
//! *Reads.* Both; for the replicas of a starting run also the target's autoscaler.
//! *Writes.* `T-primary` whole, at creation and promotion; of `T` only `spec.replicas`.
//!
//! *Quirks.*
//! * At creation all annotations of `T` are copied, at promotion only those with an included prefix remain, as in Flagger.
//!   But `kubectl.kubernetes.io/last-applied-configuration` and what the deployment controller keeps for itself never are: a
//!   later `kubectl apply` of the primary would compute its patch against the target's manifest, and a copied revision number
//!   would confuse `kubectl rollout history`.
//! * A primary that exists is taken as it is, whoever made it.
//! * Promotion never copies zero replicas: the primary may be the only copy that serves.

mod readiness;

use api::well_known::{FLAGGER_ID, LAST_APPLIED};
use jiff::Timestamp;
use ports::{Change, Halt, Object, Seen, kinds};
use serde_json::{Map, Value, json};

use crate::context::required;
use crate::{Context, Error, Facts, Label, Readiness, Side, Target};
use crate::{autoscalers, discovery, metadata, revision, scheduling};

/// Releases `apps/v1` Deployments.
#[derive(Debug)]
pub(crate) struct Deployment;

/// How error sentences call the kind.
const TITLE: &str = "deployment";

/// Fields of `spec` that the primary has from the target as they are.
const COPIED: [&str; 4] = ["minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy"];

/// Annotations that belong to the deployment controller.
const CONTROLLER_ANNOTATIONS: &str = "deployment.kubernetes.io/";

impl Target for Deployment {
    fn kind(&self) -> &'static str {
        kinds::DEPLOYMENT.kind
    }

    fn facts(&self, cx: &Context<'_>, seen: &Seen) -> Result<Facts, Halt<Error>> {
        let target = target(cx, seen)?;
        let template = target.pointer("/spec/template").unwrap_or(&Value::Null);
        Ok(Facts {
            label: label(cx, target)?,
            ports: discovery::ports(cx.canary, template),
            revision: revision::of(template),
            replicas: replicas(target).unwrap_or(1),
            tracked_configs: None,
        })
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, flagger_id: &str) -> Result<Vec<Change>, Halt<Error>> {
        let key = cx.primary(kinds::DEPLOYMENT);
        if seen.get(&key)?.is_some() {
            return Ok(Vec::new());
        }
        let target = target(cx, seen)?;
        let label = label(cx, target)?;
        let annotations = metadata::without_flux(target, "/metadata/annotations")
            .into_iter()
            .filter(|(name, _)| name != LAST_APPLIED && !name.starts_with(CONTROLLER_ANNOTATIONS));
        let mut primary = json!({
            "apiVersion": kinds::DEPLOYMENT.api_version(),
            "kind": kinds::DEPLOYMENT.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": labels(cx, target, &label),
                "annotations": Value::Object(annotations.collect()),
                "ownerReferences": [cx.owner_reference()],
            },
            "spec": {
                "replicas": replicas(target).filter(|replicas| 0 < *replicas).unwrap_or(1),
                "selector": {"matchLabels": {&label.key: label.primary_value()}},
            },
        });
        copy_spec(cx, target, &mut primary, &label, flagger_id);
        Ok(vec![Change::Create(key, primary)])
    }

    fn ready(&self, cx: &Context<'_>, seen: &Seen, side: Side, now: Timestamp) -> Result<Readiness, Halt<Error>> {
        readiness::of(cx, seen, side, now)
    }

    fn promote(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        expected_revision: &str,
        flagger_id: &str,
    ) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let key = cx.primary(kinds::DEPLOYMENT);
        let live = required(seen, &key, TITLE)?;
        if let Err(moved) = expect_revision(cx, target, expected_revision) {
            let promoted = live.pointer("/spec/template/metadata/annotations").and_then(|kept| kept.get(FLAGGER_ID));
            return if promoted.is_some_and(|id| id == flagger_id) { Ok(Vec::new()) } else { Err(moved.into()) };
        }
        let label = label(cx, target)?;

        let mut primary = Value::clone(live);
        copy_spec(cx, target, &mut primary, &label, flagger_id);
        let included = metadata::included(target, "/metadata/annotations", &cx.settings.include_label_prefixes);
        let kept = metadata::kept(live, "/metadata/annotations", |name| name.starts_with(CONTROLLER_ANNOTATIONS));
        let annotations: Map<_, _> = included.into_iter().chain(kept).collect();
        primary["metadata"]["labels"] = Value::Object(labels(cx, target, &label));
        primary["metadata"]["annotations"] = Value::Object(annotations);
        if cx.canary.spec.autoscaler_ref.is_none()
            && let Some(replicas) = replicas(target).filter(|replicas| 0 < *replicas)
        {
            primary["spec"]["replicas"] = replicas.into();
        }
        let unchanged = revision::same(Some(&primary), Some(live));
        Ok(if unchanged { Vec::new() } else { vec![Change::Replace(key, primary)] })
    }

    fn scale_to_zero(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(scale(cx, target(cx, seen)?, 0))
    }

    fn scale_from_zero(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        if replicas(target).is_some_and(|replicas| 0 < replicas) {
            return Ok(Vec::new());
        }
        let wanted = match autoscalers::find(cx)? {
            Some(autoscaler) => autoscaler.floor(cx, seen)?,
            None => seen.get(&cx.primary(kinds::DEPLOYMENT))?.and_then(|primary| replicas(primary)),
        };
        Ok(scale(cx, target, wanted.unwrap_or(1).max(1)))
    }

    fn restore(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let primary = seen.get(&cx.primary(kinds::DEPLOYMENT))?;
        let wanted = primary.map(|primary| replicas(primary).unwrap_or(1)).filter(|wanted| 0 < *wanted);
        match (wanted, replicas(target)) {
            (None, _) => self.scale_from_zero(cx, seen),
            // From here on the autoscaler decides, and it is not fought for fewer.
            (Some(wanted), Some(own)) if cx.canary.spec.autoscaler_ref.is_some() && wanted < own => Ok(Vec::new()),
            (Some(wanted), _) => Ok(scale(cx, target, wanted)),
        }
    }
}

fn target<'s>(cx: &Context<'_>, seen: &'s Seen) -> Result<&'s Object, Halt<Error>> {
    required(seen, &cx.target(kinds::DEPLOYMENT), TITLE)
}

/// The label by which the target is told from the primary: the first of the settings' keys that its selector has.
fn label(cx: &Context<'_>, target: &Value) -> Result<Label, Error> {
    let selected = target.pointer("/spec/selector/matchLabels");
    let value = |key: &String| selected?.get(key)?.as_str().map(str::to_owned);
    let labels = &cx.settings.selector_labels;
    labels.iter().find_map(|key| Some(Label { key: key.clone(), value: value(key)? })).ok_or_else(|| {
        Error::SelectorLabel {
            name: cx.target_name().to_owned(),
            namespace: cx.namespace().to_owned(),
            labels: labels.clone(),
        }
    })
}

fn expect_revision(cx: &Context<'_>, target: &Value, expected: &str) -> Result<(), Error> {
    let current = revision::of(target.pointer("/spec/template").unwrap_or(&Value::Null));
    if current == expected { Ok(()) } else { Err(cx.moved(TITLE, expected, current)) }
}

/// The primary's own labels.
fn labels(cx: &Context<'_>, target: &Value, label: &Label) -> Map<String, Value> {
    let mut labels = metadata::included(target, "/metadata/labels", &cx.settings.include_label_prefixes);
    labels.insert(label.key.clone(), label.primary_value().into());
    labels
}

/// Brings what the primary's `spec` has from the target.
fn copy_spec(cx: &Context<'_>, target: &Value, primary: &mut Value, label: &Label, flagger_id: &str) {
    let Some(spec) = primary.get_mut("spec").and_then(Value::as_object_mut) else { return };
    for field in COPIED {
        match target.pointer("/spec").and_then(|spec| spec.get(field)) {
            Some(value) => spec.insert(field.to_owned(), value.clone()),
            None => spec.remove(field),
        };
    }
    spec.insert("template".to_owned(), template(cx, target, label, flagger_id));
}

/// The target's pod template as the primary has it.
fn template(cx: &Context<'_>, target: &Value, label: &Label, flagger_id: &str) -> Value {
    let mut labels = metadata::without_flux(target, "/spec/template/metadata/labels");
    labels.insert(label.key.clone(), label.primary_value().into());
    let mut annotations = metadata::without_flux(target, "/spec/template/metadata/annotations");
    annotations.insert(FLAGGER_ID.to_owned(), flagger_id.into());

    let mut template = target.pointer("/spec/template").cloned().unwrap_or_default();
    template["metadata"]["labels"] = Value::Object(labels);
    template["metadata"]["annotations"] = Value::Object(annotations);
    if let Some(pod) = template.get_mut("spec") {
        scheduling::retarget(pod, cx.target_name(), &cx.settings.selector_labels);
    }
    template
}

fn replicas(deployment: &Value) -> Option<i64> {
    deployment.pointer("/spec/replicas").and_then(Value::as_i64)
}

/// Sets the target's replicas, the one field of it that is ever written.
fn scale(cx: &Context<'_>, target: &Value, wanted: i64) -> Vec<Change> {
    if replicas(target) == Some(wanted) {
        return Vec::new();
    }
    vec![Change::Merge(cx.target(kinds::DEPLOYMENT), json!({"spec": {"replicas": wanted}}))]
}
