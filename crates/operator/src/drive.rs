//! One look at a canary: the tick, effect by effect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Canary, Phase};
use jiff::Timestamp;
use ports::{Clock, Key};
use rollout::invariants::violations;
use rollout::{Effect, Ending, Entry, Input, Outcome, Over, Plan, Step, Wake, pace, tick};

use crate::cluster::Cluster;
use crate::perform::{World, refusal};
use crate::recorder::Recorder;
use crate::schedule::{Look, Looked, Next, Pace};
use crate::telemetry::Metrics;
use crate::web::Web;

/// Effects in one tick. A tick asks for some thirty, plus a handful for each hook and metric; one that asks for more than
/// this is ended as faulty rather than left to run for ever.
const EFFECTS_MAX: usize = 10_000;

/// Time until a canary that can't be understood is looked at again, unless it changes.
const INVALID_RETRY: std::time::Duration = std::time::Duration::from_secs(60);

/// What every look takes; one for the process.
pub(crate) struct Shell {
    pub(crate) cluster: Cluster,
    pub(crate) web: Web,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: crate::args::Settings,
    pub(crate) rules: rollout::Settings,
    pub(crate) workloads: targets::Settings,
    /// What was said about canaries that can't be understood, so that it is said once.
    refusals: Mutex<HashMap<Key, String>>,
    /// The targets that canaries have series for, so that these go with the canary.
    observed: Mutex<HashMap<Key, String>>,
}

impl Shell {
    pub(crate) fn new(
        cluster: Cluster,
        web: Web,
        clock: Arc<dyn Clock>,
        recorder: Recorder,
        metrics: Arc<Metrics>,
        settings: crate::args::Settings,
    ) -> Self {
        Self {
            cluster,
            web,
            clock,
            recorder,
            metrics,
            rules: rollout::Settings {
                provider: settings.mesh_provider.clone(),
                no_cross_namespace_refs: !settings.cross_namespace_refs,
            },
            workloads: targets::Settings {
                selector_labels: settings.selector_labels.clone(),
                include_label_prefixes: settings.include_label_prefixes.clone(),
            },
            settings,
            refusals: Mutex::default(),
            observed: Mutex::default(),
        }
    }

    /// Looks at a canary, whose step is due at `due` if that is known.
    pub(crate) async fn look(&self, look: Look, due: Option<Timestamp>) -> Looked {
        let Look { canary: key, pace } = look;
        let found = match self.cluster.get(&key).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(canary = %name(&key), %error, "failed to read the canary");
                return self.later(key);
            }
        };
        let Some(object) = found else {
            self.forget(&key);
            return Looked { canary: key, next: None, depends_on: Vec::new() };
        };
        if object["metadata"]["deletionTimestamp"].is_string() {
            // What is being deleted gets no new step; its objects go with it.
            return Looked { next: Some(rest(self.clock.now())), canary: key, depends_on: Vec::new() };
        }
        let canary: Canary = match serde_json::from_value((*object).clone()) {
            Ok(canary) => canary,
            Err(error) => return self.refuse(key, &object, &format!("failed to read the canary: {error}")),
        };
        let plan = match Plan::of(&canary, &self.rules) {
            Ok(plan) => plan,
            Err(invalid) => {
                let rules: Vec<String> = invalid.iter().map(ToString::to_string).collect();
                return self.refuse(key, &object, &rules.join("; "));
            }
        };
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.advance(key, &canary, &plan, pace, due).await
    }

    async fn advance(&self, key: Key, canary: &Canary, plan: &Plan, pace: Pace, due: Option<Timestamp>) -> Looked {
        let now = self.clock.now();
        let status = canary.status.clone().unwrap_or_default();
        let due = match pace {
            Pace::First => pace::due(&status, plan.interval, now),
            Pace::Due | Pace::Early => due.unwrap_or(now),
        };
        let paced = due <= now && pace != Pace::Early;
        let mut world = World::new(self, canary, plan);
        let input = Input { plan, status: &status, now, paced };
        let mut journal = Vec::new();
        let over = loop {
            let effect = match tick(&input, &journal) {
                Step::Over(over) => break *over,
                Step::Next(effect) => effect,
            };
            if EFFECTS_MAX <= journal.len() {
                break endless(&input);
            }
            let outcome = world.perform(&effect).await;
            tracing::debug!(canary = %name(&key), ?effect, ?outcome, "effect");
            journal.push(Entry { effect, outcome });
        };
        self.observe(&key, plan, &journal, &over, now);
        for rule in violations(&input, &journal, Some(&over)) {
            tracing::error!(canary = %name(&key), rule, "a look broke a rule");
        }
        let depends_on = world.into_seen().keys().cloned().collect();
        let due = match over.wake {
            // What the step did happened at some time of the look, so the interval begins at its end.
            Wake::After(_) => self.clock.now(),
            Wake::Keep | Wake::OnChange => due,
        };
        let next = Next { wake: over.wake, due, interval: plan.interval };
        Looked { canary: key, next: Some(next), depends_on }
    }

    /// Forgets what is kept for a canary that is gone.
    fn forget(&self, key: &Key) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        if let Some(target) = self.observed.lock().unwrap_or_else(PoisonError::into_inner).remove(key) {
            self.metrics.forget(&target, &key.namespace);
        }
    }

    /// Says what is wrong with a canary that can't be understood, once, and leaves everything as it is.
    fn refuse(&self, key: Key, object: &ports::Object, reason: &str) -> Looked {
        let known = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.insert(key.clone(), reason.to_owned()).is_some_and(|before| before == reason)
        };
        if !known {
            tracing::warn!(canary = %name(&key), reason, "the canary is invalid");
            self.recorder.record(refusal(&key, object, reason));
        }
        self.later(key)
    }

    pub(crate) fn later(&self, key: Key) -> Looked {
        let next = Next { wake: Wake::After(INVALID_RETRY), due: self.clock.now(), interval: INVALID_RETRY };
        Looked { canary: key, next: Some(next), depends_on: Vec::new() }
    }

    /// Series and log lines about a look, read off its journal.
    fn observe(&self, key: &Key, plan: &Plan, journal: &[Entry], over: &Over, began: Timestamp) {
        let (target, namespace) = (plan.target.as_str(), plan.namespace.as_str());
        self.observed.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), target.to_owned());
        for entry in journal {
            match (&entry.effect, &entry.outcome) {
                (Effect::ReadSplit, Outcome::Split(split)) | (Effect::SetSplit(split), Outcome::Done) => {
                    let (primary, canary) = (split.primary_weight().into(), split.canary_weight().into());
                    self.metrics.weight(target, namespace, primary, canary);
                }
                _ => {}
            }
        }
        self.metrics.canary_status(target, namespace, status_code(over.status.phase));
        if journal.iter().any(|entry| matches!(entry.effect, Effect::Measure(_) | Effect::CallHook { .. })) {
            let took = self.clock.now().duration_since(began).as_secs_f64();
            self.metrics.duration(target, namespace, took);
        }
        let strategy = plan.strategy.as_str();
        match &over.ending {
            Ending::Promoted { skipped } => {
                let status = if *skipped { "skipped" } else { "completed" };
                self.metrics.succeeded(target, namespace, strategy, status);
            }
            Ending::RolledBack { .. } | Ending::PromotionFailed { .. } => {
                self.metrics.failed(target, namespace, strategy);
            }
            _ => {}
        }
        tracing::debug!(
            canary = %format_args!("{}.{namespace}", plan.name), phase = %over.status.phase, ending = ?over.ending,
            effects = journal.len(), "look over"
        );
    }
}

/// The value of `flagger_canary_status`, as alert rules know it: 0 while a run is on its way, 2 failed, 1 otherwise.
fn status_code(phase: Phase) -> i64 {
    match phase {
        Phase::Progressing => 0,
        Phase::Failed => 2,
        Phase::New
        | Phase::Initializing
        | Phase::Initialized
        | Phase::Waiting
        | Phase::WaitingPromotion
        | Phase::Promoting
        | Phase::Finalising
        | Phase::Succeeded
        | Phase::Terminating
        | Phase::Terminated => 1,
    }
}

fn endless(input: &Input<'_>) -> Over {
    let reason = format!("a look asked for more than {EFFECTS_MAX} effects");
    tracing::error!(canary = %input.plan.name, "{reason}");
    Over { status: input.status.clone(), ending: Ending::Faulted { reason }, wake: Wake::After(input.plan.interval) }
}

fn rest(now: Timestamp) -> Next {
    Next { wake: Wake::OnChange, due: now, interval: INVALID_RETRY }
}

/// `name.namespace`, as log lines and events call a canary.
pub(crate) fn name(key: &Key) -> String {
    format!("{}.{}", key.name, key.namespace)
}
