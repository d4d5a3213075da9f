//! Canaries that can't be understood: for them there is no plan, and so no tick.
//!
//! One is told what is wrong with it, once, by all the ways that events take, and its status notes it. Everything else is
//! left as it is: traffic stays where it is until the canary is valid again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use api::{Canary, CanarySpec, CanaryStatus, CanaryWebhook};
use ports::Key;
use rollout::words::Tone;
use serde_json::Value;

use crate::drive::{Shell, name};
use crate::perform::{patch, tell};
use crate::schedule::Looked;

/// What was said about which canary, so that it is said once even where its status can't be written.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<Key, String>>);

impl Refusals {
    /// Forgets a canary that is valid, or gone.
    pub(crate) fn forget(&self, canary: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(canary);
    }

    /// Whether this is news.
    fn note(&self, canary: &Key, rule: &str) -> bool {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(canary.clone(), rule.to_owned());
        before.is_none_or(|before| before != rule)
    }
}

impl Shell {
    /// Says which rule a canary breaks, and holds it where it is.
    pub(crate) async fn refuse(&self, key: Key, canary: &Canary, rule: &str) -> Looked {
        let status = canary.status.clone().unwrap_or_default();
        let Some(held) = rollout::invalid(&status, rule, self.clock.now()) else { return self.later(key) };
        if self.refusals.note(&key, rule) {
            tracing::warn!(canary = %name(&key), rule, "the canary is invalid");
            tell(self, canary, &held, Tone::Warning, rule);
        }
        if let Err(error) = self.hold(&key, canary, &status, &held).await {
            tracing::warn!(canary = %name(&key), error, "failed to note in the status that the canary is invalid");
        }
        self.later(key)
    }

    async fn hold(&self, key: &Key, canary: &Canary, from: &CanaryStatus, to: &CanaryStatus) -> Result<(), String> {
        let patch = patch(from, to).map_err(|error| error.to_string())?;
        let uid = canary.metadata.uid.as_deref().unwrap_or_default();
        self.cluster.patch_status(key, uid, &patch).await.map(drop).map_err(|error| error.to_string())
    }
}

/// What can be read of a canary that can't be read as a whole: who it is, how it stands, and whom it wants to be told.
pub(crate) fn legible(object: &Value) -> Canary {
    let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    let mut canary = Canary::new(object["metadata"]["name"].as_str().unwrap_or_default(), CanarySpec::default());
    canary.metadata.namespace = text("namespace");
    canary.metadata.uid = text("uid");
    canary.metadata.resource_version = text("resourceVersion");
    canary.status = serde_json::from_value(object["status"].clone()).ok();
    let written = ["analysis", "canaryAnalysis"].iter().map(|name| &object["spec"][name]["webhooks"]);
    let hooks = written.filter_map(Value::as_array).flatten();
    canary.spec.analysis.webhooks = hooks.filter_map(hook).collect();
    canary
}

fn hook(written: &Value) -> Option<CanaryWebhook> {
    serde_json::from_value(written.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hooks_of_a_canary_that_can_not_be_read_are_read_one_by_one() {
        let canary = legible(&json!({
            "metadata": {"name": "cart", "namespace": "shop", "uid": "u"},
            "spec": {"analysis": {"threshold": "many", "webhooks": [
                {"name": "chat", "type": "event", "url": "http://chat.test/"}, {"name": "broken", "url": 7},
            ]}},
            "status": {"phase": "Progressing", "canaryWeight": 20},
        }));
        let hooks: Vec<&str> = canary.spec.analysis.webhooks.iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!((hooks, canary.status.unwrap().canary_weight), (vec!["chat"], 20));
    }
}
