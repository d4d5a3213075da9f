//! Time that runs faster than the machine's.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use tokio::time::Instant;

/// A clock that runs `speed` times as fast as the machine's.
///
/// One that runs faster starts in the past: programs beside the sandbox, such as `kubectl`, count ages by the machine's time,
/// and an object from the future has none. It counts on tokio's [`Instant`], so it stands still when a test pauses tokio's
/// time.
#[derive(Debug)]
pub struct ScaledClock {
    pace: RwLock<Pace>,
}

/// Since when the clock has run how fast.
#[derive(Clone, Copy, Debug)]
struct Pace {
    speed: f64,
    started: Timestamp,
    origin: Instant,
}

/// How far in the past a fast clock starts: more than the play of a release or two.
const LEAD: SignedDuration = SignedDuration::from_mins(10);

/// How long a clock that follows somebody else's world stays behind the machine's, in real time: longer than anybody watches.
const BEHIND: Duration = Duration::from_secs(30 * 60);

impl ScaledClock {
    /// The slowest and the fastest that a clock runs: beyond these, timers round to nothing or never ring.
    const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

    /// A clock that starts now. A speed outside 0.01 … 10 000 is brought back into that range.
    pub fn new(speed: f64) -> Self {
        Self::with_lead(speed, LEAD)
    }

    /// A clock beside controllers that follow the machine's: it stays behind theirs for half an hour of real time, so that
    /// nothing that they have just done looks overdue.
    pub fn behind(speed: f64) -> Self {
        let lead = BEHIND.mul_f64((Self::bounded(speed) - 1.0).max(0.0));
        Self::with_lead(speed, SignedDuration::try_from(lead).unwrap_or(LEAD))
    }

    fn with_lead(speed: f64, lead: SignedDuration) -> Self {
        let now = Timestamp::now();
        let started = if speed <= 1.0 { now } else { now.checked_sub(lead).unwrap_or(now) };
        Self { pace: RwLock::new(Pace { speed: Self::bounded(speed), started, origin: Instant::now() }) }
    }

    /// Runs at another speed from now on. What sleeps already sleeps as long as was planned.
    pub fn set_speed(&self, speed: f64) {
        let mut pace = self.pace.write().unwrap_or_else(PoisonError::into_inner);
        *pace = Pace { speed: Self::bounded(speed), started: pace.now(), origin: Instant::now() };
    }

    fn pace(&self) -> Pace {
        *self.pace.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn bounded(speed: f64) -> f64 {
        if speed.is_nan() { 1.0 } else { speed.clamp(*Self::SPEEDS.start(), *Self::SPEEDS.end()) }
    }
}

impl Pace {
    fn now(self) -> Timestamp {
        let played = self.origin.elapsed().mul_f64(self.speed);
        let played = SignedDuration::try_from(played).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(played).unwrap_or(Timestamp::MAX)
    }
}

impl Clock for ScaledClock {
    fn now(&self) -> Timestamp {
        self.pace().now()
    }

    fn real(&self, stretch: Duration) -> Duration {
        Duration::try_from_secs_f64(stretch.as_secs_f64() / self.pace().speed).unwrap_or(Duration::MAX)
    }
}

/// The machine's time at the pace of another clock: what is written into objects that real controllers read has to be of the
/// machine's time, what is only waited for may be hurried.
#[derive(Debug)]
pub(crate) struct Hurried(pub(crate) std::sync::Arc<ScaledClock>);

impl Clock for Hurried {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn real(&self, stretch: Duration) -> Duration {
        self.0.real(stretch)
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

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_slows_down_does_not_jump() {
        let clock = ScaledClock::new(60.0);
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(1)).await;
        clock.set_speed(1.0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(elapsed(clock.now(), before), Duration::from_secs(61));
    }
}
