//! Calls to webhooks: one at a time for an answer, or events that nobody waits for.
//!
//! [`Courier::call`] makes one call with all its attempts. [`Courier::post`] queues an event and returns at once; what is
//! queued for one canary arrives in order, and a slow receiver holds up nobody but those who share its lane.

use std::sync::Arc;
use std::time::Duration;

use hooks::Next;
use http::Request;
use ports::Clock;
use tokio_util::sync::CancellationToken;

use crate::lanes::Lanes;
use crate::web::{Options, Route, Web};

/// Delivers calls.
pub(crate) struct Courier {
    desk: Desk,
    lanes: Lanes<Event>,
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
        let clerk = desk.clone();
        let lanes = Lanes::start(move |event| {
            let clerk = clerk.clone();
            async move { clerk.deliver(event).await }
        });
        Self { desk, lanes }
    }

    /// Calls until the hook has spoken: yes, or no with a reason.
    pub(crate) async fn call(&self, call: &Call) -> Result<(), String> {
        self.desk.call(call).await
    }

    /// Queues an event for a hook of this canary.
    pub(crate) fn post(&self, canary: &str, hook: &str, call: Call) {
        let event = Event { canary: canary.to_owned(), hook: hook.to_owned(), call };
        if let Err(Event { canary, hook, .. }) = self.lanes.queue(canary, event) {
            tracing::warn!(canary, hook, "event not sent to a webhook, too many are waiting");
        }
    }

    /// Cancelled when the courier is gone and everything that was queued has been tried.
    pub(crate) fn delivered(&self) -> CancellationToken {
        self.lanes.finished()
    }
}

impl Desk {
    async fn deliver(&self, Event { canary, hook, call }: Event) {
        if let Err(error) = self.call(&call).await {
            tracing::error!(canary, hook, error, "failed to send the event to a webhook");
        }
    }

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
