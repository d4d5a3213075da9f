//! The finalizer of the canary object itself.

use std::convert::Infallible;

use api::well_known::FINALIZER;
use ports::{Change, Halt, Key, Seen};
use rollout::{Outcome, Standing};
use serde_json::{Value, json};

use super::{Failed, World};

impl World<'_> {
    pub(super) async fn hold(&mut self) -> Result<Outcome, Failed> {
        self.set_held(true).await
    }

    pub(super) async fn let_go(&mut self) -> Result<Outcome, Failed> {
        self.set_held(false).await
    }

    async fn set_held(&mut self, held: bool) -> Result<Outcome, Failed> {
        let (key, uid) = (self.key(), self.canary.metadata.uid.clone().unwrap_or_default());
        self.change(|seen| set_held(seen, &key, &uid, held)).await?;
        Ok(Outcome::Done)
    }
}

/// What the object says about itself.
pub(crate) fn standing(canary: &Value) -> Standing {
    Standing {
        held: finalizers(canary).any(|finalizer| finalizer == FINALIZER),
        leaving: canary["metadata"]["deletionTimestamp"].is_string(),
    }
}

/// Puts our finalizer on the canary or takes it off, with those of others as they are. One that was deleted is let go, and one
/// that was created again under the same name is another one.
fn set_held(seen: &Seen, key: &Key, uid: &str, held: bool) -> Result<Vec<Change>, Halt<Infallible>> {
    let Some(canary) = seen.get(key)?.filter(|canary| canary["metadata"]["uid"] == uid) else { return Ok(Vec::new()) };
    if standing(canary).held == held {
        return Ok(Vec::new());
    }
    let others = finalizers(canary).filter(|finalizer| *finalizer != FINALIZER);
    let wanted: Vec<&str> = others.chain(held.then_some(FINALIZER)).collect();
    // A merge patch replaces the whole list, so it must be the list that was read.
    let version = &canary["metadata"]["resourceVersion"];
    let patch = json!({"metadata": {"uid": uid, "resourceVersion": version, "finalizers": wanted}});
    Ok(vec![Change::Merge(key.clone(), patch)])
}

fn finalizers(canary: &Value) -> impl Iterator<Item = &str> {
    canary["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ports::kinds;

    use super::*;

    /// The finalizers that are written for a canary with these.
    fn written(finalizers: &[&str], held: bool) -> Vec<Value> {
        let key = Key::new(kinds::CANARY, "shop", "cart");
        let canary = json!({"metadata": {"uid": "u", "resourceVersion": "7", "finalizers": finalizers}});
        let mut seen = Seen::default();
        seen.put(key.clone(), Some(Arc::new(canary)));
        let changes = set_held(&seen, &key, "u", held).unwrap();
        let patch = |change: &Change| match change {
            Change::Merge(_, patch) => patch["metadata"].clone(),
            other => panic!("{other:?}"),
        };
        changes.iter().map(patch).collect()
    }

    #[test]
    fn finalizers_of_others_stay_and_a_list_that_somebody_changed_meanwhile_is_not_overwritten() {
        let patch = |finalizers: Value| json!({"uid": "u", "resourceVersion": "7", "finalizers": finalizers});
        assert_eq!(written(&["theirs"], true), [patch(json!(["theirs", FINALIZER]))]);
        assert_eq!(written(&[FINALIZER, "theirs"], false), [patch(json!(["theirs"]))]);
        assert_eq!(written(&[FINALIZER], true), [] as [Value; 0]);
        assert_eq!(written(&["theirs"], false), [] as [Value; 0]);
    }
}
