//! The time of the world, and the clock of the operator's machine, which jumps.
//!
//! Both count on tokio's time, which is paused: an hour passes as soon as nobody has anything left to do before its end.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::time::Instant;

/// When every history begins.
const DAWN: Timestamp = Timestamp::constant(1_790_000_000, 0);

/// Two clocks in one: the world's and the operator's.
#[derive(Debug)]
pub(crate) struct WorldClock {
    origin: Instant,
    /// By how many milliseconds the operator's clock is ahead.
    ahead_millis: AtomicI64,
}

impl WorldClock {
    /// Starts now, both alike.
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), ahead_millis: AtomicI64::new(0) }
    }

    /// How old the world is.
    pub(crate) fn age(&self) -> Duration {
        self.origin.elapsed()
    }

    /// What clocks show that do not jump: the API server's and everybody's but the operator's.
    pub(crate) fn world(&self) -> Timestamp {
        DAWN + SignedDuration::try_from(self.age()).unwrap_or_default()
    }

    /// The operator's clock is right again.
    pub(crate) fn set_right(&self) {
        self.ahead_millis.store(0, Ordering::Relaxed);
    }

    /// The operator's clock is set forward, or back.
    pub(crate) fn jump(&self, by: SignedDuration) {
        self.ahead_millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }
}

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.world() + SignedDuration::from_millis(self.ahead_millis.load(Ordering::Relaxed))
    }

    fn real(&self, stretch: Duration) -> Duration {
        stretch
    }
}
