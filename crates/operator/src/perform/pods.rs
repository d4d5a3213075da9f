//! Looking at the pods of a side that is not ready: which one, which container, and why.

use ports::kinds;
use rollout::Side;
use targets::pods::{self, Trouble};

use super::World;

impl World<'_> {
    /// What keeps the pods of a side from serving. Pods are read when somebody needs to know, and not watched: there are many,
    /// and hardly any concerns a canary.
    pub(super) async fn trouble_of(&self, side: Side) -> Option<Trouble> {
        let label = &self.facts.as_ref()?.label;
        let value = match side {
            Side::Primary => label.primary_value(),
            Side::Canary => label.value.clone(),
        };
        match self.shell.cluster.select(kinds::POD, &self.plan.namespace, &label.key, &value).await {
            Ok(found) => pods::trouble(&found),
            Err(error) => {
                // A role that Flagger was installed with may not list pods; then the reason is all that the workload says.
                tracing::debug!(canary = %self.name(), %error, "failed to look at the pods");
                None
            }
        }
    }
}
