//! Plain Kubernetes: no routes, and with weights the replicas split the traffic.
//!
//! *Objects.* The apex Service, the target and the primary (Deployments), the target's HPA.
//! *Reads.* All of them, and the canary's status. *Writes.* The selector of the apex Service; `spec.replicas` of the target,
//! and on both pod templates the label by which the apex Service finds the pods of both sides.
//!
//! *Quirks.*
//! * Without `stepWeight` and `stepWeights` the apex Service selects the primary throughout and nothing is written: the
//!   canary is tested through its own Service. From the second iteration on the split reads as 100 for the canary, by which
//!   the decision tells that the analysis has begun.
//! * The share that is reached is that of the pods, see [`shares`]; the wished one is kept in the canary's status.
//! * The primary is never scaled down, so that it can take everything back at once.

pub mod shares;

use api::well_known::BEHIND_APEX;
use ports::{Change, Halt, Key, Kind, Object, Seen, kinds};
use rollout::traffic::Split;
use serde_json::{Value, json};

use crate::router::Ability;
use crate::{Context, Error, Router};

/// Routes nothing, and lets replicas share.
#[derive(Debug)]
pub(crate) struct Kubernetes;

/// Its one name.
const NAME: &str = "kubernetes";

impl Router for Kubernetes {
    fn names(&self) -> &'static [&'static str] {
        &[NAME]
    }

    /// None that hold for every canary: weights need a Deployment.
    fn abilities(&self) -> &'static [Ability] {
        &[]
    }

    /// Sees to it that the pods of both sides can be found by one selector, while nobody depends on it yet.
    fn reconcile(&self, cx: &Context<'_>, seen: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        let Some(sides) = Sides::of(cx, seen)? else { return Ok(Vec::new()) };
        match sides.selected() {
            Selected::Both if sides.wished() == Split::CANARY => sides.write(Split::CANARY),
            Selected::Primary => Ok(sides.label()),
            Selected::Both | Selected::Canary => Ok(Vec::new()),
        }
    }

    fn read(&self, cx: &Context<'_>, seen: &Seen) -> Result<Split, Halt<Error>> {
        if !cx.canary.spec.splits_by_replicas(NAME) {
            let iterations = cx.canary.status.as_ref().map_or(0, |status| status.iterations);
            return Ok(if 0 < iterations { Split::CANARY } else { Split::PRIMARY });
        }
        let Some(sides) = Sides::of(cx, seen)? else { return Ok(Split::PRIMARY) };
        Ok(match sides.selected() {
            Selected::Primary => Split::PRIMARY,
            Selected::Both => sides.wished(),
            Selected::Canary => Split::CANARY,
        })
    }

    fn write(&self, cx: &Context<'_>, seen: &Seen, split: Split) -> Result<Vec<Change>, Halt<Error>> {
        match Sides::of(cx, seen)? {
            Some(sides) => sides.write(split),
            None => Ok(Vec::new()),
        }
    }

    /// The apex Service is given back with the other Services.
    fn finalize(&self, _: &Context<'_>, _: &Seen) -> Result<Vec<Change>, Halt<Error>> {
        Ok(Vec::new())
    }
}

/// Whose pods the apex Service selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selected {
    Primary,
    Both,
    Canary,
}

/// What shares the traffic of a canary with weights.
struct Sides<'a> {
    cx: &'a Context<'a>,
    apex: &'a Object,
    target: &'a Object,
    primary: &'a Object,
    /// Fewest and most replicas that the target's autoscaler lets it have.
    bounds: (i64, i64),
}

impl<'a> Sides<'a> {
    /// `None` for a canary without weights, and as long as anything of it does not exist.
    fn of(cx: &'a Context<'a>, seen: &'a Seen) -> Result<Option<Self>, Halt<Error>> {
        if !cx.canary.spec.splits_by_replicas(NAME) {
            return Ok(None);
        }
        let named = |kind: Kind, name: &str| seen.get(&Key::new(kind, cx.namespace(), name));
        let (apex, target, primary) =
            (named(kinds::SERVICE, cx.apex())?, seen.get(&target(cx))?, seen.get(&primary(cx))?);
        let (Some(apex), Some(target), Some(primary)) = (apex, target, primary) else { return Ok(None) };
        let scaled = cx.canary.spec.autoscaler_ref.as_ref();
        let hpa = match scaled.filter(|scaled| scaled.kind == kinds::HORIZONTAL_POD_AUTOSCALER.kind) {
            Some(scaled) => named(kinds::HORIZONTAL_POD_AUTOSCALER, &scaled.name)?,
            None => None,
        };
        let bound = |field: &str| hpa.and_then(|hpa| hpa.pointer(field)).and_then(Value::as_i64);
        let bounds = (bound("/spec/minReplicas").unwrap_or(1), bound("/spec/maxReplicas").unwrap_or(i64::MAX));
        Ok(Some(Self { cx, apex, target, primary, bounds }))
    }

    fn selector(&self, selected: Selected) -> Value {
        selector(self.cx, selected)
    }

    fn selected(&self) -> Selected {
        let live = self.apex.pointer("/spec/selector");
        let is = |selected: &Selected| live == Some(&self.selector(*selected));
        [Selected::Both, Selected::Canary].into_iter().find(is).unwrap_or(Selected::Primary)
    }

    /// The split that was decided last.
    fn wished(&self) -> Split {
        let weight = self.cx.canary.status.as_ref().map_or(0, |status| status.canary_weight);
        Split::canary(u8::try_from(weight.clamp(0, 100)).unwrap_or(0))
    }

    fn write(&self, split: Split) -> Result<Vec<Change>, Halt<Error>> {
        let mut changes = Vec::new();
        let serving = shares::canary_replicas(replicas(self.primary), split.canary_weight(), self.bounds);
        let selected = match split.canary_weight() {
            0 => Selected::Primary,
            // Alone only once it can carry everything.
            100 if serving <= ready(self.target) => Selected::Canary,
            _ => Selected::Both,
        };
        if selected == Selected::Both {
            self.require_label(self.target, &target(self.cx))?;
            self.require_label(self.primary, &primary(self.cx))?;
        }
        if selected != Selected::Primary && replicas(self.target) != serving {
            changes.push(Change::Merge(target(self.cx), json!({"spec": {"replicas": serving}})));
        }
        if self.apex.pointer("/spec/selector") != Some(&self.selector(selected)) {
            let mut apex = Value::clone(self.apex);
            apex["spec"]["selector"] = self.selector(selected);
            changes.push(Change::Replace(Key::new(kinds::SERVICE, self.cx.namespace(), self.cx.apex()), apex));
        }
        Ok(changes)
    }

    /// Labels both templates, as far as no pod is lost by it.
    fn label(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        let wanted = self.cx.apex();
        let patch = json!({"spec": {"template": {"metadata": {"labels": {BEHIND_APEX: wanted}}}}});
        // Until it is initialized, the target serves.
        let serves = self
            .cx
            .canary
            .status
            .as_ref()
            .is_none_or(|status| matches!(status.phase, api::Phase::New | api::Phase::Initializing));
        if !serves && label(self.target) != Some(wanted) {
            changes.push(Change::Merge(target(self.cx), patch.clone()));
        }
        let recreates = self.primary.pointer("/spec/strategy/type").is_some_and(|kind| kind == "Recreate");
        if !serves && !recreates && label(self.primary) != Some(wanted) {
            changes.push(Change::Merge(primary(self.cx), patch));
        }
        changes
    }

    fn require_label(&self, workload: &Value, key: &Key) -> Result<(), Error> {
        if label(workload) == Some(self.cx.apex()) {
            return Ok(());
        }
        Err(Error::NotBehindApex { key: Box::new(key.clone()), label: BEHIND_APEX, value: self.cx.apex().to_owned() })
    }
}

/// Whether a selector of the apex Service is one that splits the traffic, and so must stay.
pub(crate) fn is_splitting(cx: &Context<'_>, live: Option<&Value>) -> bool {
    cx.canary.spec.splits_by_replicas(cx.provider())
        && [Selected::Both, Selected::Canary].into_iter().any(|selected| live == Some(&selector(cx, selected)))
}

fn selector(cx: &Context<'_>, selected: Selected) -> Value {
    match selected {
        Selected::Primary => json!({cx.label.key: format!("{}-primary", cx.label.value)}),
        Selected::Both => json!({BEHIND_APEX: cx.apex()}),
        Selected::Canary => json!({cx.label.key: cx.label.value}),
    }
}

fn target(cx: &Context<'_>) -> Key {
    Key::new(kinds::DEPLOYMENT, cx.namespace(), &cx.canary.spec.target_ref.name)
}

fn primary(cx: &Context<'_>) -> Key {
    Key::new(kinds::DEPLOYMENT, cx.namespace(), api::names::primary_workload(cx.canary))
}

fn label(workload: &Value) -> Option<&str> {
    workload.pointer("/spec/template/metadata/labels")?.get(BEHIND_APEX)?.as_str()
}

fn replicas(workload: &Value) -> i64 {
    workload.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn ready(workload: &Value) -> i64 {
    workload.pointer("/status/readyReplicas").and_then(Value::as_i64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use api::{Canary, CanaryStatus};

    use super::*;
    use crate::{Label, Settings};

    #[test]
    fn an_analysis_that_has_begun_reads_as_all_traffic_on_the_canary() {
        let read = |iterations: i32| {
            let canary =
                Canary { status: Some(CanaryStatus { iterations, ..CanaryStatus::default() }), ..Canary::default() };
            let label = Label { key: "app", value: "cart" };
            let cx = Context { canary: &canary, label, ports: &[], settings: &Settings::default() };
            Kubernetes.read(&cx, &Seen::default()).unwrap()
        };
        assert_eq!((read(0), read(1)), (Split::PRIMARY, Split::CANARY));
    }
}
