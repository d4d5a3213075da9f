//! Runs tasks: those that nobody waits for once at a time, all of them under one bound.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Failure, Policy, Surroundings, Task};
use crate::metrics::{Ending, Metrics};
use crate::world::World;

/// Tasks that run at once; with more the machine is no honest load tester.
const TASKS_MAX: usize = 128;

/// How long what was cut off may take to be gone.
const END_GRACE: Duration = Duration::from_secs(5);

/// Runs tasks; cheap to clone.
#[derive(Clone)]
pub(crate) struct Runner(Arc<Inner>);

struct Inner {
    policy: Policy,
    timeout: Duration,
    world: World,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    /// Canary and text of the tasks that run in the background.
    running: Mutex<BTreeSet<(String, String)>>,
    tasks: TaskTracker,
    /// Cuts off what nobody waits for.
    hush: CancellationToken,
    /// Cuts off everything.
    end: CancellationToken,
}

/// What became of a task for the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Begun,
    /// The same one runs for this canary.
    RunsAlready,
    TooMany,
}

impl Runner {
    pub(crate) fn new(policy: Policy, timeout: Duration, metrics: Arc<Metrics>, world: World) -> Self {
        Self(Arc::new(Inner {
            policy,
            timeout,
            world,
            metrics,
            places: Arc::new(Semaphore::new(TASKS_MAX)),
            running: Mutex::default(),
            tasks: TaskTracker::new(),
            hush: CancellationToken::new(),
            end: CancellationToken::new(),
        }))
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Begins the task in the background, unless the same one of this canary runs.
    pub(crate) fn begin(&self, canary: String, task: Task) -> Queued {
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else { return Queued::TooMany };
        let name = (canary.clone(), task.text.clone());
        if !self.0.running().insert(name.clone()) {
            tracing::info!(canary, r#type = task.kind, task = task.text, "the task runs already, skipped");
            self.0.metrics.told(task.kind, Ending::Skipped);
            return Queued::RunsAlready;
        }
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let _name = Name { inner: &inner, name };
            // What it came to is in the log.
            let _ = inner.perform(&canary, &task, place, &inner.hush).await;
        });
        Queued::Begun
    }

    /// Runs the task to its end, whether or not who asked for it is still there; `None` when there are too many.
    ///
    /// A client that gives up does not cut it off: an upgrade that is ended halfway is worse than one that is late.
    pub(crate) async fn perform(&self, canary: String, task: Task) -> Option<Result<String, Failure>> {
        let place = Arc::clone(&self.0.places).try_acquire_owned().ok()?;
        let inner = Arc::clone(&self.0);
        let performed = self.0.tasks.spawn(async move { inner.perform(&canary, &task, place, &inner.end).await });
        Some(performed.await.unwrap_or_else(|_| Err(Failure::Fault("the task broke off".to_owned()))))
    }

    /// Cuts off what runs in the background.
    pub(crate) fn hush(&self) {
        self.0.hush.cancel();
    }

    /// Cuts off everything, and waits a moment until it is gone.
    pub(crate) async fn end(&self) {
        self.0.hush.cancel();
        self.0.end.cancel();
        self.0.tasks.close();
        let _ = tokio::time::timeout(END_GRACE, self.0.tasks.wait()).await;
    }
}

impl Inner {
    async fn perform(
        &self,
        canary: &str,
        task: &Task,
        place: OwnedSemaphorePermit,
        end: &CancellationToken,
    ) -> Result<String, Failure> {
        let Task { kind, text, note, .. } = task;
        tracing::info!(canary, r#type = kind, task = text, note, "task started");
        self.metrics.began(kind);
        let began = Instant::now();
        let Self { policy, timeout, world, metrics, .. } = self;
        let surroundings = Surroundings { policy, timeout: *timeout, world, metrics };
        let outcome = end.run_until_cancelled(task.run(&surroundings)).await;
        let took = began.elapsed();
        let (ending, outcome) = match outcome {
            Some(Ok(said)) => (Ending::Succeeded, Ok(said)),
            Some(Err(failure)) => (Ending::Failed, Err(failure)),
            None => (Ending::Stopped, Err(Failure::Fault("the load tester was told to stop".to_owned()))),
        };
        self.metrics.ended(kind, ending, took);
        let seconds = took.as_secs_f64();
        match &outcome {
            Ok(said) => tracing::info!(canary, r#type = kind, task = text, seconds, output = said, "task finished"),
            Err(failure) => {
                tracing::error!(canary, r#type = kind, task = text, seconds, error = failure.reason(), "task failed");
            }
        }
        drop(place);
        outcome
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<(String, String)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that runs in the background, until it is over in whatever way.
struct Name<'a> {
    inner: &'a Inner,
    name: (String, String),
}

impl Drop for Name<'_> {
    fn drop(&mut self) {
        self.inner.running().remove(&self.name);
    }
}
