//! A namespace of a test's own with the operator at work in it, and what the test does and sees there.

use std::sync::Arc;
use std::time::Duration;

use api::{Canary, Phase};
use controlplane::{ControlPlane, Node};
use futures::{FutureExt, Stream, StreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Event, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use operator::admin::Admin;
use operator::args;
use operator::cluster::connect;
use operator::run::{self, serve};
use operator::web::Web;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Brisk;
use crate::manifests::{apply, install_kinds, rules, team};
use crate::prometheus::Prometheus;

/// How long anything may take; far more than it does, on a machine that builds at the same time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A control plane with our kinds, a namespace, a node for it, and a Prometheus.
pub(crate) struct Stage {
    plane: Arc<ControlPlane>,
    pub(crate) client: Client,
    pub(crate) namespace: &'static str,
    pub(crate) prometheus: Prometheus,
    _node: Node,
}

/// The operator at work.
pub(crate) struct Operator {
    task: JoinHandle<Result<(), run::Error>>,
    stop: CancellationToken,
}

impl Operator {
    /// Why it ended by itself.
    pub(crate) async fn ended(self) -> run::Error {
        within(self.task).await.unwrap().unwrap_err()
    }

    /// Ends it; it must have been at work until now.
    pub(crate) async fn end(self) {
        assert!(!self.task.is_finished(), "the operator ended by itself");
        self.stop.cancel();
        within(self.task).await.unwrap().unwrap();
    }
}

impl Stage {
    /// `None` where there is no control plane.
    pub(crate) async fn enter(namespace: &'static str) -> Option<Self> {
        let plane = ControlPlane::for_tests().await?;
        let client = plane.client().unwrap();
        install_kinds(&client).await;
        let prometheus = Prometheus::start().await;
        let node = Node::join(client.clone(), namespace, Some(namespace)).await.unwrap();
        Some(Self { plane, client, namespace, prometheus, _node: node })
    }

    /// Applies what the team has.
    pub(crate) async fn deploy(&self, provider: &str, analysis: &Value) {
        self.deploy_with(provider, analysis, |_| {}).await;
    }

    /// Applies what the team has, with another canary.
    pub(crate) async fn deploy_with(&self, provider: &str, analysis: &Value, edit: impl Fn(&mut Value)) {
        for mut object in team(self.namespace, provider, analysis) {
            if object["kind"] == "Canary" {
                edit(&mut object);
            }
            apply(&self.client, &object).await;
        }
    }

    /// Grants the operator what we ship, perhaps without one verb on one resource.
    pub(crate) async fn grant(&self, without: Option<(&str, &str)>) {
        for object in rules(self.namespace, without) {
            apply(&self.client, &object).await;
        }
    }

    /// The operator, as its `ServiceAccount`, looking after this namespace.
    pub(crate) async fn operator(&self) -> Operator {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), "flagger-system");
        let request = TokenRequest::default();
        let issued = accounts.create_token_request(self.namespace, &PostParams::default(), &request).await.unwrap();
        let kubeconfig = self.plane.kubeconfig_with(&issued.status.unwrap().token.unwrap()).unwrap();
        let path = self.plane.folder().join(format!("{}.kubeconfig", self.namespace));
        std::fs::write(&path, kubeconfig).unwrap();
        let flags = [
            format!("-kubeconfig={}", path.display()),
            format!("-metrics-server={}", self.prometheus.url),
            format!("-namespace={}", self.namespace),
        ];
        let settings = args::parse(flags.into_iter(), |_| None).unwrap();
        let client = connect(&settings.access).await.unwrap();
        let admin = Admin::bind_local(0).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(client, Web::new(), settings, Arc::new(Brisk::new()), admin, stop.clone()));
        Operator { task, stop }
    }

    /// Waits until the canary is initialised.
    pub(crate) async fn initialized(&self) {
        self.phase(Phase::Initialized).await;
    }

    /// Waits until the canary is in this phase.
    pub(crate) async fn phase(&self, phase: Phase) {
        let mut statuses = std::pin::pin!(self.statuses());
        within(async { while statuses.next().await.unwrap().0 != phase {} }).await;
    }

    /// Asks for a run though nothing has changed.
    pub(crate) async fn trigger(&self, name: &str, value: &str) {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), self.namespace);
        let patch = json!({"metadata": {"annotations": {"flagger.app/trigger": value}}});
        deployments.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// How many ready pods of the primary and of the canary stand behind a Service, whenever that changes while `act` goes on.
    pub(crate) async fn watching_endpoints<T>(&self, name: &str, act: impl Future<Output = T>) -> (T, Vec<[usize; 2]>) {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), self.namespace);
        let config = watcher::Config::default().labels(&format!("kubernetes.io/service-name={name}"));
        let mut slices = std::pin::pin!(watcher(slices, config).applied_objects());
        let mut act = std::pin::pin!(act);
        let mut seen = Vec::new();
        loop {
            tokio::select! {
                done = &mut act => return (done, seen),
                slice = slices.next() => seen.push(sides(&slice.unwrap().unwrap())),
            }
        }
    }

    /// Ships an image and follows its release to the end: every weight that the canary had, and how it ended.
    pub(crate) async fn release(&self, image: &str) -> (Vec<i32>, Phase) {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), self.namespace);
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "podinfo", "image": image}]}}}});
        let (params, patch) = (PatchParams::default(), Patch::Strategic(patch));
        self.follow(async { drop(deployments.patch("podinfo", &params, &patch).await.unwrap()) }).await
    }

    /// Follows the release that a change starts to its end.
    pub(crate) async fn follow(&self, change: impl Future<Output = ()>) -> (Vec<i32>, Phase) {
        let mut statuses = std::pin::pin!(self.statuses());
        within(statuses.next()).await.unwrap();
        change.await;
        let (mut weights, mut begun) = (Vec::new(), false);
        within(async {
            loop {
                let (phase, weight) = statuses.next().await.unwrap();
                begun |= phase == Phase::Progressing;
                if begun && weights.last() != Some(&weight) {
                    weights.push(weight);
                }
                if begun && matches!(phase, Phase::Succeeded | Phase::Failed) {
                    return (weights, phase);
                }
            }
        })
        .await
    }

    /// An object of a built-in kind or a custom one, as JSON.
    pub(crate) async fn object(&self, path: &str, name: &str) -> Value {
        let uri = format!("{}/{name}", path.replace("NAMESPACE", self.namespace));
        let request = http::Request::get(uri).body(Vec::new()).unwrap();
        self.client.request(request).await.unwrap()
    }

    /// Image and replicas of a Deployment.
    pub(crate) async fn deployment(&self, name: &str) -> (String, i64) {
        let found = self.object("/apis/apps/v1/namespaces/NAMESPACE/deployments", name).await;
        let image = found.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str).unwrap();
        (image.to_owned(), found["spec"]["replicas"].as_i64().unwrap())
    }

    /// Waits for an event about the canary that says all of this.
    pub(crate) async fn told(&self, words: &[&str]) {
        let events: Api<Event> = Api::namespaced(self.client.clone(), self.namespace);
        let config = watcher::Config::default().fields("involvedObject.kind=Canary");
        let mut events = std::pin::pin!(watcher(events, config).applied_objects());
        let mut heard = Vec::new();
        let found = tokio::time::timeout(PATIENCE, async {
            while let Some(event) = events.next().await {
                heard.push(event.unwrap().message.unwrap_or_default());
                if heard.last().is_some_and(|message| words.iter().all(|word| message.contains(word))) {
                    return;
                }
            }
        });
        let found = found.map(|found| found.is_ok()).await;
        assert!(found, "no event said {words:?}, but: {heard:#?}");
    }

    /// Phase and weight of the canary, now and after each change.
    fn statuses(&self) -> impl Stream<Item = (Phase, i32)> {
        let canaries: Api<Canary> = Api::namespaced(self.client.clone(), self.namespace);
        watcher(canaries, watcher::Config::default()).applied_objects().map(|canary| {
            let status = canary.unwrap().status.unwrap_or_default();
            (status.phase, status.canary_weight)
        })
    }
}

/// The ready pods of the primary and of the canary.
fn sides(slice: &EndpointSlice) -> [usize; 2] {
    let ready = slice
        .endpoints
        .iter()
        .flatten()
        .filter(|endpoint| endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true));
    let pods = ready.filter_map(|endpoint| endpoint.target_ref.as_ref()?.name.as_deref());
    let (primary, canary): (Vec<_>, Vec<_>) = pods.partition(|pod| pod.starts_with("podinfo-primary-"));
    [primary.len(), canary.len()]
}

/// The outcome, which is there in time.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it should be there by now")
}
