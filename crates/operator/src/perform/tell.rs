//! Telling the user: events and alerts.

use rollout::Outcome;
use rollout::words::{Alert, Sentence, Tone};
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

    /// Alerts are logged; chats are not built yet, which the start of the operator and the docs say.
    pub(super) fn alert(&self, alert: &Alert) -> Outcome {
        tracing::info!(canary = %self.name(), severity = ?alert.severity(), alert = alert.text(self.plan), "alert");
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
