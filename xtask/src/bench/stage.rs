//! What the operator finds: an API server that is counted at, a node where every pod is ready at once, and a Prometheus that
//! answers 100 to everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use apiserver::{Api, Options};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::team;

/// Larger than any request of the operator.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// What Prometheus answers.
const CONTENT: &str =
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000,"100"]}]}}"#;

/// The files with the kinds that are needed.
const DEFINITIONS: [&str; 2] = ["charts/flagger/crds/crd.yaml", "crates/sandbox/crds/gateway.networking.k8s.io.yaml"];

/// All of it; everything listens on loopback and ends with the process.
pub(super) struct Stage {
    counted: Arc<Counted>,
    folder: PathBuf,
    kubeconfig: PathBuf,
    prometheus: String,
}

/// The API server with what was asked of it.
struct Counted {
    api: Api,
    tally: Mutex<Tally>,
}

/// What the operator asked for since the last reset.
pub(super) struct Tally {
    pub(super) requests: usize,
    pub(super) writes: usize,
    last: Instant,
    /// Canaries that are initialized; these stay.
    initialized: BTreeSet<String>,
    /// When the weights of each canary were set.
    steps: BTreeMap<String, Vec<Instant>>,
    /// When new versions were shipped whose runs the operator has not announced.
    shipped: BTreeMap<String, Instant>,
    /// How long each of the others waited for that.
    started: Vec<Duration>,
}

impl Tally {
    pub(super) fn initialized(&mut self) -> usize {
        self.initialized.len()
    }

    /// How long nothing was asked for.
    pub(super) fn idle(&mut self) -> Duration {
        self.last.elapsed()
    }

    pub(super) fn reset(&mut self) {
        *self = Self { initialized: std::mem::take(&mut self.initialized), ..Self::new() };
    }

    /// How long each new version waited until the operator announced its run; one that still waits, for so long already.
    pub(super) fn waits(&self) -> Vec<Duration> {
        self.started.iter().copied().chain(self.shipped.values().map(Instant::elapsed)).collect()
    }

    /// How many weights were set.
    pub(super) fn steps(&self) -> usize {
        self.steps.values().map(Vec::len).sum()
    }

    /// How much later than `interval` after the one before each weight was set.
    pub(super) fn lateness(&self, interval: Duration) -> Vec<Duration> {
        let pairs = self.steps.values().flat_map(|steps| steps.iter().zip(steps.iter().skip(1)));
        pairs.map(|(before, after)| after.duration_since(*before).saturating_sub(interval)).collect()
    }

    fn new() -> Self {
        Self {
            requests: 0,
            writes: 0,
            last: Instant::now(),
            initialized: BTreeSet::new(),
            steps: BTreeMap::new(),
            shipped: BTreeMap::new(),
            started: Vec::new(),
        }
    }
}

impl Stage {
    pub(super) async fn start(root: &Path) -> Result<Self> {
        let api = Api::new(&Options::default());
        let counted = Arc::new(Counted { api, tally: Mutex::new(Tally::new()) });
        let server = serve(Router::new().fallback(answer).with_state(Arc::clone(&counted))).await?;
        let content = || async { ([(http::header::CONTENT_TYPE, "application/json")], CONTENT) };
        let prometheus = serve(Router::new().fallback(content)).await?;
        let folder = std::env::temp_dir().join(format!("flagger-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).context("failed to make a folder")?;
        let kubeconfig = folder.join("kubeconfig");
        fs::write(&kubeconfig, team::kubeconfig(&server)).context("failed to write a kubeconfig")?;
        for path in DEFINITIONS {
            let text = fs::read_to_string(root.join(path)).with_context(|| format!("failed to read {path}"))?;
            for definition in serde_saphyr::from_multiple::<Value>(&text)? {
                counted
                    .ask(Method::POST, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition)
                    .await?;
            }
        }
        Ok(Self { counted, folder, kubeconfig, prometheus })
    }

    /// A fleet of canaries with their Deployments, a hundred in a namespace.
    pub(super) async fn deploy(&self, canaries: usize) -> Result<()> {
        for index in 0..canaries {
            let (namespace, name) = team::place(index);
            if index.is_multiple_of(team::NAMESPACE) {
                let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
                self.counted.ask(Method::POST, "/api/v1/namespaces", &body).await?;
            }
            let deployments = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
            let deployment = self.counted.ask(Method::POST, &deployments, &team::deployment(&namespace, &name)).await?;
            self.counted.ready(&deployment).await?;
            let canaries = format!("/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries");
            self.counted.ask(Method::POST, &canaries, &team::canary(&namespace, &name)).await?;
        }
        Ok(())
    }

    /// Ships a new version of the first canaries, one after the other within `time`.
    pub(super) async fn release(&self, releases: usize, time: Duration) -> Result<()> {
        let start = Instant::now();
        for index in 0..releases {
            let share = f64::from(u32::try_from(index)?) / f64::from(u32::try_from(releases)?);
            sleep(time.mul_f64(share).saturating_sub(start.elapsed())).await;
            let (namespace, name) = team::place(index);
            let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
            let version = json!({"spec": {"template": {"metadata": {"annotations": {"version": "2.0.0"}}}}});
            self.counted.tally().shipped.insert(format!("{namespace}/{name}"), Instant::now());
            let deployment = self.counted.ask(Method::PATCH, &path, &version).await?;
            self.counted.ready(&deployment).await?;
        }
        Ok(())
    }

    pub(super) fn tally<T>(&self, look: impl FnOnce(&mut Tally) -> T) -> T {
        look(&mut self.counted.tally())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes the folder.
    pub(super) fn clean(&self) -> Result<()> {
        fs::remove_dir_all(&self.folder).with_context(|| format!("failed to remove {}", self.folder.display()))
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(super) fn prometheus(&self) -> &str {
        &self.prometheus
    }
}

impl Counted {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of ours, which is not counted.
    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let content = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = http::Request::builder().method(method).uri(path).header("content-type", content);
        let response = self.api.call(request.body(Bytes::from(body.to_string()))?);
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.context("failed to read an answer")?;
        let body: Value = serde_json::from_slice(&bytes).context("the answer is no JSON")?;
        if !status.is_success() {
            bail!("{path} was answered {status}: {body}");
        }
        Ok(body)
    }

    /// The node: all pods of the Deployment are there and ready.
    async fn ready(&self, deployment: &Value) -> Result<()> {
        let (namespace, name) = team::names(deployment);
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
        let mut deployment = self.ask(Method::GET, &path, &Value::Null).await?;
        let status = team::ready(&deployment);
        if deployment.get("status") != Some(&status) {
            deployment["status"] = status;
            // Whoever changes the rest of it meanwhile does not matter to a node.
            deployment["metadata"]["resourceVersion"] = Value::Null;
            self.ask(Method::PUT, &format!("{path}/status"), &deployment).await?;
        }
        Ok(())
    }

    /// Notes an answered request of the operator.
    fn note(&self, method: &Method, path: &str, answer: Option<&Value>) {
        let mut tally = self.tally();
        tally.requests += 1;
        tally.last = Instant::now();
        if *method == Method::GET {
            return;
        }
        tally.writes += 1;
        let Some(object) = answer else { return };
        let (namespace, name) = team::names(object);
        let key = format!("{namespace}/{name}");
        if path.contains("/httproutes") {
            let now = Instant::now();
            tally.steps.entry(key).or_default().push(now);
        } else if path.contains("/canaries/") {
            match object["status"]["phase"].as_str() {
                Some("Initialized") => {
                    tally.initialized.insert(key);
                }
                Some("Progressing") => {
                    let waited = tally.shipped.remove(&key).map(|shipped| shipped.elapsed());
                    tally.started.extend(waited);
                }
                _ => {}
            }
        }
    }
}

async fn answer(State(counted): State<Arc<Counted>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let response = counted.api.call(http::Request::from_parts(parts, body));
    if method == Method::GET {
        counted.note(&method, &path, None);
        return response;
    }
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let object = parts.status.is_success().then(|| serde_json::from_slice::<Value>(&bytes).ok()).flatten();
    counted.note(&method, &path, object.as_ref());
    if let Some(deployment) = object.filter(|_| path.contains("/deployments")) {
        // A node that can't report leaves the Deployment unready, which shows in the figures.
        let _ = counted.ready(&deployment).await;
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Serves on a free port of loopback; its URL.
async fn serve(router: Router) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("failed to listen")?;
    let address = listener.local_addr().context("failed to listen")?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}
