//! Knative Serving: the target shares out its own traffic.
//!
//! *Objects.* The Knative Service that is the target.
//! *Reads.* `spec.traffic`: the share of the latest revision is the canary's, that of the revision which the annotation
//! `flagger.app/primary-revision` names is the primary's.
//! *Writes.* These two entries, with whatever else they say; entries that are there for their tag alone stay.
//!
//! *Quirks.*
//! * Flagger reads the shares from the status, which lags behind; what was written counts, once Knative has seen it.
//! * At the end all traffic goes to the latest revision, as before there was a canary. Flagger leaves it with the primary's
//!   revision for ever.

use api::well_known::PRIMARY_REVISION;
use ports::{Change, Halt, Key, Object, Seen, kinds};
use rollout::traffic::Split;
use serde_json::{Value, json};

use crate::router::Ability;
use crate::{Context, Error, Router, metadata};

/// Routes by the traffic of the Knative Service.
#[derive(Debug)]
pub(crate) struct Knative;

impl Router for Knative {
    fn names(&self) -> &'static [&'static str] {
        &["knative"]
    }

    fn abilities(&self) -> &'static [Ability] {
        &[Ability::Weights]
    }

    fn reconcile(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let split = split(cx, target(cx, seen)?).ok();
        self.write(cx, seen, split.unwrap_or(Split::PRIMARY))
    }

    fn read(&self, cx: &Context<'_>, seen: &Seen) -> Result<Split, Halt<Error>> {
        let target = target(cx, seen)?;
        let number = |pointer: &str| target.pointer(pointer).and_then(Value::as_i64);
        let (current, observed) = (number("/metadata/generation"), number("/status/observedGeneration"));
        if observed < current {
            return Err(Error::TrafficNotObserved { key: Box::new(key(cx)) }.into());
        }
        Ok(split(cx, target)?)
    }

    fn write(&self, cx: &Context<'_>, seen: &Seen, split: Split) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let primary = primary(cx, target)?;
        let before = traffic(target);
        let latest = before.iter().position(is_latest);
        let pinned = before.iter().position(|entry| !is_latest(entry) && entry["revisionName"] == primary);
        let entry = |place: Option<usize>, new: Value, percent: u8| {
            let live = place.and_then(|place| before.get(place)).filter(|live| live.is_object());
            let mut entry = live.cloned().unwrap_or(new);
            if percent_of(&entry) != i64::from(percent) {
                entry["percent"] = percent.into();
            }
            entry
        };
        let both = [
            entry(latest, json!({"latestRevision": true, "percent": 0}), split.canary_weight()),
            entry(pinned, json!({"revisionName": primary, "percent": 0}), split.primary_weight()),
        ];
        let others = before.iter().enumerate().filter(|(place, _)| ![latest, pinned].contains(&Some(*place)));
        let kept = others.map(|(_, entry)| entry).filter(|entry| is_tag(entry)).cloned();
        let after: Vec<Value> = both.into_iter().chain(kept).collect();
        let changed = before != after;
        Ok(changed.then(|| Change::Merge(key(cx), json!({"spec": {"traffic": after}}))).into_iter().collect())
    }

    fn finalize(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let Some(target) = seen.get(&key(cx))? else { return Ok(Vec::new()) };
        if metadata::get(target, "annotations").get(PRIMARY_REVISION).is_none() {
            return Ok(Vec::new());
        }
        let before = traffic(target);
        let latest = before.iter().find(|entry| entry.is_object() && is_latest(entry)).cloned();
        let mut latest = latest.unwrap_or_else(|| json!({"latestRevision": true}));
        latest["percent"] = 100.into();
        let tags = before.iter().filter(|entry| !is_latest(entry) && is_tag(entry)).cloned();
        let traffic: Vec<Value> = std::iter::once(latest).chain(tags).collect();
        let annotations = json!({PRIMARY_REVISION: null});
        let patch = json!({"metadata": {"annotations": annotations}, "spec": {"traffic": traffic}});
        Ok(vec![Change::Merge(key(cx), patch)])
    }
}

fn key(cx: &Context<'_>) -> Key {
    Key::new(kinds::KNATIVE_SERVICE, cx.namespace(), &*cx.canary.spec.target_ref.name)
}

fn target<'s>(cx: &Context<'_>, seen: &'s Seen) -> Result<&'s Object, Halt<Error>> {
    let key = key(cx);
    seen.get(&key)?.ok_or_else(|| Error::Missing { key: Box::new(key) }.into())
}

/// The name of the primary's revision.
fn primary(cx: &Context<'_>, target: &Value) -> Result<String, Error> {
    let annotated =
        metadata::get(target, "annotations").get(PRIMARY_REVISION).and_then(Value::as_str).map(str::to_owned);
    annotated.ok_or_else(|| Error::NoPrimaryRevision { key: Box::new(key(cx)) })
}

fn split(cx: &Context<'_>, target: &Value) -> Result<Split, Error> {
    let primary = primary(cx, target)?;
    let entries = traffic(target);
    let latest = entries.iter().find(|entry| is_latest(entry));
    let pinned = entries.iter().find(|entry| !is_latest(entry) && entry["revisionName"] == primary.as_str());
    let shares = latest.zip(pinned).map(|(latest, pinned)| (percent_of(latest), percent_of(pinned)));
    // Entries of somebody else's that have a share leave less than everything for the two.
    match shares.filter(|(canary, primary)| canary + primary == 100) {
        Some((canary, _)) => Ok(Split::canary(u8::try_from(canary).unwrap_or(100))),
        None => Err(Error::TrafficInvalid { key: Box::new(key(cx)) }),
    }
}

fn traffic(target: &Value) -> &[Value] {
    target.pointer("/spec/traffic").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Whether the entry follows the newest revision; one without a revision's name does.
fn is_latest(entry: &Value) -> bool {
    entry["latestRevision"] == true || entry.get("revisionName").is_none()
}

/// Whether the entry has no share of the traffic and is there for its own address.
fn is_tag(entry: &Value) -> bool {
    percent_of(entry) == 0 && entry["tag"].as_str().is_some_and(|tag| !tag.is_empty())
}

fn percent_of(entry: &Value) -> i64 {
    entry["percent"].as_i64().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use api::Canary;

    use super::*;
    use crate::{Label, Settings};

    /// What is written for a Knative Service with this traffic.
    fn written(traffic: Value, split: Split) -> Vec<Value> {
        ask(traffic, |cx, seen| Knative.write(cx, seen, split))
    }

    #[expect(clippy::needless_pass_by_value, reason = "a literal reads better without a reference")]
    fn ask(traffic: Value, ask: impl Fn(&Context<'_>, &Seen) -> Result<Vec<Change>, Halt<Error>>) -> Vec<Value> {
        let mut canary = Canary::default();
        canary.spec.target_ref.name = "cart".to_owned();
        let label = Label { key: "", value: "" };
        let cx = Context { canary: &canary, label, ports: &[], settings: &Settings::default() };
        let annotations = json!({PRIMARY_REVISION: "cart-1"});
        let target = json!({"metadata": {"annotations": annotations}, "spec": {"traffic": traffic}});
        let mut seen = Seen::default();
        seen.put(key(&cx), Some(Arc::new(target)));
        let patch = |change: Change| match change {
            Change::Merge(_, patch) => patch["spec"]["traffic"].clone(),
            other => panic!("{other:?}"),
        };
        ask(&cx, &seen).unwrap().into_iter().map(patch).collect()
    }

    #[test]
    fn tags_stay_and_shares_of_others_go() {
        let traffic = json!([
            {"latestRevision": true, "percent": 50, "tag": "next"},
            {"revisionName": "cart-0", "percent": 50},
            {"revisionName": "cart-0", "tag": "old"},
        ]);
        let expected = json!([
            {"latestRevision": true, "percent": 20, "tag": "next"},
            {"revisionName": "cart-1", "percent": 80},
            {"revisionName": "cart-0", "tag": "old"},
        ]);
        assert_eq!(written(traffic, Split::canary(20)), std::slice::from_ref(&expected));
        assert_eq!(written(expected.clone(), Split::canary(20)), [] as [Value; 0]);
        let given_back = json!([
            {"latestRevision": true, "percent": 100, "tag": "next"},
            {"revisionName": "cart-0", "tag": "old"},
        ]);
        assert_eq!(ask(expected, |cx, seen| Knative.finalize(cx, seen)), [given_back]);
    }
}
