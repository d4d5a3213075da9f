//! Time as an argument.

use std::time::Duration;

use jiff::Timestamp;

/// The time of the world that the program acts in, which need not run at the speed of the machine's.
pub trait Clock: Send + Sync {
    /// What time it is in that world.
    fn now(&self) -> Timestamp;

    /// How long a stretch of that world's time lasts on the machine: what to sleep for.
    fn real(&self, stretch: Duration) -> Duration;
}

/// The machine's own time.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn real(&self, stretch: Duration) -> Duration {
        stretch
    }
}
