//! Calls to webhooks: one at a time for an answer, or events that nobody waits for.
//!
//! [`Courier::call`] makes one call with all its attempts. [`Courier::post`] queues an event and returns at once; what is
//! queued for one canary arrives in order, and a slow receiver holds up nobody but those who share its lane.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use hooks::Next;
use http::Request;
use ports::Clock;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::web::{Options, Route, Web};

/// Events that are delivered at once; each lane is one connection's worth of waiting.
const LANES: usize = 8;

/// Events that wait in one lane; further ones are dropped, since a receiver that is this far behind will not catch up.
const LANE_MAX: usize = 250;

/// Delivers calls; cheap to clone. Its lanes end with the last clone.
#[derive(Clone)]
pub(crate) struct Courier {
    desk: Desk,
    lanes: Vec<mpsc::Sender<Event>>,
    delivered: CancellationToken,
}

/// What every call takes.
#[derive(Clone)]
struct Desk {
    web: Web,
    clock: Arc<dyn Clock>,
}

/// One call of one hook.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The address as the canary or the flag has it.
    pub(crate) url: String,
    pub(crate) request: Request<Vec<u8>>,
    /// How long each attempt may take, by the machine's clock.
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    /// Accept any certificate.
    pub(crate) insecure: bool,
}

/// An event on its way.
struct Event {
    canary: String,
    hook: String,
    call: Call,
}

impl Courier {
    /// Starts the lanes.
    pub(crate) fn start(web: Web, clock: Arc<dyn Clock>) -> Self {
        let desk = Desk { web, clock };
        let mut tasks = JoinSet::new();
        let mut lane = || {
            let (lane, events) = mpsc::channel(LANE_MAX);
            tasks.spawn(deliver(desk.clone(), events));
            lane
        };
        let lanes = (0..LANES).map(|_| lane()).collect();
        let delivered = CancellationToken::new();
        let end = delivered.clone().drop_guard();
        tokio::spawn(async move {
            while tasks.join_next().await.is_some() {}
            drop(end);
        });
        Self { desk, lanes, delivered }
    }

    /// Calls until the hook has spoken: yes, or no with a reason.
    pub(crate) async fn call(&self, call: &Call) -> Result<(), String> {
        self.desk.call(call).await
    }

    /// Queues an event for a hook of this canary.
    pub(crate) fn post(&self, canary: &str, hook: &str, call: Call) {
        let mut hasher = DefaultHasher::new();
        canary.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
        let event = Event { canary: canary.to_owned(), hook: hook.to_owned(), call };
        let Some(lane) = self.lanes.get(lane) else { return };
        if let Err(mpsc::error::TrySendError::Full(event)) = lane.try_send(event) {
            let Event { canary, hook, .. } = event;
            tracing::warn!(canary, hook, "event not sent to a webhook, too many are waiting");
        }
    }

    /// Cancelled when the last clone is gone and everything that was queued has been tried.
    pub(crate) fn delivered(&self) -> CancellationToken {
        self.delivered.clone()
    }
}

async fn deliver(desk: Desk, mut events: mpsc::Receiver<Event>) {
    while let Some(Event { canary, hook, call }) = events.recv().await {
        if let Err(error) = desk.call(&call).await {
            tracing::error!(canary, hook, error, "failed to send the event to a webhook");
        }
    }
}

impl Desk {
    async fn call(&self, call: &Call) -> Result<(), String> {
        let Call { url, request, timeout, retries, insecure } = call;
        // The network knows no other time than the machine's.
        let options = Options { timeout: *timeout, route: Route { insecure: *insecure, proxy: None } };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = self.web.send(request.clone(), &options).await;
            let heard = outcome.as_ref().map_err(ToString::to_string);
            match hooks::heard(url, *retries, attempts, heard.as_ref().map(|it| *it).map_err(String::as_str)) {
                Next::Done(verdict) => return verdict,
                Next::Again(wait) => tokio::time::sleep(self.clock.real(wait)).await,
            }
        }
    }
}
