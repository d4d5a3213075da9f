//! Effects on workloads and their autoscalers.

use ports::Key;
use rollout::{Foreign, Outcome, Readiness, Scale, Side, Target};
use targets::autoscalers::{self, Upkeep};

use super::objects::Unanswered;
use super::{Failed, World};

impl<'a> World<'a> {
    pub(super) async fn read_target(&mut self) -> Result<Outcome, Failed> {
        let cx = self.workloads();
        let target = targets::find(&cx);
        let facts = self.ask(|seen| target.facts(&cx, seen)).await?;
        let configs = match &facts.tracked_configs {
            Some(references) => Some(self.tracked(references).await?),
            None => None,
        };
        let foreign =
            facts.foreign.map(|targets::Foreign { applied, promoted, carried }| Foreign { applied, promoted, carried });
        let outcome = Target { revision: facts.revision.clone(), configs, parked: facts.replicas == 0, foreign };
        self.facts = Some(facts);
        Ok(Outcome::Target(Box::new(outcome)))
    }

    pub(super) async fn ensure_primary(&mut self) -> Result<Outcome, Failed> {
        let cx = self.workloads();
        let target = targets::find(&cx);
        let revision = self.facts.as_ref().map(|facts| facts.revision.clone()).unwrap_or_default();
        let mark = self.mark(&revision);
        let before = self.created.len();
        self.change(|seen| target.primary(&cx, seen, &mark)).await?;
        let name = api::names::primary_workload(self.canary);
        let made = self.created.iter().skip(before).any(|key| key.kind.kind == self.plan.kind && key.name == name);
        Ok(if made { Outcome::Made } else { Outcome::Done })
    }

    pub(super) async fn ensure_scaler(&mut self, update: bool) -> Result<Outcome, Failed> {
        let cx = self.workloads();
        let upkeep = if update { Upkeep::Update } else { Upkeep::Create };
        if let Some(autoscaler) = autoscalers::find(&cx).map_err(|error| error.to_string())? {
            self.change(|seen| autoscaler.primary(&cx, seen, upkeep)).await?;
        }
        Ok(Outcome::Done)
    }

    /// Makes this canary the owner of what one that is gone left behind, as far as this look has come upon it.
    pub(super) async fn inherit(&mut self) -> Result<Outcome, Failed> {
        let cx = self.workloads();
        self.change(|seen| targets::inherit(&cx, seen)).await?;
        Ok(Outcome::Done)
    }

    pub(super) async fn check_ready(&mut self, side: Side) -> Result<Outcome, Failed> {
        let cx = self.workloads();
        let target = targets::find(&cx);
        let now = self.shell.clock.now();
        let of = match side {
            Side::Primary => targets::Side::Primary,
            Side::Canary => targets::Side::Canary,
        };
        let mut found = self.ask(|seen| target.ready(&cx, seen, of, now)).await?;
        if matches!(found, targets::Readiness::NotReady { retriable: false, .. }) {
            // A rollback follows, which a watch that has fallen silent must not cause.
            self.refresh_workloads().await?;
            found = self.ask(|seen| target.ready(&cx, seen, of, now)).await?;
        }
        let targets::Readiness::NotReady { reason, retriable, serving } = found else {
            return Ok(Outcome::Ready(Readiness::Ready));
        };
        let (reason, broken) = match self.trouble_of(side).await {
            Some(trouble) => (format!("{reason}: {}", trouble.text), trouble.broken),
            None => (reason, false),
        };
        Ok(Outcome::Ready(Readiness::NotReady { reason, retriable, serving, broken }))
    }

    /// Reads target and primary from the API server, past the watches.
    async fn refresh_workloads(&mut self) -> Result<(), Failed> {
        let names = [self.plan.target.clone(), api::names::primary_workload(self.canary)];
        let is_workload = |key: &&Key| key.kind.kind == self.plan.kind && names.contains(&key.name);
        let keys: Vec<Key> = self.seen.keys().filter(is_workload).cloned().collect();
        for key in keys {
            let found = self.shell.cluster.fetch(&key).await.map_err(|error| error.to_string())?;
            self.seen.put(key, found);
        }
        Ok(())
    }

    pub(super) async fn scale_target(&mut self, scale: Scale) -> Result<Outcome, Failed> {
        let cx = self.workloads();
        let target = targets::find(&cx);
        let autoscaler = autoscalers::find(&cx).map_err(|error| error.to_string())?;
        match scale {
            Scale::Zero => {
                if let Some(autoscaler) = autoscaler {
                    self.change(|seen| autoscaler.pause(&cx, seen)).await?;
                }
                self.change(|seen| target.scale_to_zero(&cx, seen)).await?;
            }
            Scale::Up => {
                if let Some(autoscaler) = autoscaler {
                    self.change(|seen| autoscaler.resume(&cx, seen)).await?;
                }
                self.change(|seen| target.scale_from_zero(&cx, seen)).await?;
            }
            Scale::Restored => {
                if let Some(autoscaler) = autoscaler {
                    self.change(|seen| autoscaler.resume(&cx, seen)).await?;
                }
                match self.change(|seen| target.restore(&cx, seen)).await {
                    Err(Unanswered::Answer(targets::Error::Missing { .. })) => return Ok(Outcome::Gone),
                    restored => restored?,
                }
                // What is given back leads to the target's pods, if they have a label to find them by.
                self.facts = self.ask(|seen| target.facts(&cx, seen)).await.ok();
            }
        }
        Ok(Outcome::Done)
    }

    pub(super) async fn promote(&mut self, revision: &str) -> Result<Outcome, Failed> {
        let (canary, settings) = (&self.current(), &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let target = targets::find(&cx);
        let mark = self.mark(revision);
        match self.change(|seen| target.promote(&cx, seen, revision, &mark)).await {
            Ok(()) => Ok(Outcome::Done),
            Err(Unanswered::Answer(targets::Error::ConfigsMoved { .. } | targets::Error::RevisionMoved { .. })) => {
                Ok(Outcome::Moved)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What targets and autoscalers are asked with.
    fn workloads(&self) -> targets::Context<'a> {
        targets::Context { canary: self.canary, settings: &self.shell.workloads }
    }

    /// What marks the primary's pods when they carry `revision` and the configs that the status tracks.
    fn mark(&self, revision: &str) -> String {
        let uid = self.canary.metadata.uid.as_deref().unwrap_or_default();
        let configs =
            self.status.tracked_configs.iter().flatten().flat_map(|(name, sum)| [name.as_str(), sum.as_str()]);
        targets::mark([uid, revision].into_iter().chain(configs))
    }
}
