//! Time that runs faster than the machine's: the API allows no interval below 10 s.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::time::Instant;

/// How many times as fast.
const SPEED: u32 = 20;

/// How far in the past it starts, so that it is not ahead of the controllers' time while a test runs: deadlines compare both.
const LEAD: SignedDuration = SignedDuration::from_hours(3);

pub(crate) struct Brisk {
    started: Timestamp,
    origin: Instant,
}

impl Brisk {
    pub(crate) fn new() -> Self {
        Self { started: Timestamp::now() - LEAD, origin: Instant::now() }
    }
}

impl Clock for Brisk {
    fn now(&self) -> Timestamp {
        self.started + self.origin.elapsed() * SPEED
    }

    fn real(&self, stretch: Duration) -> Duration {
        stretch / SPEED
    }
}
