//! Waiting for objects, and for canaries above all.

use std::collections::BTreeMap;
use std::fmt::Debug;

use api::{Canary, Phase};
use futures::StreamExt;
use k8s_openapi::serde::de::DeserializeOwned;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, ResourceExt};

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

/// Every number that objects of a kind (group, version, kind) had at some place, by name, while `act` went on.
pub(crate) async fn numbers_while<T>(
    stage: &Stage,
    (group, version, kind): (&str, &str, &str),
    read: impl Fn(&DynamicObject) -> Option<i64>,
    act: impl Future<Output = T>,
) -> (T, BTreeMap<String, Vec<i64>>) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let objects: Api<DynamicObject> = Api::namespaced_with(stage.client.clone(), stage.namespace, &resource);
    let mut objects = std::pin::pin!(watcher(objects, watcher::Config::default()).applied_objects());
    let mut act = std::pin::pin!(act);
    let mut seen = BTreeMap::new();
    loop {
        tokio::select! {
            biased;
            object = objects.next() => {
                let object = object.unwrap().unwrap();
                let Some(number) = read(&object) else { continue };
                let numbers: &mut Vec<i64> = seen.entry(object.name_any()).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
            done = &mut act => return (done, seen),
        }
    }
}
