//! What Deployments and `DaemonSet`s have in common: pods made from a template, and a primary made from that.
//!
//! What is different is a row of [`Workload`], or a closure over the `spec` of the primary.

use std::collections::BTreeSet;

use api::well_known::{FLAGGER_ID, LAST_APPLIED};
use ports::{Change, Halt, Key, Kind, Object, Seen};
use serde_json::{Map, Value, json};

use crate::configs::{self, Copies};
use crate::context::required;
use crate::{Context, Error, Facts, Label, discovery, foreign, metadata, revision, scheduling};

/// A kind of workload with a pod template under a selector.
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    /// How sentences call the kind.
    pub(crate) title: &'static str,
    /// Fields of `spec` that the primary has from the target as they are.
    pub(crate) copied: &'static [&'static str],
    /// How annotations begin that belong to the kind's controller.
    pub(crate) controller_annotations: &'static str,
    /// Whether rules that spread the target's pods are told about the primary's.
    pub(crate) spreads: bool,
    /// The pod template as the user wrote it.
    pub(crate) template: fn(target: &Value) -> Value,
}

impl Workload {
    pub(crate) fn target<'s>(&self, cx: &Context<'_>, seen: &'s Seen) -> Result<&'s Object, Halt<Error>> {
        required(seen, &cx.target(self.kind), self.title)
    }

    pub(crate) fn facts(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        target: &Value,
        replicas: i64,
    ) -> Result<Facts, Halt<Error>> {
        let template = (self.template)(target);
        let pod = template.get("spec").unwrap_or(&Value::Null);
        let label = self.label(cx, target)?;
        Ok(Facts {
            foreign: foreign::of(cx, || self.is_carried(cx, seen, &template, &label))?,
            label,
            ports: discovery::ports(cx.canary, &template),
            revision: revision::of_target(target, &template, cx.canary.status.as_ref()),
            replicas,
            tracked_configs: cx.settings.config_tracking.then(|| configs::references(pod, cx.namespace())),
        })
    }

    /// Creates the primary unless it exists; its `spec` has what `spec` says of the target's besides the template.
    pub(crate) fn primary(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        flagger_id: &str,
        spec: impl FnOnce(&Value) -> Map<String, Value>,
    ) -> Result<Vec<Change>, Halt<Error>> {
        let key = cx.primary(self.kind);
        if seen.get(&key)?.is_some() {
            return Ok(Vec::new());
        }
        let target = self.target(cx, seen)?;
        let label = self.label(cx, target)?;
        let template = (self.template)(target);
        let Copies { configs, mut changes, .. } = configs::copies(cx, seen, &template["spec"])?;
        let annotations = metadata::without_flux(target, "/metadata/annotations")
            .into_iter()
            .filter(|(name, _)| name != LAST_APPLIED && !name.starts_with(self.controller_annotations));
        let mut spec = spec(target);
        spec.insert("selector".to_owned(), json!({"matchLabels": {&label.key: label.primary_value()}}));
        self.copy_fields(target, &mut spec);
        spec.insert("template".to_owned(), self.primary_template(cx, template, &label, flagger_id, &configs));
        let primary = json!({
            "apiVersion": self.kind.api_version(),
            "kind": self.kind.kind,
            "metadata": {
                "name": key.name,
                "namespace": key.namespace,
                "labels": labels(cx, target, &label),
                "annotations": Value::Object(annotations.collect()),
                "ownerReferences": [cx.owner_reference()],
            },
            "spec": spec,
        });
        changes.push(Change::Create(key, primary));
        Ok(changes)
    }

    /// Makes the primary what the target is, provided that this is what was analysed; `finish` has the last word on its
    /// `spec`, knowing the target.
    ///
    /// The copies of configs come before the pods that refer to them. Once the primary has the mark of this promotion they
    /// are not read again, however often the promotion is looked at.
    pub(crate) fn promote(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        expected_revision: &str,
        flagger_id: &str,
        finish: impl FnOnce(&Value, &mut Map<String, Value>),
    ) -> Result<Vec<Change>, Halt<Error>> {
        let target = self.target(cx, seen)?;
        let key = cx.primary(self.kind);
        let live = required(seen, &key, self.title)?;
        let template = (self.template)(target);
        let promoted = live.pointer("/spec/template/metadata/annotations").and_then(|kept| kept.get(FLAGGER_ID));
        let made = promoted.is_some_and(|id| id == flagger_id);
        if let Err(moved) = self.expect_revision(cx, target, &template, expected_revision) {
            return if made { Ok(Vec::new()) } else { Err(moved.into()) };
        }
        let Copies { configs, mut changes, .. } =
            if made { configs::made(cx) } else { self.analysed_copies(cx, seen, &template)? };

        let label = self.label(cx, target)?;
        let mut primary = Value::clone(live);
        if let Some(spec) = primary.get_mut("spec").and_then(Value::as_object_mut) {
            self.copy_fields(target, spec);
            spec.insert("template".to_owned(), self.primary_template(cx, template, &label, flagger_id, &configs));
            finish(target, spec);
        }
        let included = metadata::included(target, "/metadata/annotations", &cx.settings.include_label_prefixes);
        let kept = metadata::kept(live, "/metadata/annotations", |name| name.starts_with(self.controller_annotations));
        let included = included.into_iter().filter(|(name, _)| !name.starts_with(self.controller_annotations));
        primary["metadata"]["labels"] = Value::Object(labels(cx, target, &label));
        primary["metadata"]["annotations"] = Value::Object(included.chain(kept).collect());
        if !revision::same(Some(&primary), Some(live)) {
            changes.push(Change::Replace(key, primary));
        }
        Ok(changes)
    }

    /// Whether the primary's pods are what a promotion would make of them now, but for the mark of their own promotion.
    fn is_carried(&self, cx: &Context<'_>, seen: &Seen, template: &Value, label: &Label) -> Result<bool, Halt<Error>> {
        let Some(live) = seen.get(&cx.primary(self.kind))? else { return Ok(true) };
        let live = (self.template)(live);
        let made = self.primary_template(cx, template.clone(), label, "", &configs::made(cx).configs);
        let [made, live] = [made, live].map(|mut template| {
            let annotations = template.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut);
            annotations.map(|annotations| annotations.remove(FLAGGER_ID));
            revision::of(&template)
        });
        Ok(made == live)
    }

    /// The label by which the target is told from the primary: the first of the settings' keys that its selector has.
    fn label(&self, cx: &Context<'_>, target: &Value) -> Result<Label, Error> {
        let selected = target.pointer("/spec/selector/matchLabels");
        let value = |key: &String| selected?.get(key)?.as_str().map(str::to_owned);
        let labels = &cx.settings.selector_labels;
        labels.iter().find_map(|key| Some(Label { key: key.clone(), value: value(key)? })).ok_or_else(|| {
            Error::SelectorLabel {
                title: self.title,
                name: cx.target_name().to_owned(),
                namespace: cx.namespace().to_owned(),
                labels: labels.clone(),
            }
        })
    }

    fn expect_revision(&self, cx: &Context<'_>, target: &Value, template: &Value, expected: &str) -> Result<(), Error> {
        let current = revision::of_target(target, template, cx.canary.status.as_ref());
        if current == expected { Ok(()) } else { Err(cx.moved(self.title, expected, current)) }
    }

    /// Copies of the configs as they were analysed.
    fn analysed_copies(&self, cx: &Context<'_>, seen: &Seen, template: &Value) -> Result<Copies, Halt<Error>> {
        let copies = configs::copies(cx, seen, &template["spec"])?;
        if cx.settings.config_tracking && configs::stored(cx).is_some_and(|analysed| *analysed != copies.tracked) {
            return Err(Error::ConfigsMoved {
                title: self.title,
                name: cx.target_name().to_owned(),
                namespace: cx.namespace().to_owned(),
            }
            .into());
        }
        Ok(copies)
    }

    /// Brings what the primary's `spec` has from the target as it is.
    fn copy_fields(&self, target: &Value, spec: &mut Map<String, Value>) {
        for field in self.copied {
            match target.pointer("/spec").and_then(|spec| spec.get(field)) {
                Some(value) => spec.insert((*field).to_owned(), value.clone()),
                None => spec.remove(*field),
            };
        }
    }

    /// The target's pod template as the primary has it.
    fn primary_template(
        &self,
        cx: &Context<'_>,
        mut template: Value,
        label: &Label,
        flagger_id: &str,
        configs: &BTreeSet<Key>,
    ) -> Value {
        let mut labels = metadata::without_flux(&template, "/metadata/labels");
        labels.insert(label.key.clone(), label.primary_value().into());
        let mut annotations = metadata::without_flux(&template, "/metadata/annotations");
        annotations.insert(FLAGGER_ID.to_owned(), flagger_id.into());
        template["metadata"]["labels"] = Value::Object(labels);
        template["metadata"]["annotations"] = Value::Object(annotations);
        if let Some(pod) = template.get_mut("spec") {
            configs::rename(pod, configs);
            if self.spreads {
                scheduling::retarget(pod, cx.target_name(), &cx.settings.selector_labels);
            }
        }
        template
    }
}

/// The primary's own labels.
fn labels(cx: &Context<'_>, target: &Value, label: &Label) -> Map<String, Value> {
    let mut labels = metadata::included(target, "/metadata/labels", &cx.settings.include_label_prefixes);
    labels.insert(label.key.clone(), label.primary_value().into());
    labels
}
