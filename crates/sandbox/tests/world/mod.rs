//! A running sandbox, and the words that the tests use of it.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use sandbox::{Counts, Load, LoadOptions, LoadStats, Options, Sandbox};
use serde_json::{Value, json};

/// No condition takes longer than this on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
}

impl World {
    pub(crate) async fn start(speed: f64) -> Self {
        let sandbox = Sandbox::start(Options { speed, seed: 7, ..Options::default() }).await.unwrap();
        Self { sandbox }
    }

    pub(crate) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.sandbox.client(), "default")
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.sandbox.client(), "default")
    }

    /// A Deployment of podinfo, changed by `change`, and a Service of the same name.
    pub(crate) async fn deploy(&self, name: &str, tag: &str, change: Value) {
        let mut deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}},
                    "spec": {"containers": [{
                        "name": "podinfo",
                        "image": format!("ghcr.io/stefanprodan/podinfo:{tag}"),
                        "ports": [{"name": "http", "containerPort": 9898}],
                        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2},
                    }]},
                },
            },
        });
        merge(&mut deployment, change);
        self.apply("apps/v1", "Deployment", "deployments", deployment).await;
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        });
        self.apply("v1", "Service", "services", service).await;
    }

    pub(crate) async fn apply(&self, api_version: &str, kind: &str, plural: &str, object: Value) -> DynamicObject {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource =
            kube::core::ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
        let api: Api<DynamicObject> = Api::namespaced_with(self.sandbox.client(), "default", &resource);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(object)).await.unwrap()
    }

    pub(crate) async fn set_image(&self, name: &str, tag: &str) {
        let image = format!("ghcr.io/stefanprodan/podinfo:{tag}");
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "podinfo", "image": image}]}}}});
        self.deployments().patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    }

    /// Waits until a Deployment is as it should be.
    pub(crate) async fn deployment(&self, name: &str, what: impl Fn(&Deployment) -> bool) -> Deployment {
        let condition = |found: Option<&Deployment>| found.is_some_and(&what);
        let waiting = await_condition(self.deployments(), name, condition);
        tokio::time::timeout(PATIENCE, waiting).await.expect("the Deployment never got there").unwrap().unwrap()
    }

    pub(crate) async fn rolled_out(&self, name: &str) -> Deployment {
        self.deployment(name, rolled_out).await
    }

    /// Waits until some pod of a workload is as it should be.
    pub(crate) async fn pod(&self, app: &str, what: impl Fn(&Pod) -> bool) -> Pod {
        use futures::TryStreamExt;
        use kube::runtime::{WatchStreamExt, watcher};
        let selected = watcher::Config::default().labels(&format!("app={app}"));
        let mut pods = std::pin::pin!(watcher(self.pods(), selected).applied_objects());
        let waiting = async {
            loop {
                let pod = pods.try_next().await.unwrap().unwrap();
                if what(&pod) {
                    return pod;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("no pod ever got there")
    }

    pub(crate) fn load(&self, host: &str, per_second: f64) -> Load {
        let options = LoadOptions { per_second, ..LoadOptions::new(self.sandbox.gateway_addr(), host) };
        Load::start(options, self.sandbox.clock()).unwrap()
    }
}

pub(crate) fn rolled_out(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = deployment.spec.replicas;
    status.observed_generation == deployment.metadata.generation
        && status.updated_replicas == wanted
        && status.available_replicas == wanted
        && status.replicas == wanted
}

/// The reason of a condition of a Deployment.
pub(crate) fn reason<'a>(deployment: &'a Deployment, type_: &str) -> Option<&'a str> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_.as_deref() == Some(type_))?;
    found.reason.as_deref()
}

/// Why the first container of a pod waits.
pub(crate) fn waits(pod: &Pod) -> Option<&str> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    container.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}

/// Whether a pod is ready and stays.
pub(crate) fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = |condition: &PodCondition| condition.type_ == "Ready" && condition.status == "True";
    pod.metadata.deletion_timestamp.is_none() && conditions.into_iter().flatten().any(ready)
}

/// Listens to the load until what came from now on is as it should be.
pub(crate) async fn until(stats: &LoadStats, what: impl Fn(&Counts) -> bool) -> Counts {
    let before = stats.snapshot();
    let mut news = stats.subscribe();
    let since = |now: Counts| {
        let sub = |now: &std::collections::BTreeMap<String, u64>, before: &std::collections::BTreeMap<String, u64>| {
            now.iter().map(|(key, count)| (key.clone(), count - before.get(key).copied().unwrap_or(0))).collect()
        };
        Counts {
            requests: now.requests - before.requests,
            failed: now.failed - before.failed,
            lost: now.lost - before.lost,
            pods: sub(&now.pods, &before.pods),
            versions: sub(&now.versions, &before.versions),
        }
    };
    let waiting = async {
        loop {
            let counts = since(stats.snapshot());
            if what(&counts) {
                return counts;
            }
            // Falling behind is no end; the load's own end would be.
            drop(news.recv().await);
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the load never got there")
}

pub(crate) fn names(pods: &[Pod]) -> Vec<String> {
    pods.iter().map(ResourceExt::name_any).collect()
}

/// JSON merge patch, as far as tests need it.
fn merge(target: &mut Value, change: Value) {
    match (target, change) {
        (Value::Object(target), Value::Object(change)) => {
            for (key, value) in change {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (target, change) => *target = change,
    }
}
