//! Knative Services, which keep every revision and share the traffic between them by themselves.
//!
//! *Objects.* The user's Knative Service `T`: its latest revision is the canary, and the one that the annotation
//! `flagger.app/primary-revision` names is the primary.
//! *Reads.* `T` and the two Revisions.
//! *Writes.* The annotation, and the primary's entry in `spec.traffic`; weights are the router's.
//!
//! *Quirks.*
//! * A promotion also renames the primary in `spec.traffic`, so that annotation and traffic never contradict each other.
//! * A lost annotation is told from `spec.traffic`; Flagger takes the latest revision, analysed or not.
//! * A revision that is not ready within the progress deadline is broken; in Flagger it is waited for without end.
//! * There is nothing to scale.

use api::well_known::PRIMARY_REVISION;
use jiff::{SignedDuration, Timestamp};
use ports::{Change, Halt, Key, Object, Seen, kinds};
use serde_json::{Value, json};

use crate::context::required;
use crate::{Context, Error, Facts, Label, Readiness, Side, Target};
use crate::{foreign, metadata, revision};

/// Releases `serving.knative.dev/v1` Services.
#[derive(Debug)]
pub(crate) struct Knative;

/// How error sentences call the kind.
const TITLE: &str = "Knative Service";

/// How long a revision may take to get ready, unless the canary says otherwise.
const PROGRESS_DEADLINE_SECS: i64 = 600;

impl Target for Knative {
    fn kind(&self) -> &'static str {
        kinds::KNATIVE_SERVICE.kind
    }

    fn follows(&self, target: &api::TargetRef) -> bool {
        target.is_knative()
    }

    fn facts(&self, cx: &Context<'_>, seen: &Seen) -> Result<Facts, Halt<Error>> {
        let target = target(cx, seen)?;
        let latest = latest(cx, target)?;
        Ok(Facts {
            label: Label::default(),
            ports: Vec::new(),
            revision: revision_of(latest),
            replicas: 1,
            tracked_configs: None,
            foreign: foreign::of(cx, || {
                Ok(primary(target).or(pinned(target)).is_none_or(|primary| primary == latest))
            })?,
        })
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, _: &str) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let before = primary(target);
        let initialized = cx.canary.status.as_ref().is_some_and(|status| !status.last_promoted_spec.is_empty());
        if initialized && before.is_some() {
            return Ok(Vec::new());
        }
        if initialized && let Some(pinned) = pinned(target) {
            return Ok(merge(cx, json!({"metadata": {"annotations": {PRIMARY_REVISION: pinned}}})));
        }
        // Until the first primary serves, a newer revision may be the mended one.
        let latest = latest(cx, target)?;
        if before == Some(latest) && pinned(target) == Some(latest) {
            return Ok(Vec::new());
        }
        let annotations = json!({PRIMARY_REVISION: latest});
        let traffic = json!([{"latestRevision": true, "percent": 0}, {"revisionName": latest, "percent": 100}]);
        Ok(merge(cx, json!({"metadata": {"annotations": annotations}, "spec": {"traffic": traffic}})))
    }

    fn ready(&self, cx: &Context<'_>, seen: &Seen, side: Side, now: Timestamp) -> Result<Readiness, Halt<Error>> {
        let target = target(cx, seen)?;
        let (title, name) = match side {
            Side::Primary => ("primary revision", primary(target).unwrap_or_default()),
            Side::Canary => ("canary revision", latest(cx, target)?),
        };
        let found = seen.get(&Key::new(kinds::KNATIVE_REVISION, cx.namespace(), name))?;
        let not_ready = |why: &str, retriable: bool| Readiness::NotReady {
            reason: format!("{title} {name}.{} not ready: {why}", cx.namespace()),
            retriable,
            serving: false,
        };
        let Some(revision) = found else { return Ok(not_ready("it does not exist", true)) };
        let Some(ready) = condition(revision, "Ready") else { return Ok(not_ready("waiting for Knative", true)) };
        if ready["status"] == "True" {
            return Ok(Readiness::Ready);
        }
        let why = ready["message"].as_str().or(ready["reason"].as_str()).unwrap_or("waiting for Knative");
        let since = ready["lastTransitionTime"].as_str().and_then(|since| since.parse().ok());
        Ok(not_ready(why, since.is_none_or(|since: Timestamp| now.duration_since(since) <= deadline(cx))))
    }

    fn promote(
        &self,
        cx: &Context<'_>,
        seen: &Seen,
        expected_revision: &str,
        _: &str,
    ) -> Result<Vec<Change>, Halt<Error>> {
        let target = target(cx, seen)?;
        let latest = latest(cx, target)?;
        let before = primary(target);
        if before.is_some_and(|primary| revision_of(primary) == expected_revision) {
            return Ok(Vec::new());
        }
        let current = revision_of(latest);
        if current != expected_revision {
            return Err(cx.moved(TITLE, expected_revision, current).into());
        }
        let mut traffic = traffic(target).to_vec();
        for entry in traffic.iter_mut().filter(|entry| before.is_some_and(|before| pins(entry, before))) {
            entry["revisionName"] = latest.into();
        }
        let annotations = json!({PRIMARY_REVISION: latest});
        Ok(merge(cx, json!({"metadata": {"annotations": annotations}, "spec": {"traffic": traffic}})))
    }

    /// Knative scales by itself, and traffic is the router's; the look tells whether the target is still there.
    fn restore(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        target(cx, seen).map(|_| Vec::new())
    }
}

fn target<'s>(cx: &Context<'_>, seen: &'s Seen) -> Result<&'s Object, Halt<Error>> {
    required(seen, &cx.target(kinds::KNATIVE_SERVICE), TITLE)
}

fn merge(cx: &Context<'_>, patch: Value) -> Vec<Change> {
    vec![Change::Merge(cx.target(kinds::KNATIVE_SERVICE), patch)]
}

/// The name of the newest revision, ready or not.
fn latest<'s>(cx: &Context<'_>, target: &'s Value) -> Result<&'s str, Error> {
    let name = target.pointer("/status/latestCreatedRevisionName").and_then(Value::as_str);
    name.filter(|name| !name.is_empty())
        .ok_or_else(|| Error::NoRevision { name: cx.target_name().to_owned(), namespace: cx.namespace().to_owned() })
}

/// The name of the revision that takes the primary's part.
fn primary(target: &Value) -> Option<&str> {
    metadata::get(target, "/metadata/annotations", PRIMARY_REVISION)
}

/// The revision that gets most of the traffic by its name.
fn pinned(target: &Value) -> Option<&str> {
    let named = traffic(target).iter().filter_map(|entry| Some((entry, entry["revisionName"].as_str()?)));
    let pinned = named.max_by_key(|(entry, _)| entry["percent"].as_i64().unwrap_or_default());
    pinned.map(|(_, name)| name)
}

fn traffic(target: &Value) -> &[Value] {
    target.pointer("/spec/traffic").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn pins(entry: &Value, revision: &str) -> bool {
    entry["revisionName"] == revision
}

fn revision_of(name: &str) -> String {
    revision::of(&name.into())
}

fn condition<'s>(object: &'s Value, kind: &str) -> Option<&'s Value> {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    conditions.iter().find(|condition| condition["type"] == kind)
}

fn deadline(cx: &Context<'_>) -> SignedDuration {
    let seconds = cx.canary.spec.progress_deadline_seconds.map_or(PROGRESS_DEADLINE_SECS, i64::from);
    SignedDuration::from_secs(seconds)
}
