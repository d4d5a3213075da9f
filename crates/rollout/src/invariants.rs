//! The independent checker: what must hold of every tick, read off its journal.
//!
//! It shares no code with the decision. Simulations call it after each tick, and it takes ticks that were cut short, too.

use std::time::Duration;

use api::{CanaryStatus, HookType, Phase};

use crate::claim::Claim;
use crate::effect::{Effect, Entry, Foreign, Measured, Outcome, Readiness, Scale, Side};
use crate::plan::{Source, Traffic};
use crate::report::{Ending, Over, Wake};
use crate::tick::Input;
use crate::traffic::Split;

/// Every rule that the tick breaks; `over` is absent for a tick that was cut short.
pub fn violations(input: &Input<'_>, journal: &[Entry], over: Option<&Over>) -> Vec<String> {
    let mut watch = Watch::new(input);
    for entry in journal {
        watch.see(entry);
    }
    if let Some(over) = over {
        watch.end(over);
    }
    watch.broken
}

/// What is known at one point of a journal.
struct Watch<'a> {
    input: &'a Input<'a>,
    /// The status as it is stored at this point.
    stored: CanaryStatus,
    split: Option<Split>,
    primary: Option<&'a Readiness>,
    canary: Option<&'a Readiness>,
    /// Whether a check failed or a hook refused.
    failed: bool,
    raised: bool,
    /// Whether there is no target any more.
    gone: bool,
    /// The target's revision, once it was read.
    revision: Option<&'a str>,
    /// What there is of Flagger's (Go) in the status.
    foreign: Option<Foreign>,
    broken: Vec<String>,
}

impl<'a> Watch<'a> {
    fn new(input: &'a Input<'a>) -> Self {
        let stored = input.status.clone();
        Self {
            input,
            stored,
            split: None,
            primary: None,
            canary: None,
            failed: false,
            raised: false,
            gone: false,
            revision: None,
            foreign: None,
            broken: Vec::new(),
        }
    }

    fn see(&mut self, entry: &'a Entry) {
        if matches!(self.input.claim, Claim::Yields { .. }) {
            let of_its_own = matches!(entry.effect, Effect::Save(_) | Effect::Say(_) | Effect::Hold | Effect::LetGo);
            self.require(of_its_own, "a canary acted on a target that it leaves to an older one");
        }
        if self.input.standing.leaving {
            self.leaves(entry);
        }
        match (&entry.effect, &entry.outcome) {
            (Effect::ReadTarget, Outcome::Target(target)) => {
                self.foreign = target.foreign;
                self.revision = Some(&target.revision);
            }
            (Effect::ReadSplit, Outcome::Split(split)) => self.split = Some(*split),
            (Effect::CheckReady(side), Outcome::Ready(readiness)) => match side {
                Side::Primary => self.primary = Some(readiness),
                Side::Canary => self.canary = Some(readiness),
            },
            (Effect::CallHook { hook, .. }, outcome) => self.called(*hook, outcome),
            (Effect::Measure(check), Outcome::Measured(measured)) => self.measured(*check, measured),
            (Effect::SetSplit(split), _) => self.set_split(*split),
            (Effect::ScaleTarget(Scale::Zero), _) => self.scale_to_zero(),
            (Effect::Promote { revision }, _) => self.promote(revision),
            (Effect::Save(status), outcome) => self.save(status, outcome),
            _ => {}
        }
    }

    /// What may happen to a canary that is being deleted.
    fn leaves(&mut self, entry: &Entry) {
        match (&entry.effect, &entry.outcome) {
            (Effect::ScaleTarget(Scale::Restored), outcome) => self.gone = *outcome == Outcome::Gone,
            (Effect::GiveBackTraffic, _) => {
                let serves = self.gone || self.canary == Some(&Readiness::Ready);
                self.require(serves, "traffic was given back to a target that is not ready");
            }
            (Effect::LetGo, _) if self.input.plan.revert_on_deletion => {
                let yields = matches!(self.input.claim, Claim::Yields { .. });
                let reverted = self.stored.phase == Phase::Terminating && self.stored.canary_weight == 100;
                self.require(reverted || yields, "a canary was let go before its target had the traffic");
            }
            (
                Effect::EnsureApex
                | Effect::EnsureRoutes
                | Effect::SetSplit(_)
                | Effect::ScaleTarget(Scale::Zero)
                | Effect::Promote { .. },
                _,
            ) => self.report("a canary was advanced while it was being deleted"),
            _ => {}
        }
    }

    fn called(&mut self, hook: usize, outcome: &Outcome) {
        if let Some(called) = self.input.plan.hooks.get(hook) {
            let entry = format!("{}[{hook}] {}", called.kind, called.name);
            let mut records = self.stored.conditions.iter().filter(|condition| condition.type_ == "HooksCalled");
            let again = records.any(|record| record.message.split(", ").any(|known| known == entry));
            self.require(!again, "a hook was called again that had answered already");
        }
        if matches!(outcome, Outcome::Refused(_) | Outcome::Failed(_)) {
            self.refused(hook);
        }
    }

    fn refused(&mut self, hook: usize) {
        let kind = self.input.plan.hooks.get(hook).map(|hook| hook.kind);
        self.failed |= matches!(
            kind,
            Some(
                HookType::PreRollout
                    | HookType::Rollout
                    | HookType::ConfirmTrafficIncrease
                    | HookType::ConfirmPromotion
            )
        );
    }

    fn measured(&mut self, check: usize, measured: &Measured) {
        let Some(check) = self.input.plan.checks.get(check) else {
            return self.report("a check was measured that the plan does not have");
        };
        self.failed |= match measured {
            Measured::Value(value) => {
                let value = if check.source == Source::Duration { value.trunc() } else { *value };
                let low = check.bounds.min.is_some_and(|min| value < min);
                value.is_nan() || low || check.bounds.max.is_some_and(|max| max < value)
            }
            Measured::NoData(_) | Measured::Fault(_) => true,
        };
    }

    fn set_split(&mut self, next: Split) {
        let before = self.split.map_or(0, Split::canary_weight);
        if before < next.canary_weight() {
            let rescue = matches!(self.primary, Some(Readiness::NotReady { retriable: false, .. }));
            self.require(self.canary == Some(&Readiness::Ready), "traffic was raised to a canary that is not ready");
            self.require(!self.failed, "a failed check raised the canary's weight");
            let due = self.input.paced || self.interval_is_over() || self.awaits_promotion();
            self.require(due || rescue, "a weight step was taken before its interval was over");
            self.require(!self.raised, "two weight steps were taken in one tick");
            self.raised = true;
        }
        if next.canary_weight() < before {
            self.require(self.canary_is_spare(), "traffic was raised to a primary that does not serve");
        }
        self.split = Some(next);
    }

    /// Whether a step that a gate held back may be taken between two looks that are due: by the clock, it was due before.
    fn interval_is_over(&self) -> bool {
        let Input { plan, status, now, .. } = self.input;
        let since = status.last_transition_time.and_then(|step| Duration::try_from(now.duration_since(step)).ok());
        since.is_some_and(|since| plan.interval <= since)
    }

    /// Whether the run was held before its promotion: then its interval was over when it was.
    fn awaits_promotion(&self) -> bool {
        let gated = self.input.plan.hooks.iter().any(|hook| hook.kind == HookType::ConfirmPromotion);
        gated && self.input.status.phase == Phase::WaitingPromotion
    }

    fn scale_to_zero(&mut self) {
        if self.input.plan.traffic == Traffic::Weighted {
            let idle = self.split.is_some_and(|split| split.canary_weight() == 0);
            self.require(idle, "a target was scaled to zero that may have traffic");
        }
        let only = match self.stored.phase {
            Phase::Initializing => self.primary != Some(&Readiness::Ready),
            _ => !self.canary_is_spare(),
        };
        self.require(!only, "the only healthy copy was scaled to zero");
    }

    /// Whether somebody has looked, and the primary serves or the canary does not.
    fn canary_is_spare(&self) -> bool {
        self.primary.is_some_and(Readiness::serves) || self.canary.is_some_and(|canary| !canary.serves())
    }

    fn promote(&mut self, revision: &str) {
        let dead = matches!(self.primary, Some(Readiness::NotReady { retriable: false, serving: false, .. }));
        if self.stored.phase == Phase::Initializing && dead {
            return;
        }
        // The first revision is whatever the primary could be made from.
        let first = self.stored.phase == Phase::Initializing;
        let decided = first || self.stored.phase == Phase::Promoting || self.input.plan.skip_analysis;
        self.require(decided, "a promotion began that the status does not tell of");
        self.require(revision == self.stored.last_applied_spec, "another revision was promoted than the analysed one");
        self.require(!self.failed, "a failed check was promoted");
    }

    fn save(&mut self, status: &CanaryStatus, outcome: &Outcome) {
        let noted = status.last_applied_spec != self.stored.last_applied_spec;
        let taken_over = self.is_taken_over(status);
        if noted && !taken_over {
            let begins = matches!(status.phase, Phase::Initializing | Phase::Progressing | Phase::Initialized);
            self.require(begins, "a revision was noted without a run for it");
        }
        // One that people declared to have succeeded is theirs.
        if status.phase == Phase::Succeeded && self.stored.phase != Phase::Succeeded && !taken_over {
            let same = status.last_promoted_spec == self.stored.last_applied_spec;
            self.require(same, "a run succeeded for another revision than the analysed one");
        }
        if *outcome == Outcome::Done {
            self.foreign = self.foreign.filter(|_| !noted);
            self.stored = status.clone();
        }
    }

    /// Whether nothing but the names of revisions changes, which were Flagger's (Go).
    fn is_taken_over(&self, status: &CanaryStatus) -> bool {
        let (applied, promoted) = (status.last_applied_spec.clone(), status.last_promoted_spec.clone());
        let renamed = CanaryStatus { last_applied_spec: applied, last_promoted_spec: promoted, ..self.stored.clone() };
        self.foreign.is_some() && renamed == *status
    }

    fn end(&mut self, over: &Over) {
        let running = matches!(
            self.stored.phase,
            Phase::Waiting | Phase::Progressing | Phase::WaitingPromotion | Phase::Promoting | Phase::Finalising
        );
        self.require(!(running && over.wake == Wake::OnChange), "a run has no next wake-up");
        let rests = matches!(self.stored.phase, Phase::Initialized | Phase::Succeeded | Phase::Failed);
        let known = [&self.stored.last_applied_spec, &self.stored.last_promoted_spec];
        let news = self.revision.is_some_and(|revision| known.iter().all(|known| *known != revision));
        self.require(!(rests && news && over.wake == Wake::OnChange), "a new revision has no next look");
        let stuck = self.input.standing.held && self.input.standing.leaving && over.ending != Ending::Terminated;
        self.require(!(stuck && over.wake == Wake::OnChange), "a deletion has no next wake-up");
    }

    fn require(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.report(rule);
        }
    }

    fn report(&mut self, rule: &str) {
        self.broken.push(rule.to_owned());
    }
}
