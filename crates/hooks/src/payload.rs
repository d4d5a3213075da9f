//! What a webhook is told.

use std::collections::BTreeMap;
use std::fmt::Write;

use api::{Canary, CanaryStatus, Phase};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The body of a webhook call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The canary.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its phase, as the hook is to understand it.
    #[serde(default)]
    pub phase: Phase,
    /// What is released, see [`checksum`].
    #[serde(default)]
    pub checksum: String,
    /// The hook's own metadata, and for event hooks the event.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Payload {
    /// The payload for a hook with this metadata.
    pub fn new(canary: &Canary, status: &CanaryStatus, phase: Phase, metadata: &BTreeMap<String, String>) -> Self {
        Self {
            name: canary.metadata.name.clone().unwrap_or_default(),
            namespace: canary.metadata.namespace.clone().unwrap_or_default(),
            phase,
            checksum: checksum(status),
            metadata: metadata.clone(),
        }
    }

    /// The same, with an event. Where the hook's own metadata has the same keys, the event counts.
    #[must_use]
    pub fn with_event(mut self, event: &Event<'_>) -> Self {
        self.metadata.insert("eventMessage".to_owned(), event.message.to_owned());
        self.metadata.insert("eventType".to_owned(), event.kind.as_str().to_owned());
        self.metadata.insert("timestamp".to_owned(), event.time.as_millisecond().to_string());
        self
    }
}

/// An event for event hooks.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its text.
    pub message: &'a str,
    /// How serious it is.
    pub kind: EventKind,
    /// When it happened.
    pub time: Timestamp,
}

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// All is well.
    Normal,
    /// Something is not.
    Warning,
}

impl EventKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Tells one release from another: the first 16 hexadecimal digits of SHA-256 over the JSON of the revision last seen and the
/// checksums of its configs.
///
/// It stays the same through a release, and differs from the one that Flagger (Go) sends for the same status, whose hash is
/// over the memory layout of Go types.
pub fn checksum(status: &CanaryStatus) -> String {
    let told = serde_json::json!({
        "lastAppliedSpec": status.last_applied_spec,
        "trackedConfigs": status.tracked_configs,
    });
    Sha256::digest(told.to_string()).iter().take(8).fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary() -> Canary {
        let mut canary = Canary::new("cart", api::CanarySpec::default());
        canary.metadata.namespace = Some("shop".to_owned());
        canary
    }

    fn status(revision: &str) -> CanaryStatus {
        CanaryStatus { last_applied_spec: revision.to_owned(), ..CanaryStatus::default() }
    }

    #[test]
    fn a_hook_is_told_who_calls_and_why() {
        let told = Payload::new(&canary(), &status("v1.a"), Phase::Progressing, &BTreeMap::new());
        let checksum = checksum(&status("v1.a"));
        assert_eq!(
            json!(told),
            json!({"name": "cart", "namespace": "shop", "phase": "Progressing", "checksum": checksum})
        );
    }

    #[test]
    fn an_event_joins_the_hooks_metadata_and_wins() {
        let own = BTreeMap::from(["team", "eventType"].map(|key| (key.to_owned(), "mine".to_owned())));
        let time = "2026-11-21T14:40:00.5Z".parse().unwrap();
        let event = Event { message: "Canary failed!", kind: EventKind::Warning, time };
        let told = Payload::new(&canary(), &status("v1.a"), Phase::Failed, &own).with_event(&event);
        assert_eq!(
            json!(told.metadata),
            json!({
                "team": "mine",
                "eventMessage": "Canary failed!",
                "eventType": "Warning",
                "timestamp": "1795272000500",
            })
        );
    }

    #[test]
    fn a_checksum_names_the_revision_and_its_configs_and_nothing_else() {
        let configs = BTreeMap::from([("configmap/a".to_owned(), "1".to_owned())]);
        let with_configs = CanaryStatus { tracked_configs: Some(configs), ..status("v1.a") };
        let later = CanaryStatus { phase: Phase::Succeeded, canary_weight: 50, ..status("v1.a") };

        assert_eq!(checksum(&status("v1.a")), checksum(&later));
        assert_ne!(checksum(&status("v1.a")), checksum(&status("v1.b")));
        assert_ne!(checksum(&status("v1.a")), checksum(&with_configs));
    }
}
