//! How much room ten thousand canaries with their objects take, and how fast they are served:
//! `cargo bench -p apiserver`. Each line is a figure and its limit; a limit that is broken fails the run.

mod objects;

use std::io::Write as _;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use apiserver::{Api, Options, Server};
use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::runtime::watcher;
use objects::{Given, OBJECTS_EACH};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Canaries with their objects.
const CANARIES: usize = 10_000;
/// What client-go asks for at once.
const PAGE: u32 = 500;
const WATCHERS: usize = 10;
const WRITES: usize = 2_000;
const ALL: &str = "/apis/flagger.app/v1beta1/canaries";

/// Figures and whether one broke its limit.
#[derive(Default)]
struct Report {
    broken: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let server = Server::start(Options::default()).await.expect("loopback has a free port");
    let mut report = Report::default();

    let began = Instant::now();
    let api = server.api();
    let bytes = tokio::task::spawn_blocking(move || fill(&api)).await.expect("every object is accepted");
    let objects = CANARIES * OBJECTS_EACH;
    let written = began.elapsed();
    report.note(&format!("{objects} objects of {} bytes on average, written in {written:.0?}", bytes / objects));
    report.at_most("room for them, MiB", resident_mib(), 1024.0);

    let client = client(&server);
    let canaries = kube::Api::<DynamicObject>::all_with(client.clone(), &resource());
    report.within("a list of all canaries by pages", Duration::from_secs(1), listed(&canaries)).await;
    report.within("the operator's list and watch of them", Duration::from_secs(2), ready(&canaries)).await;
    report.within("a watch from here on", Duration::from_millis(10), begun(&server.api())).await;
    report.within("a watch that begins with all of them", Duration::from_secs(1), streamed(&server.api())).await;

    let began = Instant::now();
    write(&server.api()).await;
    let pace = f64::from(u32::try_from(WRITES).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64();
    report.at_least("writes of a status a second, each heard by ten watchers", pace, 1000.0);
    report.at_most("room after that, MiB", resident_mib(), 1024.0);
    server.stop().await;
    if report.broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Report {
    async fn within(&mut self, what: &str, limit: Duration, done: impl Future<Output = ()>) {
        let began = Instant::now();
        done.await;
        self.line(what, &format!("{:.1?}", began.elapsed()), &format!("at most {limit:?}"), began.elapsed() <= limit);
    }

    fn at_most(&mut self, what: &str, figure: f64, limit: f64) {
        self.line(what, &format!("{figure:.0}"), &format!("at most {limit:.0}"), figure <= limit);
    }

    fn at_least(&mut self, what: &str, figure: f64, limit: f64) {
        self.line(what, &format!("{figure:.0}"), &format!("at least {limit:.0}"), limit <= figure);
    }

    fn line(&mut self, what: &str, figure: &str, limit: &str, holds: bool) {
        self.broken |= !holds;
        self.note(&format!("{what:58} {figure:>10}   {limit}{}", if holds { "" } else { "   BROKEN" }));
    }

    #[expect(clippy::unused_self, reason = "it is where all figures go")]
    fn note(&self, text: &str) {
        // A closed stdout has nobody who could be told.
        drop(writeln!(std::io::stdout(), "{text}"));
    }
}

/// Writes everything as its writers do, and says how many bytes of JSON that makes.
fn fill(api: &Api) -> usize {
    let (route, canary) = (
        ("HTTPRoute", "httproutes", "gateway.networking.k8s.io", "v1"),
        ("Canary", "canaries", "flagger.app", "v1beta1"),
    );
    for (kind, plural, group, version) in [route, canary] {
        let definition = objects::definition(kind, plural, group, version);
        send(api, Method::POST, objects::DEFINITIONS, "kubectl", &definition);
    }
    for team in 0..CANARIES / objects::PER_TEAM {
        send(api, Method::POST, "/api/v1/namespaces", "kubectl", &json!({"metadata": {"name": objects::team(team)}}));
    }
    let mut bytes = 0;
    for canary in 0..CANARIES {
        let mut stored: Vec<Value> = Vec::new();
        for mut given in objects::of_canary(canary) {
            if let Some(owner) = given.owner.and_then(|owner| stored.get(owner)) {
                given.object["metadata"]["ownerReferences"] = json!([objects::reference(owner)]);
            }
            stored.push(give(api, &given));
        }
        assert_eq!(stored.len(), OBJECTS_EACH);
        bytes += stored.iter().map(|object| object.to_string().len()).sum::<usize>();
    }
    bytes
}

/// Creates an object and reports its status.
fn give(api: &Api, given: &Given) -> Value {
    let mut stored = send(api, Method::POST, &given.collection, given.creator, &given.object);
    let Some((reporter, status)) = &given.status else { return stored };
    stored["status"] = status.clone();
    let path = format!("{}/{}/status", given.collection, stored["metadata"]["name"].as_str().unwrap_or_default());
    send(api, Method::PUT, &path, reporter, &stored)
}

fn request(method: Method, path: &str, agent: &str, body: String) -> Request<Bytes> {
    let request = Request::builder().method(method).uri(path).header("user-agent", format!("{agent}/1.0"));
    request.header("content-type", "application/json").body(Bytes::from(body)).expect("the parts are valid")
}

fn send(api: &Api, method: Method, path: &str, agent: &str, body: &Value) -> Value {
    let response = api.call(request(method, path, agent, body.to_string()));
    let code = response.status();
    let bytes = futures::executor::block_on(response.into_body().collect()).expect("it is in memory").to_bytes();
    assert!(code.is_success(), "{path}: {}", String::from_utf8_lossy(&bytes));
    serde_json::from_slice(&bytes).expect("answers are JSON")
}

fn client(server: &Server) -> kube::Client {
    let url = server.url().parse().expect("it is a URL");
    kube::Client::try_from(kube::Config::new(url)).expect("plain HTTP needs nothing")
}

fn resource() -> ApiResource {
    ApiResource {
        group: "flagger.app".into(),
        version: "v1beta1".into(),
        api_version: "flagger.app/v1beta1".into(),
        kind: "Canary".into(),
        plural: "canaries".into(),
    }
}

async fn listed(canaries: &kube::Api<DynamicObject>) {
    let (mut found, mut token) = (0, None);
    loop {
        let mut params = ListParams::default().limit(PAGE);
        params.continue_token = token.take();
        let page = canaries.list(&params).await.expect("the list is served");
        found += page.items.len();
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, CANARIES);
}

async fn ready(canaries: &kube::Api<DynamicObject>) {
    let mut events = pin!(watcher::watcher(canaries.clone(), watcher::Config::default()));
    let mut found = 0;
    while let Some(event) = events.try_next().await.expect("nothing fails") {
        match event {
            watcher::Event::InitApply(_) => found += 1,
            watcher::Event::InitDone => break,
            _ => {}
        }
    }
    assert_eq!(found, CANARIES);
}

fn watch(api: &Api, query: &str) -> Response<Body> {
    api.call(request(Method::GET, &format!("{ALL}?watch=1{query}"), "bench", String::new()))
}

/// One that hears of a change after the state that its client knows.
async fn begun(api: &Api) {
    let latest = send(api, Method::GET, &format!("{ALL}?limit=1"), "bench", &Value::Null);
    let revision = latest["metadata"]["resourceVersion"].as_str().expect("a list has one");
    let mut frames = watch(api, &format!("&resourceVersion={revision}")).into_body().into_data_stream();
    // A status that it has not: what changes nothing is no news.
    touch(api, 0, WRITES + 1);
    frames.next().await.expect("the change is told").expect("it is in memory");
}

async fn streamed(api: &Api) {
    let frames = watch(api, "").into_body().into_data_stream();
    let shown = frames.take(CANARIES).try_fold(0, async |shown, _| Ok(shown + 1)).await;
    assert_eq!(shown.expect("it is in memory"), CANARIES);
}

/// Changes statuses while watchers look, and waits until all of them have heard of all of it.
async fn write(api: &Api) {
    let latest = send(api, Method::GET, &format!("{ALL}?limit=1"), "bench", &Value::Null);
    let revision = latest["metadata"]["resourceVersion"].as_str().expect("a list has one");
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let frames = watch(api, &format!("&resourceVersion={revision}")).into_body().into_data_stream();
            tokio::spawn(frames.take(WRITES).for_each(async |frame| drop(frame.expect("it is in memory"))))
        })
        .collect();
    let handle = api.clone();
    let writes = move || (0..WRITES).for_each(|index| touch(&handle, index % CANARIES, index + 1));
    tokio::task::spawn_blocking(writes).await.expect("every write is accepted");
    for watcher in watchers {
        watcher.await.expect("it heard of all of it");
    }
}

/// Writes a status as the operator does.
fn touch(api: &Api, canary: usize, checks: usize) {
    let path = format!("{}/{}", objects::canaries(canary), objects::name(canary));
    let mut object = send(api, Method::GET, &path, "flagger", &Value::Null);
    object["status"]["canaryWeight"] = json!(checks);
    send(api, Method::PUT, &format!("{path}/status"), "flagger", &object);
}

/// The memory of this process that is in use, by Linux' own account.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the benchmark needs Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    let kib: u32 = line.trim().trim_end_matches(" kB").parse().expect("it is a number of KiB");
    f64::from(kib) / 1024.0
}
