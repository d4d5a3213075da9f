//! Performing effects: each verb of the decision, carried out. No choice about a rollout is made here.
//!
//! `objects.rs` lets the pure rooms look and change, the other files are one family of effects each.

mod calls;
mod configs;
mod finalizer;
mod objects;
mod pods;
mod readings;
mod routes;
mod status;
mod tell;
#[cfg(test)]
mod tests;
mod workload;

use api::{Canary, CanaryStatus};
use jiff::Timestamp;
use ports::{Key, Seen, kinds};
use rollout::{Effect, Outcome, Plan};
use targets::Facts;

use crate::drive::Shell;

pub(crate) use finalizer::standing;
pub(crate) use status::patch;
pub(crate) use tell::tell;

/// What one look at a canary has of the world.
pub(crate) struct World<'a> {
    shell: &'a Shell,
    canary: &'a Canary,
    plan: &'a Plan,
    /// When the look began.
    began: Timestamp,
    /// The status as it is stored now.
    status: CanaryStatus,
    /// Every object that this look asked for.
    seen: Seen,
    /// Digests in place of the configs whose content this look asked about.
    digests: Seen,
    /// Every object that this look has created.
    created: Vec<Key>,
    /// What the target was found to be, once it was.
    facts: Option<Facts>,
}

/// Why an effect failed, as the user reads it.
pub(crate) type Failed = String;

impl<'a> World<'a> {
    pub(crate) fn new(shell: &'a Shell, canary: &'a Canary, plan: &'a Plan) -> Self {
        let status = canary.status.clone().unwrap_or_default();
        let (seen, digests) = (Seen::default(), Seen::default());
        Self { shell, canary, plan, began: shell.clock.now(), status, seen, digests, created: Vec::new(), facts: None }
    }

    /// Everything that the look depended on.
    pub(crate) fn into_dependencies(self) -> Vec<Key> {
        self.seen.keys().chain(self.digests.keys()).cloned().collect()
    }

    /// Carries out one effect.
    pub(crate) async fn perform(&mut self, effect: &Effect) -> Outcome {
        let outcome = match effect {
            Effect::ReadTarget => self.read_target().await,
            Effect::EnsureServices => self.ensure_services().await,
            Effect::EnsurePrimary => self.ensure_primary().await,
            Effect::EnsureScaler { update } => self.ensure_scaler(*update).await,
            Effect::EnsureApex => self.ensure_apex().await,
            Effect::EnsureRoutes => self.ensure_routes().await,
            Effect::CheckMeters => self.check_meters().await,
            Effect::CheckReady(side) => self.check_ready(*side).await,
            Effect::ReadSplit => self.read_split().await,
            Effect::SetSplit(split) => self.set_split(*split).await,
            Effect::ScaleTarget(scale) => self.scale_target(*scale).await,
            Effect::Promote { revision } => self.promote(revision).await,
            Effect::CallHook { hook, phase } => Ok(self.call_hook(*hook, *phase).await),
            Effect::Measure(check) => Ok(self.measure(*check).await),
            Effect::Say(sentence) => Ok(self.say(sentence)),
            Effect::Alert(alert) => Ok(self.alert(alert)),
            Effect::Hold => self.hold().await,
            Effect::LetGo => self.let_go().await,
            Effect::GiveBackTraffic => self.give_back_traffic().await,
            Effect::Save(status) => self.save(status).await,
        };
        outcome.unwrap_or_else(Outcome::Failed)
    }

    fn key(&self) -> Key {
        Key::new(kinds::CANARY, &self.plan.namespace, &self.plan.name)
    }

    /// `name.namespace`, as log lines call the canary.
    fn name(&self) -> String {
        crate::drive::name(&self.key())
    }
}
