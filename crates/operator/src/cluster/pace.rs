//! How fast we may talk to the API server: a token bucket.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Requests per second with a burst, as `-kubeconfig-qps` and `-kubeconfig-burst` say.
#[derive(Debug)]
pub(super) struct Pace {
    per_sec: f64,
    burst: f64,
    bucket: Mutex<Bucket>,
}

/// Tokens left at a moment; negative when requests already wait for tokens to come.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Pace {
    pub(super) fn new(per_sec: u32, burst: u32) -> Self {
        let (per_sec, burst) = (f64::from(per_sec.max(1)), f64::from(burst.max(1)));
        Self { per_sec, burst, bucket: Mutex::new(Bucket { tokens: burst, at: Instant::now() }) }
    }

    /// Waits for this request's turn; turns are given in the order of the calls.
    pub(super) async fn turn(&self) {
        let wait = self.take(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn take(&self, now: Instant) -> Duration {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_sec;
        bucket.tokens = (bucket.tokens + gained).min(self.burst) - 1.0;
        bucket.at = now;
        Duration::try_from_secs_f64(-bucket.tokens / self.per_sec).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(10, 3);
        let start = Instant::now();
        for _ in 0..3 {
            pace.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..5 {
            pace.turn().await;
        }
        assert!(
            start.elapsed().abs_diff(Duration::from_millis(500)) < Duration::from_millis(10),
            "{:?}",
            start.elapsed()
        );
    }
}
