//! People who come one after the other, each with a connection of their own, as a Service spreads connections.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use ports::Clock;
use tokio::task::JoinHandle;

use crate::browser::Browser;

/// The pause between two of them.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// When somebody came, and which version answered; `None` when nobody did.
type Visit = (Timestamp, Option<String>);

/// Comes until it is dropped.
pub(crate) struct Visitors {
    visits: Arc<Mutex<Vec<Visit>>>,
    task: JoinHandle<()>,
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Visitors {
    pub(crate) fn of(server: SocketAddr, clock: Arc<dyn Clock>) -> Self {
        let visits = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&visits);
        let task = tokio::spawn(async move {
            loop {
                let page = Browser::default().visit(server, "podinfo", "/").await;
                let version = page.filter(|page| page.status == 200).and_then(|page| page.version);
                seen.lock().unwrap().push((clock.now(), version));
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { visits, task }
    }

    /// How many were answered in a stretch of time, and how many of them by this version.
    pub(crate) fn answers(&self, version: &str, time: &Range<Timestamp>) -> (u64, u64) {
        let visits = self.visits.lock().unwrap();
        let answers = visits.iter().filter(|(at, _)| time.contains(at)).filter_map(|(_, version)| version.as_deref());
        answers.fold((0, 0), |(all, of_version), answer| (all + 1, of_version + u64::from(answer == version)))
    }

    /// How many were answered by nobody.
    pub(crate) fn lost(&self) -> usize {
        self.visits.lock().unwrap().iter().filter(|(_, version)| version.is_none()).count()
    }
}
