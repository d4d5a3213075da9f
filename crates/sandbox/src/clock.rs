//! Time that runs faster than the machine's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::time::Instant;

/// A clock that starts at the machine's time and runs `speed` times as fast.
///
/// It counts on tokio's [`Instant`], so it stands still when a test pauses tokio's time.
#[derive(Clone, Copy, Debug)]
pub struct ScaledClock {
    speed: f64,
    started: Timestamp,
    origin: Instant,
}

impl ScaledClock {
    /// The slowest and the fastest that a clock runs: beyond these, timers round to nothing or never ring.
    const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

    /// A clock that starts now. A speed outside 0.01 … 10 000 is brought back into that range.
    pub fn new(speed: f64) -> Self {
        let speed = if speed.is_nan() { 1.0 } else { speed.clamp(*Self::SPEEDS.start(), *Self::SPEEDS.end()) };
        Self { speed, started: Timestamp::now(), origin: Instant::now() }
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        let played = self.origin.elapsed().mul_f64(self.speed);
        let played = SignedDuration::try_from(played).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(played).unwrap_or(Timestamp::MAX)
    }

    fn real(&self, stretch: Duration) -> Duration {
        Duration::try_from_secs_f64(stretch.as_secs_f64() / self.speed).unwrap_or(Duration::MAX)
    }
}

/// Waits for a stretch of the clock's own time.
pub(crate) async fn sleep(clock: &dyn Clock, stretch: Duration) {
    tokio::time::sleep(clock.real(stretch)).await;
}

/// The stretch of the clock's time from `since` until now, zero when that is yet to come.
pub(crate) fn elapsed(now: Timestamp, since: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_passes_in_a_second_at_speed_sixty() {
        let clock = ScaledClock::new(60.0);
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(elapsed(clock.now(), before), Duration::from_secs(60));
        assert_eq!(clock.real(Duration::from_secs(60)), Duration::from_secs(1));
    }
}
