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

use api::well_known::BEHIND_APEX;
use jiff::Timestamp;
use ports::{Change, Halt, Object, Seen, kinds};
use serde_json::{Map, Value, json};

use crate::workload::Workload;
use crate::{Context, Error, Facts, Readiness, Side, Target, autoscalers};

/// Releases `apps/v1` Deployments.
#[derive(Debug)]
pub(crate) struct Deployment;

const DEPLOYMENT: Workload = Workload {
    kind: kinds::DEPLOYMENT,
    title: "deployment",
    copied: &["minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy"],
    controller_annotations: "deployment.kubernetes.io/",
    spreads: true,
    template: |target| target.pointer("/spec/template").cloned().unwrap_or_default(),
};

impl Target for Deployment {
    fn kind(&self) -> &'static str {
        kinds::DEPLOYMENT.kind
    }

    fn facts(&self, cx: &Context<'_>, seen: &Seen) -> Result<Facts, Halt<Error>> {
        let target = target(cx, seen)?;
        DEPLOYMENT.facts(cx, seen, target, replicas(target).unwrap_or(1))
    }

    fn primary(&self, cx: &Context<'_>, seen: &Seen, flagger_id: &str) -> Result<Vec<Change>, Halt<Error>> {
        DEPLOYMENT.primary(cx, seen, flagger_id, |target| {
            let replicas = replicas(target).filter(|replicas| 0 < *replicas).unwrap_or(1);
            Map::from_iter([("replicas".to_owned(), replicas.into())])
        })
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
        DEPLOYMENT.promote(cx, seen, expected_revision, flagger_id, |target, spec| {
            if cx.canary.spec.autoscaler_ref.is_none()
                && !shares_traffic(cx, target)
                && let Some(replicas) = replicas(target).filter(|replicas| 0 < *replicas)
            {
                spec.insert("replicas".to_owned(), replicas.into());
            }
        })
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
            None if shares_traffic(cx, target) => Some(1),
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
    DEPLOYMENT.target(cx, seen)
}

/// Whether the target's replicas are its share of the traffic, and so nobody's wish for a size.
fn shares_traffic(cx: &Context<'_>, target: &Value) -> bool {
    let labels = target.pointer("/spec/template/metadata/labels");
    cx.canary.spec.analysis.has_steps() && labels.is_some_and(|labels| labels.get(BEHIND_APEX).is_some())
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
