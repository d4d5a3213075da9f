//! A running sandbox, and the words that the tests use of it.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod, PodCondition};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use meters::Names;
use meters::builtin::{self, Check, Observer};
use sandbox::{Counts, Load, LoadOptions, LoadStats, Options, Sandbox};
use serde_json::{Value, json};

/// No condition takes longer than this on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
}

impl World {
    pub(crate) async fn start(speed: f64) -> Self {
        Self::with(Options { speed, seed: 7, ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self { sandbox: Sandbox::start(options).await.unwrap() }
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
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
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

    /// Waits until a Deployment is rolled out and the gateway leads to each of its pods.
    pub(crate) async fn serves(&self, name: &str) -> Deployment {
        let deployment = self.rolled_out(name).await;
        let (host, mut pods) = (format!("{name}.default"), BTreeSet::new());
        let waiting = async {
            while i32::try_from(pods.len()).unwrap() < deployment.spec.replicas.unwrap() {
                let answer = self.ask(&host, "/").await;
                pods.extend(
                    answer.headers.get("x-podinfo-hostname").cloned().map(|pod| pod.to_str().unwrap().to_owned()),
                );
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the gateway never led to all pods");
        deployment
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

    /// Applies an HTTPRoute, and waits until the gateway has taken it up.
    pub(crate) async fn apply_route(&self, route: Value) -> DynamicObject {
        let name = route["metadata"]["name"].as_str().unwrap().to_owned();
        let applied = self.apply("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", route).await;
        let resource = ApiResource::from_gvk_with_plural(
            &GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute"),
            "httproutes",
        );
        let api: Api<DynamicObject> = Api::namespaced_with(self.sandbox.client(), "default", &resource);
        let accepted = |found: Option<&DynamicObject>| {
            let conditions = found.map(|route| &route.data["status"]["parents"][0]["conditions"][0]);
            conditions.is_some_and(|condition| {
                condition["status"] == "True" && condition["observedGeneration"].as_i64() == applied.metadata.generation
            })
        };
        let waiting = await_condition(api, &name, accepted);
        tokio::time::timeout(PATIENCE, waiting).await.expect("the route was never accepted").unwrap().unwrap()
    }

    /// Waits until nothing of a workload is left.
    pub(crate) async fn gone(&self, app: &str) {
        let pods = self.pods().list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap();
        for pod in pods {
            let waiting =
                await_condition(self.pods(), pod.metadata.name.as_deref().unwrap(), |pod: Option<&Pod>| pod.is_none());
            tokio::time::timeout(PATIENCE, waiting).await.expect("a pod never left").unwrap();
        }
    }

    /// Asks the gateway once; a path may be a whole URL, as a proxy gets it.
    pub(crate) async fn ask(&self, host: &str, path: &str) -> Answer {
        ask(self.sandbox.gateway_addr(), "GET", host, path).await
    }

    /// The same with these headers besides.
    pub(crate) async fn ask_with(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        ask_with(self.sandbox.gateway_addr(), "GET", host, path, headers).await
    }

    /// Asks as a browser does before it lets a page of another origin ask.
    pub(crate) async fn preflight(&self, host: &str, path: &str, origin: &str) -> Answer {
        let headers = [("origin", origin), ("access-control-request-method", "GET")];
        ask_with(self.sandbox.gateway_addr(), "OPTIONS", host, path, &headers).await
    }

    /// How a pod names itself to the gateway as its proxy.
    pub(crate) fn credentials(pod: &Pod) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}.default:", pod.name_any())))
    }

    /// Asks until the answer has this status: the gateway has then taken up what was applied before.
    pub(crate) async fn answered(&self, host: &str, path: &str, status: u16) {
        let waiting = async { while self.ask(host, path).await.status != status {} };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the gateway never took it up");
    }

    /// Asks with `x-step: STEP`, which leads to version 7.0.0 as soon as this step is what is obeyed, until twenty answers in a
    /// row come from there: more than chance gives.
    pub(crate) async fn taken_up(&self, host: &str, step: &str) {
        let waiting = async {
            let mut row = 0;
            while row < 20 {
                let answer = self.ask_with(host, "/", &[("x-step", step)]).await;
                row = if answer.headers.get("x-podinfo-version").is_some_and(|is| is == "7.0.0") { row + 1 } else { 0 };
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the gateway never took it up");
    }

    /// Waits until something holds that follows from metrics.
    pub(crate) async fn comes_true(&self, what: impl Fn() -> bool) {
        let waiting = async {
            while !what() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it never came true");
    }

    /// What the operator would read for a built-in check over a minute; `None` when there is nothing.
    pub(crate) fn built_in(&self, observer: Observer, check: Check, names: &Names) -> Option<f64> {
        let answer = self.value(&builtin::query(observer, check, names, "1m")).filter(|value| !value.is_nan())?;
        Some(builtin::value(observer, check, answer))
    }

    /// The Events about an object as `type reason message`.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let api: Api<Event> = Api::namespaced(self.sandbox.client(), "default");
        let events = api.list(&ListParams::default()).await.unwrap().items.into_iter();
        let about = events.filter(|event| event.involved_object.name.as_deref() == Some(name));
        let text = |text: Option<String>| text.unwrap_or_default();
        about.map(|event| format!("{} {} {}", text(event.type_), text(event.reason), text(event.message))).collect()
    }

    /// Asks one pod behind the gateway's back, at the address that its annotation names.
    pub(crate) async fn ask_pod(&self, name: &str, method: &str, path: &str) -> (u16, String) {
        let pod = self.pods().get(name).await.unwrap();
        let listen = pod.annotations()["sandbox.flagger.app/listen"].parse().unwrap();
        let answer = ask(listen, method, "pod", path).await;
        (answer.status, answer.body)
    }

    /// Waits until the gateway knows a Service, ready or not.
    pub(crate) async fn table_knows(&self, host: &str) {
        let load = self.load(host, 200.0);
        until(&load.stats(), |counts| 0 < counts.lost).await;
        load.stop().await;
    }

    /// The first value that a query has now.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        match self.sandbox.store().query(query, self.sandbox.clock().now().as_millisecond()) {
            Ok(metricstore::QueryValue::Vector { samples, .. }) => samples.first().map(|sample| sample.value),
            other => panic!("{query}: {other:?}"),
        }
    }

    pub(crate) fn load(&self, host: &str, per_second: f64) -> Load {
        self.load_with(host, per_second, HeaderMap::new())
    }

    /// The same with these headers besides.
    pub(crate) fn load_with(&self, host: &str, per_second: f64, headers: HeaderMap) -> Load {
        let options = LoadOptions { per_second, headers, ..LoadOptions::new(self.sandbox.gateway_addr(), host) };
        Load::start(&options, self.sandbox.clock()).unwrap()
    }
}

/// A response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// The names that queries about a workload use.
pub(crate) fn named(target: &str) -> Names {
    let text = |text: &str| text.to_owned();
    Names {
        name: text(target),
        namespace: text("default"),
        target: text(target),
        service: text(target),
        ingress: text(target),
        route: text(target),
    }
}

/// Five standard deviations of a share that is drawn this many times: off by chance once in two million times.
pub(crate) fn share_error(share: f64, draws: u32) -> f64 {
    5.0 * (share * (1.0 - share) / f64::from(draws)).sqrt()
}

async fn ask(addr: SocketAddr, method: &str, host: &str, path: &str) -> Answer {
    ask_with(addr, method, host, path, &[]).await
}

async fn ask_with(addr: SocketAddr, method: &str, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(path).header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    connection.abort();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
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
            let fresh = now.iter().map(|(key, count)| (key.clone(), count - before.get(key).copied().unwrap_or(0)));
            fresh.filter(|(_, count)| 0 < *count).collect()
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

/// Listens to one stretch of so many answers after the other, until one is as it should be.
pub(crate) async fn settles(stats: &LoadStats, requests: u64, what: impl Fn(&Counts) -> bool) -> Counts {
    let waiting = async {
        loop {
            let counts = until(stats, |counts| requests <= counts.requests).await;
            if what(&counts) {
                return counts;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the load never settled")
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
