//! Effects on workloads and their autoscalers.

use rollout::{Outcome, Readiness, Scale, Side, Target};
use targets::autoscalers::{self, Upkeep};

use super::objects::Unanswered;
use super::{Failed, World};

impl World<'_> {
    pub(super) async fn read_target(&mut self) -> Result<Outcome, Failed> {
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let target = targets::find(&cx).map_err(|error| error.to_string())?;
        let facts = self.ask(|seen| target.facts(&cx, seen)).await?;
        let outcome = Target {
            revision: facts.revision.clone(),
            configs: facts.tracked_configs.clone(),
            parked: facts.replicas == 0,
        };
        self.facts = Some(facts);
        Ok(Outcome::Target(Box::new(outcome)))
    }

    pub(super) async fn ensure_primary(&mut self) -> Result<Outcome, Failed> {
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let target = targets::find(&cx).map_err(|error| error.to_string())?;
        let revision = self.facts.as_ref().map(|facts| facts.revision.clone()).unwrap_or_default();
        let mark = self.mark(&revision);
        self.change(|seen| target.primary(&cx, seen, &mark)).await?;
        Ok(Outcome::Done)
    }

    pub(super) async fn ensure_scaler(&mut self, update: bool) -> Result<Outcome, Failed> {
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let upkeep = if update { Upkeep::Update } else { Upkeep::Create };
        if let Some(autoscaler) = autoscalers::find(&cx).map_err(|error| error.to_string())? {
            self.change(|seen| autoscaler.primary(&cx, seen, upkeep)).await?;
        }
        Ok(Outcome::Done)
    }

    /// Makes this canary the owner of what one that is gone left behind, as far as this look has come upon it.
    pub(super) async fn inherit(&mut self) -> Result<Outcome, Failed> {
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        self.change(|seen| targets::inherit(&cx, seen)).await?;
        Ok(Outcome::Done)
    }

    pub(super) async fn check_ready(&mut self, side: Side) -> Result<Outcome, Failed> {
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let target = targets::find(&cx).map_err(|error| error.to_string())?;
        let now = self.shell.clock.now();
        let side = match side {
            Side::Primary => targets::Side::Primary,
            Side::Canary => targets::Side::Canary,
        };
        let readiness = match self.ask(|seen| target.ready(&cx, seen, side, now)).await? {
            targets::Readiness::Ready => Readiness::Ready,
            targets::Readiness::NotReady { reason, retriable, serving } => {
                Readiness::NotReady { reason, retriable, serving }
            }
        };
        Ok(Outcome::Ready(readiness))
    }

    pub(super) async fn scale_target(&mut self, scale: Scale) -> Result<Outcome, Failed> {
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let target = targets::find(&cx).map_err(|error| error.to_string())?;
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
        let (canary, settings) = (self.canary, &self.shell.workloads);
        let cx = targets::Context { canary, settings };
        let target = targets::find(&cx).map_err(|error| error.to_string())?;
        let mark = self.mark(revision);
        match self.change(|seen| target.promote(&cx, seen, revision, &mark)).await {
            Ok(()) => Ok(Outcome::Done),
            Err(Unanswered::Answer(targets::Error::RevisionMoved { .. })) => Ok(Outcome::Moved),
            Err(error) => Err(error.into()),
        }
    }

    /// What marks the primary's pods when they carry `revision` and the configs that the status tracks.
    fn mark(&self, revision: &str) -> String {
        let uid = self.canary.metadata.uid.as_deref().unwrap_or_default();
        let configs =
            self.status.tracked_configs.iter().flatten().flat_map(|(name, sum)| [name.as_str(), sum.as_str()]);
        targets::mark([uid, revision].into_iter().chain(configs))
    }
}
