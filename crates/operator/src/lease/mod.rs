//! Which replica leads: a Lease that one of them holds, as client-go's leader election has it.
//!
//! The holder renews its lease while it is there. Others take it once its holder was silent for as long as the lease lasts,
//! or at once when it was handed back. It does not know what a leader does: it says when one may ([`Tenure`]) and makes sure
//! that no two replicas may at the same time. A leader that can't renew loses its tenure a good while before its lease may be
//! taken; when it gets through again before somebody did, it leads anew.
//!
//! Start reading at [`Election::stand`].

mod record;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ports::{Change, Clock, Key, Object, kinds};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use self::record::{Candidate, Turn};
use crate::cluster::{Cluster, Error, Reason};

/// The name of the original's lease, so that replicas of both respect each other.
const NAME: &str = "flagger-leader-election";

/// How long a leader may act after the renewal that it got through last began. What is left of the lease is for requests that
/// are on their way.
const TENURE: Duration = Duration::from_secs(3);

/// The time between two renewals: room for one that fails, and less than one request in a second.
const RENEW_EVERY: Duration = Duration::from_millis(1250);

/// How often those who wait look whether the lease was renewed or handed back.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long one request about the lease may take, and the pause after one that failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Another replica has taken the lease over from us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the replica {holder} has taken over the lease {lease}")]
pub struct Lost {
    lease: Key,
    holder: String,
}

/// Whether this process may act; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tenure(watch::Receiver<Standing>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// There is no election.
    Unopposed,
    /// Another replica leads, or none.
    Waiting,
    /// We do, until then unless the lease is renewed.
    Leading(Instant),
}

impl Tenure {
    /// That of a process without rivals.
    pub(crate) fn unopposed() -> Self {
        Self(watch::Sender::new(Standing::Unopposed).subscribe())
    }

    /// Whether it has not ended by now. True for a moment only: ask before each thing that is done.
    pub(crate) fn holds(&self) -> bool {
        holds(*self.0.borrow())
    }

    /// Waits until it begins. Never returns once the election is over without us.
    pub(crate) async fn begins(&self) {
        let mut standings = self.0.clone();
        if standings.wait_for(|standing| holds(*standing)).await.is_err() && !self.holds() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it ends.
    pub(crate) async fn ends(&self) {
        let mut standings = self.0.clone();
        loop {
            let standing = *standings.borrow_and_update();
            match standing {
                Standing::Unopposed => return std::future::pending().await,
                Standing::Waiting => return,
                Standing::Leading(until) if until <= Instant::now() => return,
                Standing::Leading(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    changed = standings.changed() => if changed.is_err() { return sleep_until(until).await },
                },
            }
        }
    }
}

/// What became of a try to get the lease.
enum Attempt {
    /// It is ours.
    Ours(Object),
    /// Another replica holds it, unless it stays silent until then.
    Theirs { holder: String, until: Instant },
    /// Another replica was faster.
    Overtaken,
}

fn holds(standing: Standing) -> bool {
    match standing {
        Standing::Unopposed => true,
        Standing::Waiting => false,
        Standing::Leading(until) => Instant::now() < until,
    }
}

/// One replica's part in the election.
pub(crate) struct Election {
    cluster: Cluster,
    clock: Arc<dyn Clock>,
    candidate: Candidate,
    standing: watch::Sender<Standing>,
    /// What was logged last about the election, so that it is said once.
    said: Option<String>,
}

impl Election {
    /// A candidate for the lease in `namespace`. The `cluster` is not to be shared with others: its pace would delay renewals.
    pub(crate) fn new(cluster: Cluster, clock: Arc<dyn Clock>, namespace: &str) -> Self {
        let candidate = Candidate::new(Key::new(kinds::LEASE, namespace, NAME), identity());
        Self { cluster, clock, candidate, standing: watch::Sender::new(Standing::Waiting), said: None }
    }

    /// Whether this replica may act.
    pub(crate) fn tenure(&self) -> Tenure {
        Tenure(self.standing.subscribe())
    }

    /// Stands for election until `stop` is cancelled, and then hands the lease back; ends early when another replica has
    /// taken it from us.
    pub(crate) async fn stand(mut self, stop: &CancellationToken) -> Result<(), Lost> {
        let mut led = false;
        while let Some(lease) = stop.run_until_cancelled(self.acquire(led)).await {
            led = true;
            let lease = self.hold(lease?, stop).await?;
            if stop.is_cancelled() {
                self.release(&lease).await;
                break;
            }
        }
        self.standing.send_replace(Standing::Waiting);
        Ok(())
    }

    /// Waits for the lease. Somebody else's is a loss for who `led` before.
    async fn acquire(&mut self, led: bool) -> Result<Object, Lost> {
        loop {
            let began = Instant::now();
            let wait = match self.attempt().await {
                Ok(Attempt::Ours(lease)) => {
                    tracing::info!(lease = %self.candidate.key(), "leading");
                    self.said = None;
                    self.standing.send_replace(Standing::Leading(began + TENURE));
                    return Ok(lease);
                }
                // Who that is shows the next look.
                Ok(Attempt::Overtaken) => RETRY_PAUSE,
                Ok(Attempt::Theirs { holder, .. }) if led => return Err(self.lost(holder)),
                Ok(Attempt::Theirs { holder, until }) => {
                    self.say_once(&holder, || tracing::info!(holder, "another replica leads, waiting"));
                    until.saturating_duration_since(Instant::now()).min(LOOK_EVERY)
                }
                Err(error) => {
                    let hint = error.hint();
                    self.say_once(&error.detail, || tracing::error!(%error, hint, "failed to read or take the lease"));
                    LOOK_EVERY
                }
            };
            sleep(wait).await;
        }
    }

    /// One look at the lease, and one try to take it if that is allowed.
    async fn attempt(&mut self) -> Result<Attempt, Error> {
        let key = self.candidate.key().clone();
        let found = within(&key, self.cluster.fetch(&key)).await?;
        let change = match self.candidate.consider(found.as_ref(), Instant::now(), self.now()) {
            Turn::Create(lease) => Change::Create(key, lease),
            Turn::Take(lease) => Change::Replace(key, lease),
            Turn::Wait { holder, until } => return Ok(Attempt::Theirs { holder, until }),
        };
        match self.write(change).await {
            Err(error) if matches!(error.reason, Reason::AlreadyExists | Reason::Conflict) => Ok(Attempt::Overtaken),
            written => written.map(Attempt::Ours),
        }
    }

    /// Renews the lease until told to stop, or until the tenure ends for want of a renewal. Returns the lease as it was last.
    async fn hold(&mut self, mut lease: Object, stop: &CancellationToken) -> Result<Object, Lost> {
        let tenure = self.tenure();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(lease),
                () = sleep(RENEW_EVERY) => {}
            }
            let renewed = tokio::select! {
                renewed = self.renew(&lease) => renewed?,
                () = tenure.ends() => {
                    tracing::warn!(lease = %self.candidate.key(), "failed to renew the lease in time, nothing is done until it is");
                    self.standing.send_replace(Standing::Waiting);
                    return Ok(lease);
                }
            };
            lease = renewed;
        }
    }

    /// Tries until the lease is renewed.
    async fn renew(&mut self, lease: &Object) -> Result<Object, Lost> {
        let mut lease = Arc::clone(lease);
        loop {
            let began = Instant::now();
            let key = self.candidate.key().clone();
            let error = match self.write(Change::Replace(key, self.candidate.renewed(&lease, self.now()))).await {
                Ok(renewed) => {
                    self.said = None;
                    self.standing.send_replace(Standing::Leading(began + TENURE));
                    return Ok(renewed);
                }
                Err(error) => error,
            };
            if matches!(error.reason, Reason::Conflict | Reason::NotFound) {
                // Somebody has edited or deleted it, or an answer to us got lost.
                if let Ok(found) = self.reread().await? {
                    lease = found;
                    continue;
                }
            }
            self.say_once(&error.detail, || tracing::warn!(%error, hint = error.hint(), "failed to renew the lease"));
            sleep(RETRY_PAUSE).await;
        }
    }

    /// The lease as it is now, created again if it is gone; somebody else's is a loss.
    async fn reread(&mut self) -> Result<Result<Object, Error>, Lost> {
        let key = self.candidate.key().clone();
        let found = match within(&key, self.cluster.fetch(&key)).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                let lease = self.candidate.fresh(self.now());
                return Ok(self.write(Change::Create(key, lease)).await);
            }
            Err(error) => return Ok(Err(error)),
        };
        match self.candidate.rival(&found) {
            Some(holder) => Err(self.lost(holder)),
            None => Ok(Ok(found)),
        }
    }

    /// Hands the lease back. Who comes next waits a little longer if that fails.
    async fn release(&mut self, lease: &Object) {
        self.standing.send_replace(Standing::Waiting);
        let change = Change::Replace(self.candidate.key().clone(), self.candidate.released(lease, self.now()));
        match self.write(change).await {
            Ok(_) => tracing::info!(lease = %self.candidate.key(), "handed the lease back"),
            Err(error) => tracing::warn!(%error, "failed to hand the lease back"),
        }
    }

    async fn write(&self, change: Change) -> Result<Object, Error> {
        let key = change.key();
        let written = within(key, self.cluster.perform(&change)).await?;
        written.ok_or_else(|| Error::unreadable(key, "the answer has no lease"))
    }

    fn lost(&mut self, holder: String) -> Lost {
        self.standing.send_replace(Standing::Waiting);
        Lost { lease: self.candidate.key().clone(), holder }
    }

    fn say_once(&mut self, what: &str, say: impl FnOnce()) {
        if self.said.as_deref() != Some(what) {
            say();
            self.said = Some(what.to_owned());
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

async fn within<T>(key: &Key, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::late(key, REQUEST_TIMEOUT)),
    }
}

/// `<hostname>_<uuid>`, as client-go's users have it: which machine, and which of the processes that run there.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    // The standard library's hash maps are keyed by the system's random numbers.
    let random = || RandomState::new().hash_one(std::process::id());
    let (high, low) = (random(), random());
    format!(
        "{}_{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        host.as_deref().unwrap_or("flagger"),
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff,
    )
}
