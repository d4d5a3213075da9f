//! Traffic: whole, never to a side that does not serve, and never faster than the pace.

use std::sync::Arc;
use std::time::Duration;

use apiserver::Commit;
use serde_json::Value;

use super::{Judge, SECOND};
use crate::cluster::Id;
use crate::facts::{self, Quality};
use crate::objects::Objects;
use crate::scene::Actor;
use crate::stage::{APP, PRIMARY};

impl Judge {
    /// The operator wrote, or deleted, the route.
    pub(super) fn judge_route(&mut self, actor: Actor, commit: &Commit<'_>, objects: &Objects) {
        let Some(route) = commit.after else { return self.report("the operator deleted the route") };
        let whole =
            facts::splits(route).iter().all(|(primary, canary)| primary + canary == 100 && 0 <= *primary.min(canary));
        self.require(whole, "weights do not sum to 100");
        let before = commit.before.map_or(0, |route| facts::canary_weight(route));
        let after = facts::canary_weight(route);
        if before < after {
            self.judge_raise(after == 100, objects);
            self.judge_pace(actor, after, objects);
        }
        if after < before {
            self.judge_return(objects);
        }
    }

    /// The operator wrote the apex Service, whose selector is the traffic where replicas share it.
    pub(super) fn judge_apex(&mut self, commit: &Commit<'_>, objects: &Objects) {
        let side = |apex: Option<&Arc<Value>>| apex.and_then(|apex| facts::selected(apex));
        let (Some(before), Some(after)) = (side(commit.before), side(commit.after)) else { return };
        if before < after {
            // A rescue may begin with the pods of both sides: those of a primary that does not serve get none of the traffic,
            // and the canary's are all there is until there are enough of them.
            self.judge_raise(true, objects);
        }
        if after < before {
            self.judge_return(objects);
        }
    }

    /// The operator wrote the status. Where replicas share the traffic, the weight is nowhere else.
    pub(super) fn judge_weight(&mut self, actor: Actor, before: &Value, after: &Value, objects: &Objects) {
        let weight =
            |canary: &Value| canary.pointer("/status/canaryWeight").and_then(Value::as_i64).unwrap_or_default();
        let shared = !objects.has(&Id::new("HTTPRoute", APP));
        if shared && weight(before) < weight(after) {
            self.judge_pace(actor, weight(after), objects);
        }
    }

    /// The canary got traffic, or more of it.
    fn judge_raise(&mut self, all: bool, objects: &Objects) {
        self.require(self.canary.may_serve(), "traffic was sent to a canary that does not serve");
        let phase = objects.get(&Id::new("Canary", APP)).map_or("New", facts::phase);
        let rescue = all && self.is_rescue(objects);
        let told = matches!(phase, "Progressing" | "WaitingPromotion") || rescue || self.is_meddled("Canary", APP);
        self.require(told, format_args!("traffic was raised in phase {phase}"));
    }

    /// The primary got traffic back.
    fn judge_return(&mut self, objects: &Objects) {
        // Only people scale a primary to zero, and then it is theirs.
        let stopped = objects.get(&Id::new("Deployment", PRIMARY)).is_some_and(|it| facts::replicas(it) == 0);
        let serves = self.primary.may_serve() || !self.canary.may_serve() || stopped;
        self.require(serves, "traffic was sent to a primary that does not serve");
    }

    /// A step was taken. Its pace is that of the clock of whoever takes it.
    fn judge_pace(&mut self, actor: Actor, weight: i64, objects: &Objects) {
        let moment = self.moment(actor);
        let rescue = weight == 100 && self.is_rescue(objects);
        if !rescue && let (Some(last), Some(interval)) = (self.step, self.interval) {
            let own = Duration::try_from(moment.operator.duration_since(last.operator)).unwrap_or_default();
            let world = moment.world.duration_since(last.world);
            let over = interval <= own.max(world) + SECOND;
            self.require(over, format_args!("a weight step was taken {world:?} after the one before"));
        }
        self.step = Some(moment);
    }

    /// Whether the primary does not get up, so that the canary has to take over at any moment.
    fn is_rescue(&self, objects: &Objects) -> bool {
        let Some(primary) = objects.get(&Id::new("Deployment", PRIMARY)) else { return true };
        let starts = facts::quality(facts::image(primary)) != Quality::Broken;
        !starts || facts::available(primary) < facts::replicas(primary).max(1) || !self.primary.serving
    }
}
