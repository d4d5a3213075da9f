//! Runs: when they begin, and that they end without losing a revision.

use std::time::Duration;

use apiserver::Commit;
use serde_json::Value;
use tokio::time::Instant;

use super::Judge;
use crate::cluster::Id;
use crate::facts::{self, Quality, Selected};
use crate::objects::Objects;
use crate::scene::Actor;
use crate::stage::{APP, PRIMARY};

/// Whether nothing is under way, so that the operator waits for a change.
pub(crate) fn is_over(objects: &Objects) -> bool {
    let phase = objects.get(&Id::new("Canary", APP)).map_or("New", facts::phase);
    matches!(phase, "Initialized" | "Succeeded" | "Failed")
}

impl Judge {
    /// Anybody wrote the canary.
    pub(super) fn see_canary(&mut self, actor: Actor, commit: &Commit<'_>, objects: &Objects) {
        let Some(after) = commit.after else { return };
        if let Some(interval) = after.pointer("/spec/analysis/interval").and_then(Value::as_str).and_then(seconds) {
            self.interval = Some(self.interval.map_or(interval, |known| known.min(interval)));
        }
        let Some(before) = commit.before else { return };
        if !actor.is_operator() {
            if before["status"] != after["status"] {
                self.status_written = Some(Instant::now());
            }
            return;
        }
        self.require(before["spec"] == after["spec"], "the operator changed the spec of the canary");
        self.judge_weight(actor, before, after, objects);
        let revision = |canary: &Value| canary.pointer("/status/lastAppliedSpec").cloned();
        let began = facts::phase(after) == "Progressing"
            && (!facts::is_running(facts::phase(before))
                || facts::phase(before) == "Waiting"
                || revision(before) != revision(after));
        if began {
            self.begun = Some(Instant::now());
        }
    }

    /// Whether there is nothing that serves, nor anything that the operator could do about it: people took the healthy copy
    /// away, or declared a run to be where it was not, and what was left of it is broken.
    pub(crate) fn is_hopeless(&self, objects: &Objects) -> bool {
        let touched = |kind, name: &str| self.meddled.contains_key(&Id::new(kind, name));
        let by_hand = touched("Deployment", PRIMARY) || touched("Canary", APP);
        let primary = objects.get(&Id::new("Deployment", PRIMARY)).map_or("", facts::image);
        let initializing = objects.get(&Id::new("Canary", APP)).is_some_and(|it| facts::phase(it) == "Initializing");
        by_hand && !initializing && facts::quality(primary) == Quality::Broken
    }

    /// The world was left alone, long enough for every release to end. `shipped` is the revision that was shipped into the
    /// calm, if one was.
    pub(crate) fn judge_end(&mut self, shipped: Option<&str>, objects: &Objects) {
        if self.is_hopeless(objects) {
            return;
        }
        let Some(canary) = objects.get(&Id::new("Canary", APP)) else { return self.report("there is no canary") };
        let image = |name: &str| objects.get(&Id::new("Deployment", name)).map_or("", facts::image).to_owned();
        let (target, primary) = (image(APP), image(PRIMARY));
        let phase = facts::phase(canary);
        if phase == "Initializing" && !self.primary.serving && target.ends_with("broken") {
            return;
        }
        if !is_over(objects) {
            return self.report(format_args!("the release of {target} is stuck in {phase}"));
        }
        if let Some(shipped) = shipped {
            // What first gets a canary going is initialized with it.
            let well = matches!(phase, "Initialized" | "Succeeded") && primary == shipped;
            self.require(
                well,
                format_args!("the good revision {shipped} ended as {phase}, with {primary} in the primary"),
            );
        }
        let begun = self.begun.max(self.status_written) >= self.shipped;
        // Where people delete the primary, a new one is made of what the target is then, be it what was promoted or not.
        let replaced = self.primary_deleted > self.begun;
        self.require(primary == target || begun || replaced, format_args!("{target} was lost: it was never analysed"));
        self.judge_end_of_traffic(objects);
    }

    fn judge_end_of_traffic(&mut self, objects: &Objects) {
        let (route, apex) = (Id::new("HTTPRoute", APP), Id::new("Service", APP));
        let (id, share) = match (objects.get(&route), objects.get(&apex)) {
            (Some(object), _) => (route, facts::canary_weight(object)),
            (None, Some(object)) => match facts::selected(object) {
                Some(Selected::Primary) => (apex, 0),
                Some(Selected::Both) => (apex, 50),
                Some(Selected::Canary) => (apex, 100),
                None => return self.report("the release is over and nobody gets the traffic"),
            },
            (None, None) => return,
        };
        let by_hand = self.meddled.get(&id).copied().max(self.status_written).is_some_and(|at| Some(at) >= self.begun);
        let serves = if share == 0 { self.primary.serving } else { share == 100 && self.canary.serving };
        self.require(
            serves || by_hand,
            format_args!("the release is over with {share} % of the traffic on the canary"),
        );
    }
}

fn seconds(interval: &str) -> Option<Duration> {
    interval.strip_suffix('s')?.parse().ok().map(Duration::from_secs)
}
