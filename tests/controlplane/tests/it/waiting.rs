//! Waiting for objects, and for canaries above all.

use std::fmt::Debug;

use api::{Canary, Phase};
use k8s_openapi::serde::de::DeserializeOwned;
use kube::Api;
use kube::runtime::wait::{Condition, await_condition, conditions};

use crate::stage::{Stage, within};

/// Waits until the object is as the condition wants it.
pub(crate) async fn until<K>(api: Api<K>, name: &str, condition: impl Condition<K>)
where
    K: Clone + Debug + Send + DeserializeOwned + kube::Resource + 'static,
{
    // Watches are large; on the heap a test's own future stays small.
    Box::pin(within(await_condition(api, name, condition))).await.unwrap();
}

/// Waits until the object with this `uid` is gone.
pub(crate) async fn gone<K>(api: Api<K>, name: &str, uid: &str)
where
    K: Clone + Debug + Send + DeserializeOwned + kube::Resource + 'static,
{
    until(api, name, conditions::is_deleted(uid)).await;
}

/// The canaries of the stage.
pub(crate) fn canaries(stage: &Stage) -> Api<Canary> {
    Api::namespaced(stage.client.clone(), stage.namespace)
}

/// Waits until the canary is in this phase.
pub(crate) async fn reaches(stage: &Stage, name: &str, phase: Phase) {
    let there = |canary: Option<&Canary>| {
        canary.and_then(|canary| canary.status.as_ref()).is_some_and(|status| status.phase == phase)
    };
    until(canaries(stage), name, there).await;
}
