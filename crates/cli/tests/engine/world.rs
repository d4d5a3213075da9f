//! A sandbox with the operator in it, and the words that the tests use of it.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::time::Duration;

use futures::StreamExt;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use operator::admin::Admin;
use operator::web::Web;
use operator::{args, run};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// No condition takes longer than this on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    stop: CancellationToken,
    operator: JoinHandle<Result<(), run::Error>>,
}

impl World {
    /// A cluster whose clock runs `speed` times as fast, and an operator with these further flags.
    pub(crate) async fn start(speed: f64, flags: &[String]) -> Self {
        Self::start_in(Sandbox::start(Options { speed, seed: 7, ..Options::default() }).await.unwrap(), flags).await
    }

    /// An operator with these further flags in a cluster that is there.
    pub(crate) async fn start_in(sandbox: Sandbox, flags: &[String]) -> Self {
        let given = [
            format!("-metrics-server={}", sandbox.metrics_url()),
            "-mesh-provider=gatewayapi:v1".to_owned(),
            "-kubeconfig-qps=10000".to_owned(),
            "-kubeconfig-burst=10000".to_owned(),
        ];
        let settings = args::parse(given.into_iter().chain(flags.iter().cloned()), |_| None).unwrap();
        let admin = Admin::bind_local(0).await.unwrap();
        let stop = CancellationToken::new();
        let operator =
            tokio::spawn(run::serve(sandbox.client(), Web::new(), settings, sandbox.clock(), admin, stop.clone()));
        Self { sandbox, stop, operator }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.operator.await.unwrap().unwrap();
        self.sandbox.stop().await;
    }

    /// Applies an object, as `kubectl apply --server-side` does.
    pub(crate) async fn apply(&self, object: &Value) {
        let kind = object["kind"].as_str().unwrap();
        let api = self.api(object["apiVersion"].as_str().unwrap(), kind);
        let params = PatchParams::apply("test").force();
        api.patch(object["metadata"]["name"].as_str().unwrap(), &params, &Patch::Apply(object)).await.unwrap();
    }

    /// Asks for an object to be deleted.
    pub(crate) async fn delete(&self, api_version: &str, kind: &str, name: &str) {
        self.api(api_version, kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Sets the tag of the target's image.
    pub(crate) async fn push(&self, name: &str, tag: &str) {
        self.apply(&deployment(name, tag)).await;
    }

    /// Makes a canary of podinfo with this `analysis`, and waits until it is initialized.
    pub(crate) async fn release(&self, name: &str, tag: &str, analysis: &Value) {
        self.apply(&deployment(name, tag)).await;
        self.apply(&canary(name, analysis)).await;
        self.canary(name, |canary| canary["status"]["phase"] == "Initialized").await;
    }

    /// Waits until a canary is as it should be.
    pub(crate) async fn canary(&self, name: &str, what: impl Fn(&Value) -> bool) -> Value {
        let api = self.api("flagger.app/v1beta1", "Canary");
        let selected = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let mut canaries = std::pin::pin!(watcher(api, selected).default_backoff().applied_objects());
        let mut last = Value::Null;
        let waiting = async {
            while let Some(canary) = canaries.next().await {
                let Ok(canary) = canary else { continue };
                last = serde_json::to_value(canary).unwrap();
                if what(&last) {
                    break;
                }
            }
        };
        let timely = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        assert!(timely, "the canary never got there: {last:#}\n{:#?}", self.events(name).await);
        last
    }

    /// Waits until an event of a canary says something.
    pub(crate) async fn said(&self, name: &str, what: &str) -> Vec<String> {
        let waiting = async {
            loop {
                let events = self.events(name).await;
                if events.iter().any(|event| event.contains(what)) {
                    return events;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let said = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(said.is_ok(), "{what:?} was never said: {:#?}", self.events(name).await);
        said.unwrap_or_default()
    }

    /// The events of a canary as `type message xCOUNT`, in no order.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let events = self.api("v1", "Event").list(&ListParams::default()).await.unwrap();
        let about = events
            .items
            .into_iter()
            .map(|event| event.data)
            .filter(|event| event["involvedObject"]["kind"] == "Canary" && event["involvedObject"]["name"] == name);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        about.map(|event| format!("{} {} x{}", text(&event["type"]), text(&event["message"]), event["count"])).collect()
    }

    /// One object, as it is now.
    pub(crate) async fn get(&self, api_version: &str, kind: &str, name: &str) -> Option<Value> {
        get(self.sandbox.client(), api_version, kind, name).await
    }

    /// How much of the traffic the canary gets, as its route says.
    pub(crate) async fn weight(&self, name: &str) -> i64 {
        let route = self.get("gateway.networking.k8s.io/v1", "HTTPRoute", name).await.unwrap();
        let weighted = route["spec"]["rules"].as_array().unwrap().last().unwrap().clone();
        weighted["backendRefs"][1]["weight"].as_i64().unwrap()
    }

    fn api(&self, api_version: &str, kind: &str) -> Api<DynamicObject> {
        api(self.sandbox.client(), api_version, kind)
    }
}

/// One object of a cluster, as it is now.
pub(crate) async fn get(client: Client, api_version: &str, kind: &str, name: &str) -> Option<Value> {
    let found = api(client, api_version, kind).get_opt(name).await.unwrap();
    found.map(|object| serde_json::to_value(object).unwrap())
}

fn api(client: Client, api_version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let plural = if kind == "Canary" { "canaries".to_owned() } else { format!("{}s", kind.to_lowercase()) };
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural);
    Api::namespaced_with(client, "default", &resource)
}

/// The host by which the route of a canary is reached.
pub(crate) fn host(name: &str) -> String {
    format!("{name}.example.com")
}

fn deployment(name: &str, tag: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": 1,
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
    })
}

/// A canary without metrics, so that it needs no traffic to go on.
pub(crate) fn canary(name: &str, analysis: &Value) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            // Pods may take their time: a second of a busy machine is most of a minute here.
            "progressDeadlineSeconds": 6000,
            "service": {
                "port": 80, "targetPort": "http", "hosts": [host(name)], "gatewayRefs": [{"name": "gateway"}],
            },
            "analysis": analysis,
        },
    })
}
