//! One look at a canary: the tick, effect by effect.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use api::{Canary, CanaryStatus, Phase};
use jiff::Timestamp;
use ports::{Clock, Key, kinds};
use rollout::invariants::violations;
use rollout::words::Sentence;
use rollout::{Effect, Ending, Entry, Input, Outcome, Over, Plan, Standing, Step, Wake, pace, tick};
use serde::Deserialize;

use crate::claims::Claims;
use crate::cluster::{Cluster, Error as ClusterError};
use crate::courier::Courier;
use crate::herald::Herald;
use crate::perform::{World, standing};
use crate::places::Places;
use crate::recorder::Recorder;
use crate::refusals::{Refusals, legible};
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
    pub(crate) courier: Courier,
    pub(crate) herald: Herald,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) recorder: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) settings: crate::args::Settings,
    pub(crate) rules: rollout::Settings,
    pub(crate) workloads: targets::Settings,
    /// What was said about canaries that can't be understood.
    pub(crate) refusals: Refusals,
    pub(crate) routing: routers::Settings,
    /// What is known of canaries from their last look.
    seen: Mutex<Places<Seen>>,
    /// Who names which target.
    claims: Mutex<Claims>,
}

/// What the last look at a canary saw; empty until there was one.
#[derive(Debug, Default)]
struct Seen {
    /// The target, which there are series of, so that these go with the canary.
    target: Box<str>,
    /// The apex Service, so that a new name is noticed.
    service: Box<str>,
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
        let courier = Courier::start(web.clone(), Arc::clone(&clock));
        let herald = Herald::start(&cluster, &web, &clock, &metrics, &settings);
        Self {
            cluster,
            courier,
            herald,
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
                config_tracking: settings.config_tracking,
            },
            routing: routers::Settings {
                default_provider: settings.mesh_provider.clone(),
                ingress_annotations_prefix: settings.ingress_annotations_prefix.clone(),
            },
            settings,
            refusals: Refusals::default(),
            seen: Mutex::default(),
            claims: Mutex::default(),
        }
    }

    /// Takes note of what a canary names as its target now. The canaries that this means something to.
    pub(crate) fn note(&self, canary: &Key) -> Vec<Key> {
        let object = self.cluster.cached(canary);
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).note(canary, object.as_deref())
    }

    /// All canaries that there are, and those that were there when we last heard of them.
    pub(crate) fn canaries(&self) -> BTreeSet<Key> {
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        self.cluster.keys(kinds::CANARY).into_iter().chain(claims.canaries()).collect()
    }

    /// Looks at a canary, whose step is due at `due` if that is known.
    pub(crate) async fn look(&self, look: Look, due: Option<Timestamp>) -> Looked {
        let Look { canary: key, pace } = look;
        let found = match self.read(&key, pace).await {
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
        let standing = standing(&object);
        if standing.leaving && !standing.held {
            // Its objects go with it, and nothing is given back.
            return Looked { next: Some(rest(self.clock.now())), canary: key, depends_on: Vec::new() };
        }
        let canary: Canary = match Canary::deserialize(&*object) {
            Ok(canary) => canary,
            Err(error) => {
                let rule = format!("failed to read the canary: {error}");
                return self.refuse(key, &legible(&object), &rule).await;
            }
        };
        let plan = match Plan::of(&canary, &self.rules) {
            Ok(plan) => plan,
            Err(_) if standing.leaving => Plan::as_written(&canary, &self.rules),
            Err(invalid) => {
                let rules: Vec<String> = invalid.iter().map(ToString::to_string).collect();
                return self.refuse(key, &canary, &rules.join("; ")).await;
            }
        };
        self.refusals.forget(&key);
        let look = Look { canary: key, pace };
        self.advance(look, due, &canary, &plan, standing).await
    }

    /// The canary as it is known. The first look at a run asks past the watch, which may be behind: whoever looked after it before
    /// may have taken a step a moment ago, and its time is in the status.
    async fn read(&self, key: &Key, pace: Pace) -> Result<Option<ports::Object>, ClusterError> {
        let known = self.cluster.get(key).await?;
        let phase = known.as_ref().map(|object| object["status"]["phase"].clone()).unwrap_or_default();
        let is_running = serde_json::from_value(phase).is_ok_and(pace::is_running);
        if pace == Pace::First && is_running { self.cluster.fetch(key).await } else { Ok(known) }
    }

    async fn advance(
        &self,
        look: Look,
        due: Option<Timestamp>,
        canary: &Canary,
        plan: &Plan,
        standing: Standing,
    ) -> Looked {
        let Look { canary: key, pace } = look;
        let now = self.clock.now();
        let status = canary.status.clone().unwrap_or_default();
        let due = match pace {
            Pace::First => pace::due(&status, plan.interval, now),
            Pace::Due | Pace::Poll | Pace::Early => pace::planned(due.unwrap_or(now), &status, plan, now),
        };
        let paced = due <= now && matches!(pace, Pace::First | Pace::Due);
        let polled = matches!(pace, Pace::First | Pace::Poll);
        let mut world = World::new(self, canary, plan);
        if let Some(renamed) = self.renamed(&key, canary) {
            world.perform(&Effect::Say(renamed)).await;
        }
        let claim = self.claims.lock().unwrap_or_else(PoisonError::into_inner).of(&key);
        let input = Input { plan, status: &status, claim: &claim, standing, now, paced, polled };
        let mut journal = Vec::new();
        let over = loop {
            let effect = match tick(&input, &journal) {
                Step::Over(over) => break *over,
                Step::Next(effect) => effect,
            };
            if EFFECTS_MAX <= journal.len() {
                break endless(&input);
            }
            if !self.cluster.may_change() {
                return self.later(key);
            }
            let outcome = world.perform(&effect).await;
            tracing::debug!(canary = %name(&key), ?effect, ?outcome, "effect");
            journal.push(Entry { effect, outcome, at: self.clock.now() });
        };
        self.observe(&key, &input, &journal, &over);
        for rule in violations(&input, &journal, Some(&over)) {
            tracing::error!(canary = %name(&key), rule, "a look broke a rule");
        }
        let depends_on = world.into_dependencies();
        let due = match over.wake {
            // What the step did happened at some time of the look, so the interval begins at its end.
            Wake::After(_) => self.clock.now(),
            Wake::Keep | Wake::OnChange => due,
        };
        let next = Next { wake: over.wake, due, interval: plan.interval, poll: over.poll };
        Looked { canary: key, next: Some(next), depends_on }
    }

    /// What to say about an apex Service that has another name than at the last look.
    fn renamed(&self, key: &Key, canary: &Canary) -> Option<Sentence> {
        let after = api::names::apex_service(canary);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.entry(&key.namespace, &key.name);
        if *seen.service == *after {
            return None;
        }
        let before = std::mem::replace(&mut seen.service, after.into());
        (!before.is_empty()).then(|| Sentence::ServiceRenamed { before: before.into(), after: after.to_owned() })
    }

    /// Forgets what is kept for a canary that is gone.
    fn forget(&self, key: &Key) {
        self.refusals.forget(key);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&key.namespace, &key.name);
        if let Some(seen) = seen {
            self.metrics.forget(&seen.target, &key.namespace);
        }
    }

    pub(crate) fn later(&self, key: Key) -> Looked {
        let next =
            Next { wake: Wake::After(INVALID_RETRY), due: self.clock.now(), interval: INVALID_RETRY, poll: None };
        Looked { canary: key, next: Some(next), depends_on: Vec::new() }
    }

    /// Series and log lines about a look, read off its journal.
    fn observe(&self, key: &Key, input: &Input<'_>, journal: &[Entry], over: &Over) {
        let plan = input.plan;
        let (target, namespace) = (plan.target.as_str(), plan.namespace.as_str());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).entry(&key.namespace, &key.name).target =
            target.into();
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
        self.metrics.canary_phase(target, namespace, over.status.phase);
        let analysed = journal.iter().any(|entry| matches!(entry.effect, Effect::Measure(_) | Effect::CallHook { .. }));
        if input.paced && analysed {
            let took = self.clock.now().duration_since(input.now).as_secs_f64();
            self.metrics.duration(target, namespace, took);
        }
        let is_foreign = |status: &CanaryStatus| targets::revision::is_foreign(&status.last_applied_spec);
        if is_foreign(input.status) && !is_foreign(&over.status) {
            tracing::info!(canary = %name(key), phase = %over.status.phase, "took over from Flagger (Go)");
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
    let wake = Wake::After(input.plan.interval);
    Over { status: input.status.clone(), ending: Ending::Faulted { reason }, wake, poll: None }
}

fn rest(now: Timestamp) -> Next {
    Next { wake: Wake::OnChange, due: now, interval: INVALID_RETRY, poll: None }
}

/// `name.namespace`, as log lines and events call a canary.
pub(crate) fn name(key: &Key) -> String {
    format!("{}.{}", key.name, key.namespace)
}
