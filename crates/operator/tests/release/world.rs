//! A cluster in process, what is written to it, and replicas of the operator that can be killed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apiserver::{Api, Commit, Options};
use bytes::Bytes;
use flagger_operator::admin::Admin;
use flagger_operator::args;
use flagger_operator::run::{Error, serve};
use flagger_operator::web::{Carrier, ErrorKind, Route, Web};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use ports::Clock;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::Service;

/// Nothing takes longer than this, by the paused clock.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How long pods take to get up.
const START: Duration = Duration::from_secs(2);

const DEFINITIONS: [&str; 2] = [
    include_str!("../../../../charts/flagger/crds/crd.yaml"),
    include_str!("../../../sandbox/crds/gateway.networking.k8s.io.yaml"),
];

/// What the API server says to the operator.
type Answer = Response<UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>>;

/// One write that changed an object.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) at: Duration,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

impl Written {
    pub(crate) fn is_on(&self, kind: &str) -> bool {
        self.after["kind"] == kind
    }
}

/// The cluster; clones are the same one.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) api: Api,
    clock: PausedClock,
    /// By how many seconds the operator's clock is behind.
    behind_secs: Arc<AtomicI64>,
    history: Arc<History>,
}

struct History {
    writes: Mutex<Vec<Written>>,
    moved: watch::Sender<usize>,
    fuse: Mutex<Option<Fuse>>,
}

/// Which write is the end of which replica.
struct Fuse {
    end: fn(&Written) -> bool,
    life: Life,
}

/// Whether a replica has died, and what it may not do and tried.
#[derive(Clone, Default)]
struct Life {
    over: Arc<AtomicBool>,
    forbidden: Arc<Mutex<Option<(Method, &'static str)>>>,
    refused: Arc<Mutex<u32>>,
}

/// A replica of the operator.
pub(crate) struct Replica {
    life: Life,
    task: JoinHandle<Result<(), Error>>,
}

#[derive(Clone, Copy)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.0.elapsed()).unwrap()
    }

    fn real(&self, stretch: Duration) -> Duration {
        stretch
    }
}

/// The clock of the operator's machine, which can be set.
struct MachineClock {
    time: PausedClock,
    behind_secs: Arc<AtomicI64>,
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        self.time.now() - SignedDuration::from_secs(self.behind_secs.load(Ordering::Relaxed))
    }

    fn real(&self, stretch: Duration) -> Duration {
        stretch
    }
}

impl World {
    /// A cluster with the kinds, and somebody who gets pods up.
    pub(crate) fn start() -> Self {
        let clock = PausedClock(Instant::now());
        let fuse = Mutex::default();
        let history = Arc::new(History { writes: Mutex::default(), moved: watch::Sender::new(0), fuse });
        let observed = Arc::clone(&history);
        let options = Options {
            now: Arc::new(move || clock.now()),
            observer: Some(Arc::new(move |commit| observed.note(clock.0.elapsed(), commit))),
            ..Options::default()
        };
        let world = Self { api: Api::new(&options), clock, behind_secs: Arc::default(), history };
        for definition in DEFINITIONS.iter().flat_map(|text| serde_saphyr::from_multiple::<Value>(text).unwrap()) {
            world.ask(&Method::POST, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
        }
        tokio::spawn(world.clone().get_pods_up());
        world
    }

    /// Asks the API server; it must agree.
    pub(crate) fn ask(&self, method: &Method, path: &str, body: &Value) {
        let kind = if *method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder().method(method).uri(path).header(http::header::CONTENT_TYPE, kind);
        let response = self.api.call(request.body(Bytes::from(body.to_string())).unwrap());
        let (head, body) = response.into_parts();
        let said = body.collect().now_or_never().unwrap().unwrap().to_bytes();
        assert!(head.status.is_success(), "{method} {path}: {}", String::from_utf8_lossy(&said));
    }

    /// A Deployment, and a Canary of it with this analysis.
    pub(crate) fn deploy(&self, analysis: &Value) {
        self.ask(
            &Method::POST,
            "/apis/apps/v1/namespaces/default/deployments",
            &json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "default"},
                "spec": {
                    "replicas": 2,
                    "selector": {"matchLabels": {"app": "cart"}},
                    "template": {
                        "metadata": {"labels": {"app": "cart"}},
                        "spec": {"containers": [{"name": "main", "image": "cart:1"}]},
                    },
                },
            }),
        );
        self.ask(
            &Method::POST,
            "/apis/flagger.app/v1beta1/namespaces/default/canaries",
            &json!({
                "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
                "metadata": {"name": "cart", "namespace": "default"},
                "spec": {
                    "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
                    "service": {"port": 80, "gatewayRefs": [{"name": "gateway"}]},
                    "analysis": analysis,
                },
            }),
        );
    }

    /// Ships another image.
    pub(crate) fn push(&self, image: &str) {
        let containers = json!([{"name": "main", "image": image}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        self.ask(&Method::PATCH, "/apis/apps/v1/namespaces/default/deployments/cart", &patch);
    }

    /// Starts the operator with these further flags.
    pub(crate) async fn replica(&self, flags: &[&str]) -> Replica {
        let life = Life::default();
        let (api, alive) = (self.api.clone(), life.clone());
        let service = tower::service_fn(move |request: Request<Body>| alive.clone().exchange(api.clone(), request));
        let given = ["-mesh-provider=gatewayapi:v1", "-metrics-server=http://prometheus.test"];
        let flags = given.iter().chain(flags).map(ToString::to_string);
        let settings = args::parse(flags, |_| None).unwrap();
        let admin = Admin::bind_local(0).await.unwrap();
        let client = kube::Client::new(service, "default");
        let stop = CancellationToken::new();
        let clock = MachineClock { time: self.clock, behind_secs: Arc::clone(&self.behind_secs) };
        let task = tokio::spawn(serve(client, Web::over(Arc::new(Yes)), settings, Arc::new(clock), admin, stop));
        Replica { life, task }
    }

    /// Sets the clock of the operator's machine back.
    pub(crate) fn set_back(&self, secs: i64) {
        self.behind_secs.fetch_add(secs, Ordering::Relaxed);
    }

    /// Lets a replica die with the first write that is like this: it is made, and nobody hears of it.
    pub(crate) fn kill_at(&self, replica: &Replica, end: fn(&Written) -> bool) {
        *self.history.fuse.lock().unwrap() = Some(Fuse { end, life: replica.life.clone() });
    }

    /// All writes so far.
    pub(crate) fn writes(&self) -> Vec<Written> {
        self.history.writes.lock().unwrap().clone()
    }

    /// The last write of an object of this kind and name.
    pub(crate) fn last(&self, kind: &str, name: &str) -> Option<Value> {
        let writes = self.history.writes.lock().unwrap();
        let of = |written: &&Written| written.is_on(kind) && written.after["metadata"]["name"] == name;
        writes.iter().rev().find(of).map(|written| written.after.clone())
    }

    /// Waits until the canary is as it should be.
    pub(crate) async fn canary(&self, what: impl Fn(&Value) -> bool) -> Value {
        let mut moved = self.history.moved.subscribe();
        let waiting = async {
            loop {
                moved.borrow_and_update();
                if let Some(canary) = self.last("Canary", "cart").filter(&what) {
                    return canary;
                }
                moved.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, waiting).await;
        found.unwrap_or_else(|_| panic!("the canary never got there: {:#?}", self.last("Canary", "cart")))
    }

    /// The Deployment controller: what is asked for is there a little later.
    async fn get_pods_up(self) {
        let mut moved = self.history.moved.subscribe();
        loop {
            moved.borrow_and_update();
            let behind = ["cart", "cart-primary"].map(|name| self.last("Deployment", name));
            let behind: Vec<_> = behind.into_iter().flatten().filter(is_behind).collect();
            if behind.is_empty() {
                moved.changed().await.unwrap();
                continue;
            }
            tokio::time::sleep(START).await;
            for deployment in behind {
                let name = deployment["metadata"]["name"].as_str().unwrap();
                let path = format!("/apis/apps/v1/namespaces/default/deployments/{name}/status");
                self.ask(&Method::PATCH, &path, &up(&deployment));
            }
        }
    }
}

impl History {
    fn note(&self, at: Duration, commit: &Commit<'_>) {
        let Some(after) = commit.after else { return };
        let before = commit.before.map(|before| Value::clone(before)).unwrap_or_default();
        let written = Written { at, before, after: Value::clone(after) };
        let mut fuse = self.fuse.lock().unwrap();
        if let Some(fuse) = fuse.take_if(|fuse| (fuse.end)(&written)) {
            fuse.life.over.store(true, Ordering::Relaxed);
        }
        self.writes.lock().unwrap().push(written);
        self.moved.send_modify(|count| *count += 1);
    }
}

impl Replica {
    /// Ends what is left of a replica that has died, as the machine does that it ran on.
    pub(crate) async fn bury(self) {
        assert!(self.life.over.load(Ordering::Relaxed), "it did not die");
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()), "the operator ended by itself");
    }

    /// What it may not do from now on: requests of this method on paths that end like this.
    pub(crate) fn forbid(&self, what: Option<(Method, &'static str)>) {
        *self.life.forbidden.lock().unwrap() = what;
    }

    /// How often it tried all the same.
    pub(crate) fn refused(&self) -> u32 {
        *self.life.refused.lock().unwrap()
    }
}

impl Life {
    /// One request; one that has died is neither heard nor answered.
    async fn exchange(self, mut api: Api, request: Request<Body>) -> Result<Answer, Infallible> {
        if self.is_forbidden(&request) {
            return Ok(forbidden());
        }
        if self.over.load(Ordering::Relaxed) {
            return pending().await;
        }
        let answer = Service::call(&mut api, request).await;
        if self.over.load(Ordering::Relaxed) {
            return pending().await;
        }
        answer.map(|answer| answer.map(|body| body.map_err(Into::into).boxed_unsync()))
    }

    fn is_forbidden(&self, request: &Request<Body>) -> bool {
        let forbidden = self.forbidden.lock().unwrap();
        let path = request.uri().path();
        let found = forbidden.as_ref().is_some_and(|(method, end)| request.method() == method && path.ends_with(end));
        *self.refused.lock().unwrap() += u32::from(found);
        found
    }
}

fn forbidden() -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "User \"system:serviceaccount:flagger\" may not do this",
    });
    let mut response = Response::new(Full::from(status.to_string()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// Everybody outside of the cluster answers yes.
struct Yes;

impl Carrier for Yes {
    fn carry<'a>(&'a self, _: Request<Vec<u8>>, _: &'a Route) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        async { Ok(Response::new(Vec::new())) }.boxed()
    }
}

fn is_behind(deployment: &Value) -> bool {
    deployment["status"]["observedGeneration"] != deployment["metadata"]["generation"]
}

fn up(deployment: &Value) -> Value {
    let replicas = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let mut status: BTreeMap<&str, Value> = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
        .map(|count| (count, json!(replicas)))
        .into();
    status.insert("observedGeneration", deployment["metadata"]["generation"].clone());
    json!({"status": status})
}
