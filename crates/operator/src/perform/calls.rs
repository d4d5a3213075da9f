//! Effects that call webhooks.

use api::{CanaryWebhook, HookType, Phase};
use hooks::{Event, EventKind, Next, Payload};
use rollout::Outcome;
use rollout::words::Tone;

use super::World;
use crate::cause::chain;
use crate::web::{Options, Route};

impl World<'_> {
    /// Calls one hook and hears whether it says yes.
    pub(super) async fn call_hook(&mut self, hook: usize, phase: Phase) -> Outcome {
        let Some(hook) = self.canary.spec.analysis.webhooks.get(hook) else {
            return Outcome::Failed("the canary has no such webhook".to_owned());
        };
        let payload = Payload::new(self.canary, &self.status, phase, &hook.metadata);
        match self.call(hook, &payload).await {
            Ok(()) => Outcome::Done,
            Err(reason) => Outcome::Refused(reason),
        }
    }

    /// Tells an event to every hook that wants events. One that fails is logged, and nothing else.
    pub(super) async fn call_event_hooks(&mut self, tone: Tone, message: &str) {
        let kind = match tone {
            Tone::Normal => EventKind::Normal,
            Tone::Warning => EventKind::Warning,
        };
        let event = Event { message, kind, time: self.shell.clock.now() };
        for hook in self.canary.spec.analysis.webhooks.iter().filter(|hook| hook.type_ == HookType::Event) {
            let payload = Payload::new(self.canary, &self.status, self.status.phase, &hook.metadata).with_event(&event);
            if let Err(error) = self.call(hook, &payload).await {
                tracing::error!(canary = %self.name(), hook = hook.name, error, "failed to send the event to a webhook");
            }
        }
    }

    /// Calls until the hook has spoken.
    async fn call(&self, hook: &CanaryWebhook, payload: &Payload) -> Result<(), String> {
        let request = hooks::request(&hook.url, payload).map_err(|error| chain(&error))?;
        let timeout = hooks::timeout(hook.timeout.as_deref()).map_err(|error| chain(&error))?;
        // The network knows no other time than the machine's.
        let options = Options { timeout, route: Route { insecure: hook.disable_tls, proxy: None } };
        let retries = u32::try_from(hook.retries).unwrap_or_default();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = self.shell.web.send(request.clone(), &options).await;
            let heard = outcome.as_ref().map_err(ToString::to_string);
            match hooks::heard(&hook.url, retries, attempts, heard.as_ref().map(|it| *it).map_err(String::as_str)) {
                Next::Done(verdict) => return verdict,
                Next::Again(wait) => tokio::time::sleep(self.shell.clock.real(wait)).await,
            }
        }
    }
}
