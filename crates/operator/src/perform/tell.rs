//! Telling the user: events and alerts.

use rollout::Outcome;
use rollout::words::{Alert, Sentence, Tone, fields};
use serde_json::Value;

use super::World;
use crate::recorder::{EventKind, Happening, Subject};

/// The reason of every event of a canary.
pub(crate) const REASON: &str = "Synced";

impl World<'_> {
    pub(super) fn say(&self, sentence: &Sentence) -> Outcome {
        let text = sentence.text(self.plan);
        if sentence.is_error() {
            tracing::error!(canary = %self.name(), "{text}");
        } else {
            tracing::info!(canary = %self.name(), "{text}");
        }
        let tone = sentence.tone();
        let kind = match tone {
            Tone::Normal => EventKind::Normal,
            Tone::Warning => EventKind::Warning,
        };
        let metadata = &self.canary.metadata;
        let about = Subject {
            key: self.key(),
            uid: metadata.uid.clone().unwrap_or_default(),
            resource_version: metadata.resource_version.clone().unwrap_or_default(),
        };
        self.shell.recorder.record(Happening { about, kind, reason: REASON.to_owned(), message: text.clone() });
        self.tell_event_hooks(tone, &text);
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

/// An event about a canary that can't be understood.
pub(crate) fn refusal(key: &ports::Key, object: &Value, reason: &str) -> Happening {
    Happening {
        about: Subject::of(key.clone(), object),
        kind: EventKind::Warning,
        reason: REASON.to_owned(),
        message: reason.to_owned(),
    }
}
