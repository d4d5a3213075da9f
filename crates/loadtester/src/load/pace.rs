//! When the next request goes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Hands out turns to the clients of one load: evenly, until enough were given or the time is over.
///
/// Turns that were missed because all clients were busy are not made up for: a slow service gets no burst.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    end: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: Instant,
    left: u64,
}

impl Pace {
    /// So many turns a second, or as fast as they are asked for.
    pub(super) fn new(rate: Option<f64>, count: u64, end: Instant) -> Self {
        let every =
            rate.map_or(Duration::ZERO, |rate| Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX));
        Self { every, end, state: Mutex::new(State { next: Instant::now(), left: count }) }
    }

    /// Waits for a turn; false when there are no more.
    pub(super) async fn turn(&self) -> bool {
        let Some(at) = self.take() else { return false };
        sleep_until(at).await;
        true
    }

    fn take(&self) -> Option<Instant> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let at = state.next.max(Instant::now());
        if state.left == 0 || self.end <= at {
            return None;
        }
        state.left -= 1;
        state.next = at.checked_add(self.every).unwrap_or(self.end);
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_evenly_and_end_with_the_time_or_the_count() {
        let began = Instant::now();
        let pace = Pace::new(Some(4.0), u64::MAX, began + Duration::from_secs(2));
        let mut turns = 0;
        while pace.turn().await {
            assert_eq!(began.elapsed(), Duration::from_millis(250) * turns);
            turns += 1;
        }
        assert_eq!(turns, 8);

        let pace = Pace::new(None, 3, began + Duration::from_secs(60));
        for expected in [true, true, true, false] {
            assert_eq!(pace.turn().await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn missed_turns_are_not_made_up_for() {
        let pace = Pace::new(Some(10.0), u64::MAX, Instant::now() + Duration::from_secs(60));
        assert!(pace.turn().await);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(pace.turn().await);
        let began = Instant::now();
        assert!(pace.turn().await);
        assert_eq!(began.elapsed(), Duration::from_millis(100));
    }
}
