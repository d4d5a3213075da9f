//! The independent checker: it sees every change in the order in which the API server makes them, and knows nothing else.
//!
//! It judges the world and not what the operator believes of it, and shares no code with the decision. What people do to their
//! own objects is theirs; and since the operator reads from watches, which may be behind, what it did on a picture of
//! a moment ago is judged by that picture ([`LAG`]). What it did itself it has to know at once.

mod leaders;
mod runs;
mod traffic;
mod workloads;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use apiserver::Commit;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::clock::WorldClock;
use crate::cluster::Id;
use crate::facts;
use crate::objects::Objects;
use crate::scene::Actor;
use crate::stage::{APP, PRIMARY};

pub(crate) use runs::is_over;

/// How old the operator's picture of the world may be: a watch that failed over and over is tried again after 30 s.
pub(crate) const LAG: Duration = Duration::from_secs(60);

/// Times are stored in whole seconds, so a pace that is taken up again may be off by one.
const SECOND: Duration = Duration::from_secs(1);

/// Complaints that are kept; the first one tells most.
const BROKEN_MAX: usize = 10;

/// What the checker knows.
pub(crate) struct Judge {
    clock: Arc<WorldClock>,
    broken: Vec<String>,
    /// When people last changed an object, in whatever way.
    meddled: BTreeMap<Id, Instant>,
    primary: Capacity,
    canary: Capacity,
    /// When the last step was taken.
    step: Option<Moment>,
    /// When people last wrote the status.
    status_written: Option<Instant>,
    /// The shortest interval that the canary ever had.
    interval: Option<Duration>,
    /// When the target last became another revision, and when a run last began.
    shipped: Option<Instant>,
    /// The target's image.
    image: String,
    begun: Option<Instant>,
    /// When people last deleted the primary.
    primary_deleted: Option<Instant>,
    /// The replica that leads.
    leader: Option<Actor>,
    /// When the operator last wrote anything.
    wrote: Instant,
    /// Whether nothing is left to do.
    quiet: bool,
}

/// Whether an object goes because its owner is gone, on whatever occasion.
fn is_garbage(commit: &Commit<'_>, objects: &Objects) -> bool {
    let Some(before) = commit.before.filter(|_| commit.after.is_none()) else { return false };
    let owner = before.pointer("/metadata/ownerReferences/0/uid");
    owner.is_some_and(|uid| objects.all().all(|object| object["metadata"]["uid"] != *uid))
}

/// A moment on the world's clock and on that of the replica that acts.
#[derive(Clone, Copy)]
struct Moment {
    world: Instant,
    operator: Timestamp,
}

/// Whether a side serves.
#[derive(Default)]
struct Capacity {
    serving: bool,
    /// When it stopped, unless the operator itself stopped it.
    stopped: Option<Instant>,
}

impl Capacity {
    /// Whether the operator may believe that this side serves.
    fn may_serve(&self) -> bool {
        self.serving || self.stopped.is_some_and(|stopped| stopped.elapsed() <= LAG)
    }

    fn update(&mut self, deployment: Option<&Arc<Value>>, actor: Actor) {
        let serves = deployment.is_some_and(|deployment| 0 < facts::available(deployment));
        if self.serving && !serves {
            self.stopped = (!actor.is_operator()).then(Instant::now);
        }
        self.serving = serves;
    }
}

impl Judge {
    pub(crate) fn new(clock: Arc<WorldClock>) -> Self {
        Self {
            clock,
            broken: Vec::new(),
            meddled: BTreeMap::new(),
            primary: Capacity::default(),
            canary: Capacity::default(),
            step: None,
            status_written: None,
            interval: None,
            shipped: None,
            image: String::new(),
            begun: None,
            primary_deleted: None,
            leader: None,
            wrote: Instant::now(),
            quiet: false,
        }
    }

    /// A change; `objects` have it already.
    pub(crate) fn see(&mut self, actor: Actor, id: &Id, commit: &Commit<'_>, objects: &Objects) {
        let actor = if is_garbage(commit, objects) { Actor::Controller } else { actor };
        match actor {
            Actor::Operator(_) if id.kind == "Lease" => self.see_lease(actor, commit),
            Actor::Operator(_) => {
                self.judge_leader(actor, id);
                self.wrote(id);
            }
            Actor::User => drop(self.meddled.insert(id.clone(), Instant::now())),
            Actor::Controller | Actor::Stage => {}
        }
        let by_operator = actor.is_operator();
        match (id.kind, id.name.as_str()) {
            ("Canary", APP) => self.see_canary(actor, commit, objects),
            ("HTTPRoute", APP) if by_operator => self.judge_route(actor, commit, objects),
            ("Service", APP) if by_operator => self.judge_apex(commit, objects),
            ("Deployment", APP) => {
                if by_operator {
                    self.judge_target(commit, objects);
                }
                self.see_target(commit, objects);
                self.canary.update(commit.after, actor);
            }
            ("Deployment", PRIMARY) => {
                if by_operator {
                    self.judge_primary(commit, objects);
                }
                if actor == Actor::User && commit.after.is_none() {
                    self.primary_deleted = Some(Instant::now());
                }
                self.primary.update(commit.after, actor);
            }
            _ => {}
        }
    }

    /// An event was written.
    pub(crate) fn event(&mut self, actor: Actor) {
        if actor.is_operator() {
            self.wrote("an event");
        }
    }

    /// How long the operator has written nothing.
    pub(crate) fn idle(&self) -> Duration {
        self.wrote.elapsed()
    }

    /// From now on there is nothing left to write.
    pub(crate) fn expect_quiet(&mut self) {
        self.quiet = true;
    }

    /// A rule is broken.
    pub(crate) fn report(&mut self, what: impl fmt::Display) {
        if self.broken.len() < BROKEN_MAX {
            self.broken.push(format!("{}: {what}", crate::telling::Age(self.clock.age()).to_string().trim_start()));
        }
    }

    /// Every rule that was broken.
    pub(crate) fn broken(&self) -> &[String] {
        &self.broken
    }

    fn require(&mut self, holds: bool, rule: impl fmt::Display) {
        if !holds {
            self.report(rule);
        }
    }

    fn wrote(&mut self, what: impl fmt::Display) {
        self.wrote = Instant::now();
        if self.quiet {
            self.report(format_args!("the operator wrote {what} with nothing left to do"));
        }
    }

    /// Whether the operator may not have seen yet what people did to an object.
    fn is_meddled(&self, kind: &'static str, name: &str) -> bool {
        self.meddled.get(&Id::new(kind, name)).is_some_and(|at| at.elapsed() <= LAG)
    }

    fn moment(&self, actor: Actor) -> Moment {
        Moment { world: Instant::now(), operator: self.clock.of(actor.replica()) }
    }
}
