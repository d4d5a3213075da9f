//! Telling the user: events and alerts.

use api::{Canary, CanaryStatus};
use ports::{Key, kinds};
use rollout::Outcome;
use rollout::words::{Alert, Sentence, Tone};

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

    /// Alerts are logged; chats are not built yet, which the start of the operator and the docs say.
    pub(super) fn alert(&self, alert: &Alert) -> Outcome {
        tracing::info!(canary = %self.name(), severity = ?alert.severity(), alert = alert.text(self.plan), "alert");
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
