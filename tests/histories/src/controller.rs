//! The Deployment controller with all its pods, played: revisions get up after a while, or never.
//!
//! Rolling updates keep the old pods until the new ones are up, as the default strategy does for a handful of replicas.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::clock::WorldClock;
use crate::cluster::{Cluster, Id};
use crate::dice::Dice;
use crate::facts::{self, Quality};
use crate::scene::Scene;

/// How long pods take to get up, in milliseconds.
const START_MILLIS: (u64, u64) = (500, 15_000);
/// How long the controller takes to notice a change, in milliseconds.
const NOTICE_MILLIS: (u64, u64) = (10, 800);
/// With nothing to do it looks up this often.
const NAP: Duration = Duration::from_secs(3600);

/// The controller.
pub(crate) struct Controller {
    pub(crate) cluster: Cluster,
    pub(crate) scene: Scene,
    pub(crate) clock: std::sync::Arc<WorldClock>,
    pub(crate) dice: Dice,
}

/// What it knows of one Deployment.
struct Rollout {
    template: Value,
    /// Pods of the present template that serve.
    ready: i64,
    /// Pods of the template before that still serve.
    old: i64,
    /// Whether the present template once had all its pods.
    complete: bool,
    /// When the change that the status does not tell yet is noticed.
    noticed: Option<(i64, Instant)>,
    /// When the pods that are starting are up.
    up: Option<Instant>,
    /// Since when there is no progress.
    since: Instant,
    /// Whether there was some that the condition does not tell yet, and when the last was, as it tells.
    moved: bool,
    progressed: String,
    /// Since when pods are missing, as the condition shows.
    short: Option<String>,
}

impl Controller {
    /// Works for ever.
    pub(crate) async fn run(mut self) {
        let mut rollouts = BTreeMap::new();
        loop {
            let next = self.pass(&mut rollouts);
            tokio::select! {
                biased;
                () = self.scene.moved() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Looks at every Deployment; when there is something to do next.
    fn pass(&mut self, rollouts: &mut BTreeMap<String, Rollout>) -> Instant {
        let now = Instant::now();
        let deployments = self.scene.all("Deployment");
        rollouts.retain(|uid, _| deployments.iter().any(|deployment| uid_of(deployment) == uid));
        let mut next = now + NAP;
        for deployment in deployments {
            let rollout = rollouts.entry(uid_of(&deployment).to_owned()).or_insert_with(|| Rollout::new(now));
            let due = rollout.advance(&deployment, now, &mut self.dice);
            next = next.min(due.unwrap_or(next));
            if rollout.noticed.is_none() {
                self.tell(&deployment, rollout, now);
            }
        }
        next
    }

    fn tell(&self, deployment: &Value, rollout: &mut Rollout, now: Instant) {
        let time = self.clock.world().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = rollout.status(deployment, now, &time);
        if deployment.get("status") == Some(&status) {
            return;
        }
        let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
        let before = deployment["status"].as_object().into_iter().flatten().map(|(field, _)| field.clone());
        let mut patch = status;
        for field in before {
            patch.as_object_mut().map(|patch| patch.entry(field).or_insert(Value::Null));
        }
        self.cluster.merge_status(&Id::new("Deployment", name), &json!({"status": patch}));
    }
}

impl Rollout {
    fn new(now: Instant) -> Self {
        Self {
            template: Value::Null,
            ready: 0,
            old: 0,
            complete: false,
            noticed: None,
            up: None,
            since: now,
            moved: false,
            progressed: String::new(),
            short: None,
        }
    }

    /// Does what is due, and says when the next thing is.
    fn advance(&mut self, deployment: &Value, now: Instant, dice: &mut Dice) -> Option<Instant> {
        let generation = number(deployment, "/metadata/generation");
        if number(deployment, "/status/observedGeneration") < generation {
            let due = match self.noticed {
                Some((of, due)) if of == generation => due,
                _ => now + dice.millis(NOTICE_MILLIS.0, NOTICE_MILLIS.1),
            };
            if now < due {
                self.noticed = Some((generation, due));
                return Some(due);
            }
        }
        self.noticed = None;
        self.roll(deployment, now, dice);
        let deadline = self.deadline(deployment).filter(|deadline| now < *deadline);
        [self.up, deadline].into_iter().flatten().min()
    }

    fn roll(&mut self, deployment: &Value, now: Instant, dice: &mut Dice) {
        let wanted = facts::replicas(deployment);
        let template = &deployment["spec"]["template"];
        if self.template != *template {
            self.template = template.clone();
            (self.old, self.ready) = (self.old + self.ready, 0);
            (self.complete, self.up, self.since, self.moved) = (false, None, now, true);
        }
        self.ready = self.ready.min(wanted);
        self.old = self.old.min(wanted - self.ready);
        let starts = facts::quality(facts::image(deployment)) != Quality::Broken;
        match self.up {
            Some(up) if up <= now => (self.ready, self.old, self.up, self.moved) = (wanted, 0, None, !self.complete),
            None if self.ready < wanted && starts => {
                self.up = Some(now + dice.millis(START_MILLIS.0, START_MILLIS.1));
                self.since = now;
            }
            _ => {}
        }
        if wanted <= self.ready {
            (self.up, self.old) = (None, 0);
            self.complete |= 0 < wanted;
        }
        if wanted == 0 {
            self.since = now;
        }
    }

    /// When it is given up, unless the pods get up before.
    fn deadline(&self, deployment: &Value) -> Option<Instant> {
        let secs = u64::try_from(number(deployment, "/spec/progressDeadlineSeconds")).unwrap_or(600);
        let waiting = !self.complete && 0 < facts::replicas(deployment);
        waiting.then(|| self.since + Duration::from_secs(secs))
    }

    fn status(&mut self, deployment: &Value, now: Instant, time: &str) -> Value {
        let wanted = facts::replicas(deployment);
        let available = self.ready + self.old;
        self.short = if available < wanted { self.short.take().or_else(|| Some(time.to_owned())) } else { None };
        let (enough, why) = match &self.short {
            Some(_) => ("False", "MinimumReplicasUnavailable"),
            None => ("True", "MinimumReplicasAvailable"),
        };
        let (progresses, how) = if self.complete {
            ("True", "NewReplicaSetAvailable")
        } else if self.deadline(deployment).is_some_and(|deadline| deadline <= now) {
            ("False", "ProgressDeadlineExceeded")
        } else {
            ("True", "ReplicaSetUpdated")
        };
        if std::mem::take(&mut self.moved) {
            time.clone_into(&mut self.progressed);
        }
        let since = self.short.as_deref().unwrap_or("2026-01-01T00:00:00Z");
        let mut status = json!({
            "observedGeneration": number(deployment, "/metadata/generation"),
            "conditions": [
                {"type": "Available", "status": enough, "reason": why, "lastUpdateTime": since,
                 "lastTransitionTime": since},
                {"type": "Progressing", "status": progresses, "reason": how,
                 "lastUpdateTime": self.progressed, "lastTransitionTime": self.progressed},
            ],
        });
        let counts = [
            ("replicas", wanted + self.old),
            ("updatedReplicas", wanted),
            ("readyReplicas", available),
            ("availableReplicas", available),
            ("unavailableReplicas", wanted - available),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| 0 < *count) {
            status[name] = json!(count);
        }
        status
    }
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

fn uid_of(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
