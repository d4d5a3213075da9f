//! The time of the world, and the clocks of the operator's machines, which jump.
//!
//! All count on tokio's time, which is paused: an hour passes as soon as nobody has anything left to do before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::time::Instant;

/// When every history begins.
pub(crate) const DAWN: Timestamp = Timestamp::constant(1_790_000_000, 0);

/// Replicas of the operator that a history has at most.
pub(crate) const REPLICAS_MAX: usize = 2;

/// All clocks: the world's, and one of each replica's machine.
#[derive(Debug)]
pub(crate) struct WorldClock {
    origin: Instant,
    /// By how many milliseconds each replica's clock is ahead.
    ahead_millis: [AtomicI64; REPLICAS_MAX],
}

impl WorldClock {
    /// Starts now, all alike.
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), ahead_millis: Default::default() }
    }

    /// How old the world is.
    pub(crate) fn age(&self) -> Duration {
        self.origin.elapsed()
    }

    /// What clocks show that do not jump: the API server's and everybody's but the operator's.
    pub(crate) fn world(&self) -> Timestamp {
        DAWN + SignedDuration::try_from(self.age()).unwrap_or_default()
    }

    /// What this replica's clock shows.
    pub(crate) fn of(&self, replica: usize) -> Timestamp {
        self.world() + SignedDuration::from_millis(self.ahead_millis[replica].load(Ordering::Relaxed))
    }

    /// The replicas' clocks are right again.
    pub(crate) fn set_right(&self) {
        for ahead in &self.ahead_millis {
            ahead.store(0, Ordering::Relaxed);
        }
    }

    /// A replica's clock is set forward, or back.
    pub(crate) fn jump(&self, replica: usize, by: SignedDuration) {
        self.ahead_millis[replica].fetch_add(i64::try_from(by.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// The clock of one replica's machine.
#[derive(Debug)]
pub(crate) struct ReplicaClock {
    pub(crate) clocks: Arc<WorldClock>,
    pub(crate) replica: usize,
}

impl Clock for ReplicaClock {
    fn now(&self) -> Timestamp {
        self.clocks.of(self.replica)
    }

    fn real(&self, stretch: Duration) -> Duration {
        stretch
    }
}
