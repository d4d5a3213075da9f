//! Storing the status.

use api::CanaryStatus;
use rollout::Outcome;
use serde_json::{Map, Value};

use super::{Failed, World};

impl World<'_> {
    pub(super) async fn save(&mut self, status: &CanaryStatus) -> Result<Outcome, Failed> {
        let patch = patch(&self.status, status).map_err(|error| format!("failed to write the status: {error}"))?;
        let uid = self.canary.metadata.uid.as_deref().unwrap_or_default();
        self.shell.cluster.patch_status(&self.key(), uid, &patch).await.map_err(|error| error.to_string())?;
        self.status = status.clone();
        Ok(Outcome::Done)
    }
}

/// A merge patch from one status to another: what is gone has to be said, as null.
pub(crate) fn patch(from: &CanaryStatus, to: &CanaryStatus) -> Result<Value, serde_json::Error> {
    let (Value::Object(from), Value::Object(to)) = (serde_json::to_value(from)?, serde_json::to_value(to)?) else {
        return Ok(Value::Null);
    };
    Ok(Value::Object(merge(from, to)))
}

fn merge(from: Map<String, Value>, mut to: Map<String, Value>) -> Map<String, Value> {
    for (field, before) in from {
        match (before, to.get_mut(&field)) {
            (_, None) => {
                to.insert(field, Value::Null);
            }
            (Value::Object(before), Some(Value::Object(after))) => *after = merge(before, std::mem::take(after)),
            _ => {}
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_gone_from_the_status_is_removed() {
        let configs = |name: &str| Some(BTreeMap::from([(name.to_owned(), "1".to_owned())]));
        let from = CanaryStatus {
            tracked_configs: configs("configmap/a"),
            session_affinity_cookie: "a=b".into(),
            ..CanaryStatus::default()
        };
        let to = CanaryStatus { tracked_configs: configs("configmap/b"), ..CanaryStatus::default() };
        let patch = patch(&from, &to).unwrap();
        assert_eq!(patch["sessionAffinityCookie"], Value::Null);
        assert_eq!(patch["trackedConfigs"], serde_json::json!({"configmap/a": null, "configmap/b": "1"}));
        assert_eq!(patch["canaryWeight"], 0);
    }
}
