//! Effects that call webhooks.

use api::{Canary, CanaryStatus, CanaryWebhook, HookType, Phase};
use hooks::{Event, EventKind, Key, Payload};
use rollout::words::Tone;
use rollout::{Outcome, pace};

use super::World;
use crate::cause::chain;
use crate::courier::Call;
use crate::drive::Shell;

/// What the global event webhook is called in the log.
const GLOBAL: &str = "-event-webhook";

impl World<'_> {
    /// Calls one hook and hears whether it says yes.
    pub(super) async fn call_hook(&mut self, place: usize, phase: Phase) -> Outcome {
        let Some(hook) = self.canary.spec.analysis.webhooks.get(place) else {
            return Outcome::Failed("the canary has no such webhook".to_owned());
        };
        let payload = Payload::new(self.canary, &self.status, phase, &hook.metadata);
        let call = match call(hook, &payload, &self.key_of_call(hook, place, phase)) {
            Ok(call) => call,
            Err(reason) => return Outcome::Refused(reason),
        };
        match self.shell.courier.call(&call).await {
            Ok(()) => Outcome::Done,
            Err(reason) => Outcome::Refused(reason),
        }
    }

    fn key_of_call(&self, hook: &CanaryWebhook, place: usize, phase: Phase) -> Key {
        let revision = self.facts.as_ref().map_or(self.status.last_applied_spec.as_str(), |facts| &facts.revision);
        Key::of_call(&hooks::Call {
            uid: uid(self.canary),
            revision,
            status: &self.status,
            phase,
            kind: hook.type_,
            place,
            name: &hook.name,
            turn: self.turn(hook.type_),
        })
    }

    /// How many times this look could have asked before: gates are asked until they open, and checks of a step that a gate holds
    /// at each interval. What a crash and a restart bring together within that time is one call.
    fn turn(&self, kind: HookType) -> i64 {
        let every = match kind {
            HookType::ConfirmRollout
            | HookType::ConfirmTrafficIncrease
            | HookType::ConfirmPromotion
            | HookType::Rollback => pace::POLL,
            HookType::PreRollout | HookType::Rollout => self.plan.interval,
            HookType::PostRollout | HookType::Event => return 0,
        };
        let since = self.status.last_transition_time.map_or(0, |written| self.began.duration_since(written).as_secs());
        since / i64::try_from(every.as_secs()).unwrap_or(i64::MAX).max(1)
    }
}

/// Tells an event to every hook of the canary that wants events, or else to the one that wants those of all canaries.
/// Nobody waits for it.
pub(super) fn tell_event_hooks(shell: &Shell, canary: &Canary, status: &CanaryStatus, tone: Tone, message: &str) {
    let kind = match tone {
        Tone::Normal => EventKind::Normal,
        Tone::Warning => EventKind::Warning,
    };
    let time = shell.clock.now();
    let event = Event { message, kind, time };
    let stamp = time.as_nanosecond().to_string();
    let own = canary.spec.analysis.webhooks.iter().filter(|hook| hook.type_ == HookType::Event);
    let mut own: Vec<CanaryWebhook> = own.cloned().collect();
    if let (Some(url), true) = (&shell.settings.event_webhook, own.is_empty()) {
        own.push(CanaryWebhook { name: GLOBAL.to_owned(), url: url.clone(), ..CanaryWebhook::default() });
    }
    for hook in own {
        let payload = Payload::new(canary, status, status.phase, &hook.metadata).with_event(&event);
        let name = format!("{}.{}", payload.name, payload.namespace);
        match call(&hook, &payload, &Key::of([uid(canary), &hook.name, &stamp, message])) {
            Ok(call) => shell.courier.post(&name, &hook.name, call),
            Err(error) => tracing::error!(canary = name, hook = hook.name, error, "failed to call a webhook"),
        }
    }
}

fn uid(canary: &Canary) -> &str {
    canary.metadata.uid.as_deref().unwrap_or_default()
}

fn call(hook: &CanaryWebhook, payload: &Payload, key: &Key) -> Result<Call, String> {
    Ok(Call {
        url: hook.url.clone(),
        request: hooks::request(&hook.url, payload, key).map_err(|error| chain(&error))?,
        timeout: hooks::timeout(hook.timeout.as_deref()).map_err(|error| chain(&error))?,
        retries: u32::try_from(hook.retries).unwrap_or_default(),
        insecure: hook.disable_tls,
    })
}
