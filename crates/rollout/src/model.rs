//! A model of everything that a tick talks to, with faults to order: for simulations, properties and benchmarks.
//!
//! Pods are up at once or never, time passes by intervals, and nothing else happens in between.

use std::collections::BTreeMap;
use std::time::Duration;

use api::{CanaryStatus, Phase};
use jiff::Timestamp;

use crate::claim::Claim;
use crate::effect::{Effect, Entry, Foreign, Measured, Outcome, Readiness, Scale, Side, Target};
use crate::finalizing::Standing;
use crate::plan::Plan;
use crate::report::Over;
use crate::tick::{Input, Step, tick};
use crate::traffic::Split;
use crate::words::{MeterFault, Sentence, Tone};
use crate::{invariants, pace};

/// How a hash in a status begins that Flagger (Go) wrote.
const FOREIGN: &str = "go-";

/// How an effect goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused; nothing happened.
    Refused,
    /// It happened, but the answer was lost.
    Unheard,
    /// The operator dies before it.
    Crash,
    /// The operator dies after it happened.
    CrashAfter,
}

/// What happened in a tick.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its end; none when the operator died in it.
    pub over: Option<Over>,
    /// What was asked and answered.
    pub journal: Vec<Entry>,
    /// Rules that it broke.
    pub broken: Vec<String>,
}

/// What a release acts on.
#[derive(Clone, Debug)]
pub struct World {
    /// Its time.
    pub now: Timestamp,
    /// The status as it is stored.
    pub status: CanaryStatus,
    /// Revision of the target, whose pods are up at once unless it is broken.
    pub target: String,
    /// Checksums of the configs that the target refers to.
    pub configs: Option<BTreeMap<String, String>>,
    /// Whether the target is scaled up.
    pub target_up: bool,
    /// Revision of the primary.
    pub primary: Option<String>,
    /// Whether there is a target at all.
    pub target_exists: bool,
    /// How the canary stands to its target.
    pub claim: Claim,
    /// What the API says about the canary object.
    pub standing: Standing,
    /// Whom the user's own Service selects.
    pub apex: Side,
    /// How requests are shared.
    pub split: Split,
    /// Success rate of a revision's requests.
    pub success: fn(&str) -> f64,
    /// On which sides pods of the revision before still serve where the new ones don't get up.
    pub leftovers: &'static [Side],
    /// Whether the pods of a revision get up on a side: `None` while they still may.
    pub starts: fn(Side, &str) -> Option<bool>,
    /// Whether the pods of a revision on the canary's side crash although they were up.
    pub crashing: fn(&str) -> bool,
    /// What the checks are read from and is missing.
    pub missing: Option<&'static str>,
    /// What the hook with this name answers.
    pub hook: fn(&str) -> bool,
    /// How long it takes to do so.
    pub hook_takes: Duration,
    /// Lines for a transcript.
    pub log: Vec<String>,
    /// Revisions that a run began for.
    pub begun: Vec<String>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: Timestamp::UNIX_EPOCH,
            status: CanaryStatus::default(),
            target: "v1".into(),
            configs: None,
            target_up: true,
            primary: None,
            target_exists: true,
            claim: Claim::default(),
            standing: Standing::default(),
            apex: Side::Canary,
            split: Split::PRIMARY,
            success: |revision| if revision.starts_with("bad") { 70.0 } else { 100.0 },
            leftovers: &[],
            starts: |_, revision| Some(!revision.starts_with("broken")),
            crashing: |_| false,
            missing: None,
            hook: |_| true,
            hook_takes: Duration::ZERO,
            log: Vec::new(),
            begun: Vec::new(),
        }
    }
}

impl World {
    /// A world where revision `v1` is initialized and `revision` was just pushed.
    pub fn pushed(plan: &Plan, revision: &str) -> Self {
        let mut world = Self::default();
        world.run(plan, 2);
        world.log.clear();
        world.target = revision.into();
        world
    }

    /// Ticks at the pace of the analysis, at most `ticks` times, until a run ends. Its end, if there was one.
    pub fn run(&mut self, plan: &Plan, ticks: usize) -> Option<Over> {
        for _ in 0..ticks {
            let over = self.tick(plan, true, |_| None).over;
            if over.as_ref().is_some_and(|over| over.ending.is_final()) {
                return over;
            }
        }
        None
    }

    /// One tick; a paced one is one interval after the last.
    pub fn tick(&mut self, plan: &Plan, paced: bool, fault: impl FnMut(&Effect) -> Option<Fault>) -> Told {
        if paced {
            self.now = self.now.checked_add(plan.interval).unwrap_or(Timestamp::MAX);
        }
        self.look(plan, paced, false, fault)
    }

    /// A look between two steps that asks gates again.
    pub fn poll(&mut self, plan: &Plan, fault: impl FnMut(&Effect) -> Option<Fault>) -> Told {
        self.now = self.now.checked_add(pace::POLL).unwrap_or(Timestamp::MAX);
        self.look(plan, false, true, fault)
    }

    fn look(
        &mut self,
        plan: &Plan,
        paced: bool,
        polled: bool,
        mut fault: impl FnMut(&Effect) -> Option<Fault>,
    ) -> Told {
        let status = self.status.clone();
        let claim = self.claim.clone();
        let (standing, now) = (self.standing, self.now);
        let input = Input { plan, status: &status, claim: &claim, standing, now, paced, polled };
        let mut journal = Vec::new();
        let over = loop {
            let effect = match tick(&input, &journal) {
                Step::Over(over) => break Some(*over),
                Step::Next(effect) => effect,
            };
            let outcome = match fault(&effect) {
                None => self.perform(plan, &effect),
                Some(Fault::Refused) => Outcome::Failed("refused".into()),
                Some(Fault::Unheard) => {
                    self.perform(plan, &effect);
                    Outcome::Failed("timed out".into())
                }
                Some(Fault::Crash) => break None,
                Some(Fault::CrashAfter) => {
                    self.perform(plan, &effect);
                    break None;
                }
            };
            journal.push(Entry { effect, outcome, at: self.now });
        };
        let mut broken = invariants::violations(&input, &journal, over.as_ref());
        let replayed = tick(&input, &journal);
        if over.as_ref().is_some_and(|over| replayed != Step::Over(Box::new(over.clone()))) {
            broken.push(format!("the journal replays to another end: {replayed:?}"));
        }
        Told { over, journal, broken }
    }

    fn perform(&mut self, plan: &Plan, effect: &Effect) -> Outcome {
        match effect {
            Effect::ReadTarget => Outcome::Target(Box::new(Target {
                revision: self.target.clone(),
                configs: self.configs.clone(),
                parked: !self.target_up,
                foreign: self.foreign(),
            })),
            Effect::EnsureServices | Effect::EnsureScaler { .. } | Effect::EnsureRoutes => Outcome::Done,
            Effect::CheckMeters => self.missing.map_or(Outcome::Done, |what| Outcome::Missing(what.into())),
            Effect::EnsureApex => {
                self.apex = Side::Primary;
                Outcome::Done
            }
            Effect::Hold | Effect::LetGo => {
                self.standing.held = *effect == Effect::Hold;
                self.log.push(if self.standing.held { "hold" } else { "let go" }.into());
                Outcome::Done
            }
            Effect::GiveBackTraffic => {
                self.apex = Side::Canary;
                self.log.push("traffic given back".into());
                Outcome::Done
            }
            Effect::EnsurePrimary => {
                if self.primary.is_some() {
                    return Outcome::Done;
                }
                self.primary = Some(self.target.clone());
                Outcome::Made
            }
            Effect::CheckReady(side) => Outcome::Ready(self.readiness(*side)),
            Effect::ReadSplit => Outcome::Split(self.split),
            Effect::SetSplit(split) => {
                self.log.push(format!("split {split}"));
                self.split = *split;
                Outcome::Done
            }
            Effect::ScaleTarget(_) if !self.target_exists => Outcome::Gone,
            Effect::ScaleTarget(scale) => {
                self.target_up = *scale != Scale::Zero;
                Outcome::Done
            }
            Effect::Promote { revision } => {
                if self.primary.as_ref() == Some(revision) {
                    return Outcome::Done;
                }
                if self.target != *revision {
                    return Outcome::Moved;
                }
                self.primary = Some(revision.clone());
                Outcome::Done
            }
            Effect::CallHook { hook, phase } => {
                let name = plan.hook_name(*hook);
                self.log.push(format!("call {name} in {phase}"));
                self.now = self.now.checked_add(self.hook_takes).unwrap_or(Timestamp::MAX);
                if (self.hook)(name) { Outcome::Done } else { Outcome::Refused("no".into()) }
            }
            Effect::Measure(_) => Outcome::Measured(match self.missing {
                Some(what) => Measured::Fault(MeterFault::Template(what.into())),
                None => Measured::Value((self.success)(&self.target)),
            }),
            Effect::Say(sentence) => {
                self.log.push(line(plan, sentence));
                Outcome::Done
            }
            Effect::Alert(alert) => {
                self.log.push(format!("alert {:?}: {}", alert.severity(), alert.text(plan)));
                Outcome::Done
            }
            Effect::Save(status) => {
                let mark = (status.phase, &status.last_applied_spec);
                let is_news = mark != (self.status.phase, &self.status.last_applied_spec);
                let taken_over = mark.0 == self.status.phase && self.status.last_applied_spec.starts_with(FOREIGN);
                if status.phase == Phase::Progressing && is_news && !taken_over {
                    self.begun.push(status.last_applied_spec.clone());
                }
                let news = status.conditions.iter().filter(|condition| !self.status.conditions.contains(condition));
                let notes: Vec<String> = news
                    .filter(|condition| condition.type_ != "Promoted")
                    .map(|condition| format!("note {} {}: {}", condition.type_, condition.reason, condition.message))
                    .collect();
                self.log.extend(notes);
                let beside = CanaryStatus { conditions: self.status.conditions.clone(), ..(**status).clone() };
                if beside == self.status {
                    self.status = (**status).clone();
                    return Outcome::Done;
                }
                self.log.push(format!(
                    "status {} weight={} failed={} iterations={}",
                    status.phase, status.canary_weight, status.failed_checks, status.iterations
                ));
                self.status = (**status).clone();
                Outcome::Done
            }
        }
    }

    fn foreign(&self) -> Option<Foreign> {
        let applied = self.status.last_applied_spec.starts_with(FOREIGN);
        let promoted = self.status.last_promoted_spec.starts_with(FOREIGN);
        let carried = self.primary.as_ref().is_none_or(|primary| *primary == self.target);
        (applied || promoted).then_some(Foreign { applied, promoted, carried })
    }

    fn readiness(&self, side: Side) -> Readiness {
        let (name, revision) = match side {
            Side::Primary => ("primary", self.primary.as_deref().unwrap_or("broken")),
            Side::Canary => ("canary", self.target.as_str()),
        };
        let parked = side == Side::Canary && !self.target_up;
        if side == Side::Canary && !parked && (self.crashing)(revision) {
            let reason = format!("{name} crashes");
            return Readiness::NotReady { reason, retriable: true, serving: false, broken: true };
        }
        match (self.starts)(side, revision) {
            Some(true) if !parked => Readiness::Ready,
            starts => Readiness::NotReady {
                reason: format!("{name} not ready"),
                retriable: parked || starts.is_none(),
                serving: self.leftovers.contains(&side),
                broken: false,
            },
        }
    }
}

fn line(plan: &Plan, sentence: &Sentence) -> String {
    let tone = match sentence.tone() {
        Tone::Normal => "say",
        Tone::Warning => "warn",
    };
    format!("{tone} {}", sentence.text(plan))
}
