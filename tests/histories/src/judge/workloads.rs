//! The two workloads: the only healthy copy stays, the target's revision is the user's, and only what was judged is promoted.

use apiserver::Commit;
use serde_json::Value;
use tokio::time::Instant;

use super::Judge;
use crate::cluster::Id;
use crate::facts::{self, BEHIND_APEX, Quality, Selected};
use crate::objects::Objects;
use crate::stage::{APP, PRIMARY};

impl Judge {
    /// The operator wrote the target.
    pub(super) fn judge_target(&mut self, commit: &Commit<'_>, objects: &Objects) {
        let (Some(before), Some(after)) = (commit.before, commit.after) else {
            return self.report("the operator created or deleted the target");
        };
        self.require(user_part(before) == user_part(after), "the operator changed what is the user's in the target");
        self.judge_label(before, after, objects);
        if facts::replicas(after) != 0 || facts::replicas(before) == 0 {
            return;
        }
        let alone = self.canary.serving && !self.primary.may_serve();
        self.require(!alone, "the only healthy copy was scaled down");
        if let Some(route) = objects.get(&Id::new("HTTPRoute", APP)) {
            let idle = facts::canary_weight(route) == 0 || self.is_meddled("HTTPRoute", APP);
            self.require(idle, "a target was scaled down that has traffic");
        }
        if let Some(selected) = objects.get(&Id::new("Service", APP)).and_then(facts::selected) {
            let idle = selected == Selected::Primary || self.is_meddled("Service", APP);
            self.require(idle, "a target was scaled down that the apex Service selects");
        }
    }

    /// The one label that the target gets of the operator: where replicas share the traffic, and while no pod is lost by it.
    fn judge_label(&mut self, before: &Value, after: &Value, objects: &Objects) {
        let label = |target: &Value| {
            let labels = target.pointer("/spec/template/metadata/labels");
            labels.and_then(|labels| labels.get(BEHIND_APEX)).cloned()
        };
        if label(before) == label(after) {
            return;
        }
        let shares = !objects.has(&Id::new("HTTPRoute", APP)) && label(after).is_some_and(|it| it == APP);
        self.require(shares, "the target was labelled where no replicas share the traffic");
        let phase = objects.get(&Id::new("Canary", APP)).map_or("New", facts::phase);
        let settled = !matches!(phase, "New" | "Initializing") || self.is_meddled("Canary", APP);
        self.require(settled, format_args!("the target was labelled, and so rolled, in phase {phase}"));
    }

    /// The operator wrote the primary.
    pub(super) fn judge_primary(&mut self, commit: &Commit<'_>, objects: &Objects) {
        let Some(after) = commit.after else { return self.report("the operator deleted the primary") };
        self.require(
            0 < facts::replicas(after) || commit.before.is_some_and(|before| facts::replicas(before) == 0),
            "the operator scaled the primary to zero",
        );
        let Some(before) = commit.before else { return };
        if facts::image(before) != facts::image(after) {
            self.judge_promotion(after, objects);
        }
    }

    fn judge_promotion(&mut self, primary: &Value, objects: &Objects) {
        let Some(canary) = objects.get(&Id::new("Canary", APP)) else { return };
        // A first revision that never started may be replaced by any other; there is nothing to lose.
        if facts::phase(canary) == "Initializing" && !self.primary.serving {
            return;
        }
        let meddled = self.is_meddled("Canary", APP) || self.is_meddled("Deployment", PRIMARY);
        let skips = canary.pointer("/spec/skipAnalysis").and_then(Value::as_bool) == Some(true);
        let phase = facts::phase(canary);
        self.require(
            skips || meddled || phase == "Promoting",
            format_args!("a revision was promoted in phase {phase}"),
        );
        let measured =
            canary.pointer("/spec/analysis/metrics").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
        let quality = facts::quality(facts::image(primary));
        let judged = skips || meddled || !measured || quality == Quality::Good;
        self.require(judged, "a revision was promoted that fails its checks");
    }

    /// Anybody wrote the target. What it is before its canary is looked at counts as the first revision, which is not analysed;
    /// and one that comes back as it was is no other.
    pub(super) fn see_target(&mut self, commit: &Commit<'_>, objects: &Objects) {
        let Some(after) = commit.after.filter(|after| facts::image(after) != self.image) else { return };
        facts::image(after).clone_into(&mut self.image);
        let phase = objects.get(&Id::new("Canary", APP)).map_or("New", facts::phase);
        self.shipped = (phase != "New").then(Instant::now);
    }
}

/// The target without its replicas, the label that is the operator's, its status, and what the API server keeps for itself.
fn user_part(target: &Value) -> Value {
    let mut spec = target["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("replicas");
    }
    if let Some(labels) = spec.pointer_mut("/template/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(BEHIND_APEX);
    }
    serde_json::json!([spec, target["metadata"]["labels"], target["metadata"]["annotations"]])
}
