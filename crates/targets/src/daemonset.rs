//! `DaemonSet`s.
//!
//! *Objects.* The user's `DaemonSet` `T` (the target) and `T-primary`, owned by the Canary.
//! *Reads.* Both. *Writes.* `T-primary` whole, at creation and promotion; of `T` only one key of the pods' `nodeSelector`,
//! which no node satisfies: the way to have no pods of a `DaemonSet`.
//!
//! *Quirks.*
//! * Flagger creates the primary of a parked target with that key, so that it never runs anywhere. Here it is no part of
//!   what is copied, and no part of the revision either.
//! * Rules that spread pods mean little where each node has one pod; they are copied as they are, as in Flagger.
//! * There is no `OnDelete`: a promotion has to replace pods.
//! * A `DaemonSet` that no node has room for counts as ready in Flagger; here it is waited for, as it can't serve.

mod readiness;

use api::well_known::SCALE_TO_ZERO;
use jiff::Timestamp;
use ports::{Change, Halt, Seen, kinds};
use serde_json::{Map, Value, json};

use crate::workload::Workload;
use crate::{Context, Error, Facts, Readiness, Side, Target};

/// Releases `apps/v1` `DaemonSet`s.
#[derive(Debug)]
pub(crate) struct DaemonSet;

const DAEMON_SET: Workload = Workload {
    kind: kinds::DAEMON_SET,
    title: "daemonset",
    copied: &["minReadySeconds", "revisionHistoryLimit", "updateStrategy"],
    controller_annotations: "deprecated.daemonset.template.generation",
    spreads: false,
    template,
};

impl Target for DaemonSet {
    fn kind(&self) -> &'static str {
        kinds::DAEMON_SET.kind
    }

    fn facts(&self, cx: &Context<'_>, seen: &Seen) -> Result<Facts, Halt<Error>> {
        let target = DAEMON_SET.target(cx, seen)?;
        let strategy = target.pointer("/spec/updateStrategy/type").and_then(Value::as_str).unwrap_or_default();
        if !matches!(strategy, "" | "RollingUpdate") {
            return Err(Error::UpdateStrategy {
                name: cx.target_name().to_owned(),
                namespace: cx.namespace().to_owned(),
                strategy: strategy.to_owned(),
            }
            .into());
        }
        DAEMON_SET.facts(cx, seen, target, i64::from(!is_parked(target)))
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, flagger_id: &str) -> Result<Vec<Change>, Halt<Error>> {
        DAEMON_SET.primary(cx, seen, flagger_id, |_| Map::new())
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
        DAEMON_SET.promote(cx, seen, expected_revision, flagger_id, |_, _| {})
    }

    fn scale_to_zero(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        park(cx, seen, true)
    }

    fn scale_from_zero(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        park(cx, seen, false)
    }

    fn restore(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        park(cx, seen, false)
    }
}

/// The pod template without what parks it.
fn template(target: &Value) -> Value {
    let mut template = target.pointer("/spec/template").cloned().unwrap_or_default();
    if let Some(selector) = template.pointer_mut("/spec/nodeSelector").and_then(Value::as_object_mut) {
        selector.remove(SCALE_TO_ZERO);
    }
    template
}

fn is_parked(daemon_set: &Value) -> bool {
    daemon_set.pointer("/spec/template/spec/nodeSelector").is_some_and(|selector| selector.get(SCALE_TO_ZERO).is_some())
}

/// Has the target run nowhere, or where its author wants it.
fn park(cx: &Context<'_>, seen: &Seen, wanted: bool) -> Result<Vec<Change>, Halt<Error>> {
    if is_parked(DAEMON_SET.target(cx, seen)?) == wanted {
        return Ok(Vec::new());
    }
    let value = if wanted { "true".into() } else { Value::Null };
    let patch = json!({"spec": {"template": {"spec": {"nodeSelector": {SCALE_TO_ZERO: value}}}}});
    Ok(vec![Change::Merge(cx.target(kinds::DAEMON_SET), patch)])
}
