//! Work queues: names to look at, now or later, each at most once at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Id;

/// When to look at a name again without being told: after this stretch of the cluster's time.
pub(crate) type Again = Option<Duration>;

/// Why a name could not be brought to where it should be. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server refused or did not answer.
    #[error("failed to {0}")]
    Api(&'static str, #[source] kube::Error),
}

/// Brings one name of a kind to where it should be.
pub(crate) trait Reconcile: Send + Sync + 'static {
    /// Looks at the caches and writes what differs; safe to repeat and to interrupt.
    fn reconcile(&self, id: &Id) -> impl Future<Output = Result<Again, Error>> + Send;
}

/// Names waiting to be looked at. It holds a name once, so it is never longer than there are objects.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    ready: BTreeSet<Id>,
    later: BTreeMap<Id, Instant>,
    failures: BTreeMap<Id, u32>,
}

impl Queue {
    /// Look at this name as soon as possible.
    pub(crate) fn add(&self, id: Id) {
        self.with(|state| state.ready.insert(id));
        self.wake.notify_one();
    }

    /// Look at these names as soon as possible.
    pub(crate) fn extend(&self, ids: impl IntoIterator<Item = Id>) {
        ids.into_iter().for_each(|id| self.add(id));
    }

    /// Look at this name after a stretch of real time, or before if something happens.
    fn add_after(&self, id: Id, wait: Duration) {
        let Some(at) = Instant::now().checked_add(wait) else { return };
        self.with(|state| {
            let due = state.later.entry(id).or_insert(at);
            *due = at.min(*due);
        });
        self.wake.notify_one();
    }

    /// The next name, waiting for one.
    async fn next(&self) -> Id {
        loop {
            let heard = self.wake.notified();
            let due = match self.with(|state| state.take(Instant::now())) {
                Ok(id) => return id,
                Err(due) => due,
            };
            match due {
                Some(due) => {
                    let _ = tokio::time::timeout_at(due, heard).await;
                }
                None => heard.await,
            }
        }
    }

    /// How long to wait after one more failure: from 5 ms, doubling up to about a second.
    fn failed(&self, id: &Id) -> Duration {
        const DOUBLINGS: u32 = 8;
        self.with(|state| {
            let failures = state.failures.entry(id.clone()).or_default();
            let wait = Duration::from_millis(5 << (*failures).min(DOUBLINGS));
            *failures = failures.saturating_add(1);
            wait
        })
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// The next name, or when the next one is due.
    fn take(&mut self, now: Instant) -> Result<Id, Option<Instant>> {
        let due: Vec<Id> = self.later.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
        for id in due {
            self.later.remove(&id);
            self.ready.insert(id);
        }
        self.ready.pop_first().ok_or_else(|| self.later.values().min().copied())
    }
}

/// Looks at one name after the other, for ever.
pub(crate) async fn run(queue: Arc<Queue>, clock: Arc<dyn Clock>, controller: impl Reconcile) {
    loop {
        let id = queue.next().await;
        match controller.reconcile(&id).await {
            Ok(again) => {
                queue.with(|state| state.failures.remove(&id));
                if let Some(stretch) = again {
                    queue.add_after(id, clock.real(stretch));
                }
            }
            Err(error) => {
                let wait = queue.failed(&id);
                if !stale(&error) {
                    tracing::debug!(%id, error = &error as &dyn std::error::Error, "a played controller tries again");
                }
                queue.add_after(id, wait);
            }
        }
    }
}

/// Whether a write was refused because it was based on an old look, which is no news.
fn stale(error: &Error) -> bool {
    matches!(error, Error::Api(_, kube::Error::Api(status)) if status.code == 409)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_added_twice_is_looked_at_once_and_later_names_wait() {
        let queue = Queue::default();
        queue.add_after(Id::new("a", "late"), Duration::from_secs(5));
        queue.add(Id::new("a", "now"));
        queue.add(Id::new("a", "now"));
        assert_eq!(queue.next().await.name, "now");
        let before = Instant::now();
        assert_eq!(queue.next().await.name, "late");
        assert_eq!(before.elapsed().as_secs(), 5);
    }
}
