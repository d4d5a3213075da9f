//! What everybody in a history shares: who is acting, what the world looks like, and what is told of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use apiserver::Commit;
use serde_json::Value;
use tokio::sync::Notify;

use crate::clock::WorldClock;
use crate::cluster::Id;
use crate::judge::Judge;
use crate::objects::Objects;

/// Lines of a trace; a history that has more to tell has gone wrong long before.
const LINES_MAX: usize = 200_000;

/// Who changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// Kubernetes' own controllers, the garbage collector included.
    Controller,
    /// The operator: this replica of it.
    Operator(usize),
    /// Whoever sets up the stage.
    Stage,
    /// The people whose releases these are.
    User,
}

impl Actor {
    /// Whether it is a replica of the operator.
    pub(crate) fn is_operator(self) -> bool {
        matches!(self, Self::Operator(_))
    }

    /// Which one; the first for everybody else.
    pub(crate) fn replica(self) -> usize {
        if let Self::Operator(replica) = self { replica } else { 0 }
    }
}

/// A handle; clones are of the same scene.
#[derive(Clone)]
pub(crate) struct Scene {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<WorldClock>,
    state: Mutex<State>,
    moved: Notify,
}

struct State {
    actor: Actor,
    objects: Objects,
    judge: Judge,
    lines: Option<Vec<String>>,
}

impl Scene {
    /// An empty one, told line by line if `traced`.
    pub(crate) fn new(clock: &Arc<WorldClock>, traced: bool) -> Self {
        let state = State {
            actor: Actor::Stage,
            objects: Objects::default(),
            judge: Judge::new(Arc::clone(clock)),
            lines: traced.then(Vec::new),
        };
        let shared = Shared { clock: Arc::clone(clock), state: Mutex::new(state), moved: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `act`, which waits for nothing, on behalf of `actor`.
    pub(crate) fn acting<T>(&self, actor: Actor, act: impl FnOnce() -> T) -> T {
        let before = std::mem::replace(&mut self.state().actor, actor);
        let outcome = act();
        self.state().actor = before;
        outcome
    }

    /// A change that was just made to the world, on behalf of whoever is acting.
    pub(crate) fn observe(&self, commit: &Commit<'_>) {
        let Some(id) = commit.after.or(commit.before).and_then(|object| Id::of(object)) else {
            return self.hear_event(commit);
        };
        let mut state = self.state();
        let State { actor, objects, judge, .. } = &mut *state;
        objects.see(id.clone(), commit.after);
        let actor = *actor;
        judge.see(actor, &id, commit, objects);
        drop(state);
        let change = crate::telling::Change { id: &id, commit };
        if !change.is_renewal() {
            self.say(format_args!("{actor:<10} {change}"));
        }
        if id.kind != "Lease" {
            self.shared.moved.notify_one();
        }
    }

    fn hear_event(&self, commit: &Commit<'_>) {
        if let Some(event) = commit.after.filter(|object| object["kind"] == "Event") {
            let (actor, message) = (self.state().actor, event["message"].as_str().unwrap_or_default());
            self.state().judge.event(actor);
            self.say(format_args!("{actor:<10} says: {message}"));
        }
    }

    /// The object as it is now.
    pub(crate) fn object(&self, id: &Id) -> Option<Arc<Value>> {
        self.state().objects.share(id)
    }

    /// All objects of a kind.
    pub(crate) fn all(&self, kind: &str) -> Vec<Arc<Value>> {
        self.state().objects.of(kind)
    }

    /// Waits until something has changed since the last time this was asked.
    pub(crate) async fn moved(&self) {
        self.shared.moved.notified().await;
    }

    /// Asks the judge, who also sees what there is.
    pub(crate) fn judge<T>(&self, ask: impl FnOnce(&mut Judge, &Objects) -> T) -> T {
        let mut state = self.state();
        let State { judge, objects, .. } = &mut *state;
        ask(judge, objects)
    }

    /// A line of the trace.
    pub(crate) fn say(&self, line: fmt::Arguments<'_>) {
        let mut state = self.state();
        if let Some(lines) = state.lines.as_mut().filter(|lines| lines.len() < LINES_MAX) {
            lines.push(format!("{} {line}", crate::telling::Age(self.shared.clock.age())));
        }
    }

    /// What was told so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.state().lines.clone().unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Controller => "controller",
            Self::Operator(0) => "operator",
            Self::Operator(_) => "operator 2",
            Self::Stage => "stage",
            Self::User => "user",
        })
    }
}
