//! Telling the user: events and alerts.

use api::{Canary, CanaryStatus};
use ports::{Key, kinds};
use rollout::Outcome;
use rollout::words::{Alert, Sentence, Tone, fields};

use super::World;
use super::calls::tell_event_hooks;
use crate::drive::Shell;
use crate::recorder::{EventKind, Happening, Subject};

/// The reason of every event of a canary.
const REASON: &str = "Synced";

impl World<'_> {
    pub(super) fn say(&self, sentence: &Sentence) -> Outcome {
        let text = sentence.text(self.plan);
        if sentence.is_error() {
            tracing::error!(canary = %self.name(), "{text}");
        } else {
            tracing::info!(canary = %self.name(), "{text}");
        }
        tell(self.shell, self.canary, &self.status, sentence.tone(), &text);
        Outcome::Done
    }

    /// Tells everybody whom the canary names. Nobody waits for it.
    pub(super) fn alert(&self, alert: &Alert) -> Outcome {
        let (message, severity) = (alert.text(self.plan), alert.severity());
        tracing::info!(canary = %self.name(), %severity, alert = message, "alert");
        let facts = if alert.has_fields() { fields(self.plan) } else { Vec::new() };
        let fields = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.shell.herald.tell(self.canary, notifiers::Alert { canary: self.name(), message, severity, fields });
        Outcome::Done
    }
}

/// Says something about a canary: as an event of it, and to the hooks that want events.
pub(crate) fn tell(shell: &Shell, canary: &Canary, status: &CanaryStatus, tone: Tone, text: &str) {
    let kind = match tone {
        Tone::Normal => EventKind::Normal,
        Tone::Warning => EventKind::Warning,
    };
    let metadata = &canary.metadata;
    let field = |field: &Option<String>| field.clone().unwrap_or_default();
    let about = Subject {
        key: Key::new(kinds::CANARY, field(&metadata.namespace), field(&metadata.name)),
        uid: field(&metadata.uid),
        resource_version: field(&metadata.resource_version),
    };
    shell.recorder.record(Happening { about, kind, reason: REASON.to_owned(), message: text.to_owned() });
    tell_event_hooks(shell, canary, status, tone, text);
}
