//! Metrics servers and webhooks on bad days, over real connections: what a release is told, how long that takes, and how much
//! of an answer without end is taken.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use kube::client::Body;
use ports::RealClock;
use rollout::words::Sentence;
use rollout::{Effect, Measured, Outcome, Plan};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::drive::Shell;
use crate::perform::World;
use crate::recorder::Recorder;
use crate::telemetry::Metrics;
use crate::web::Web;

/// What is on its way in the buffers of two sockets, and what is taken before an answer counts as too large.
const TAKEN_MAX: u64 = 32 * 1024 * 1024;

/// A server that answers by the first word of the path.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    /// Another server, which redirects lead to.
    other: Option<SocketAddr>,
    /// Bytes of answers without end that went out.
    sent: Arc<AtomicU64>,
}

impl Server {
    async fn start() -> Self {
        let other = Self::listen(None).await.address;
        Self::listen(Some(other)).await
    }

    async fn listen(other: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), other, sent: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                // A client that hangs up is what these tests are about.
                tokio::spawn(async move { server.answer(stream).await.ok() });
            }
        });
        server
    }

    fn url(&self, word: &str) -> String {
        format!("http://{}/{word}", self.address)
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let result =
            |result: &str| full("200 OK", "", &format!(r#"{{"data":{{"resultType":"vector","result":{result}}}}}"#));
        let answer = match path.split('/').nth(1).unwrap_or_default() {
            "broken" => full("500 Internal Server Error", "", "oops"),
            "loop" => full("302 Found", &format!("location: {path}\r\n"), ""),
            "gone" => full("302 Found", &format!("location: http://{}/\r\n", closed().await), ""),
            "elsewhere" => full("302 Found", &format!("location: http://{}/let-in\r\n", self.other.unwrap()), ""),
            "let-in" => result(&format!(r#"[{{"value":[1,"{}"]}}]"#, u8::from(head.contains("authorization:")))),
            "several" => result(r#"[{"value":[1,"1"]},{"value":[1,"7.5"]}]"#),
            "nan" => result(r#"[{"value":[1,"NaN"]}]"#),
            "inf" => result(r#"[{"value":[1,"+Inf"]}]"#),
            "empty" => result("[]"),
            "page" => full("200 OK", "", "<html>"),
            "huge" => return self.flood(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n", "x").await,
            "endless" => {
                return self
                    .flood(
                        stream,
                        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                        &format!("1000\r\n{}\r\n", "x".repeat(0x1000)),
                    )
                    .await;
            }
            "heads" => return self.flood(stream, "HTTP/1.1 200 OK\r\n", "x: y\r\n").await,
            "drip" => return self.drip(stream).await,
            _ => return std::future::pending().await,
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    /// The same over and over, as long as somebody takes it.
    async fn flood(&self, mut stream: TcpStream, head: &str, piece: &str) -> std::io::Result<()> {
        stream.write_all(head.as_bytes()).await?;
        let pieces = piece.repeat(1 + 0x10000 / piece.len());
        loop {
            stream.write_all(pieces.as_bytes()).await?;
            self.sent.fetch_add(pieces.len() as u64, Ordering::Relaxed);
        }
    }

    /// A byte in a second.
    async fn drip(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await?;
        loop {
            stream.write_all(b" ").await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn full(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// An address that nobody listens at.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A cluster with a metric template that asks at this address, and the token that it takes.
fn cluster(address: &str, query: &str) -> Cluster {
    let named = |name: &str| json!({"name": name, "namespace": "test", "resourceVersion": "1"});
    let provider = json!({"type": "prometheus", "address": address, "secretRef": {"name": "token"}});
    let objects = BTreeMap::from([
        ("metrictemplates/load", json!({"metadata": named("load"), "spec": {"provider": provider, "query": query}})),
        ("secrets/token", json!({"metadata": named("token"), "data": {"token": "aHVzaA=="}})),
    ]);
    let service = tower::service_fn(move |request: Request<Body>| {
        let name = request.uri().path().split("/namespaces/test/").nth(1).unwrap_or_default();
        let found = objects.get(name).map(|object| (200, object.clone()));
        let (status, body) =
            found.unwrap_or_else(|| (403, json!({"kind": "Status", "code": 403, "reason": "Forbidden"})));
        let body = Body::from(body.to_string().into_bytes());
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap()) }
    });
    Cluster::new(kube::Client::new(service, "default"))
}

/// What is told of a release that asks this address for a metric and as a webhook, without the common beginnings.
async fn told(address: &str, query: &str) -> [String; 2] {
    let cluster = cluster(address, query);
    let clock = Arc::new(RealClock);
    let recorder = Recorder::start(cluster.clone(), clock.clone());
    let settings = crate::args::parse(std::iter::empty(), |_| None).unwrap();
    let shell = Shell::new(cluster, Web::new(), clock, recorder, Arc::new(Metrics::new("1", "kubernetes")), settings);
    let canary = json!({
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "provider": "kubernetes",
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": {
                "interval": "30s", "threshold": 2, "iterations": 2,
                "metrics": [{"name": "load", "templateRef": {"name": "load"}, "thresholdRange": {"max": 5}}],
                "webhooks": [{"name": "check", "type": "rollout", "url": address, "timeout": "5s"}],
            },
        },
    });
    let canary: api::Canary = serde_json::from_value(canary).unwrap();
    let plan = Plan::of(&canary, &shell.rules).unwrap();
    let mut world = World::new(&shell, &canary, &plan);
    let measured = match world.perform(&Effect::Measure(0)).await {
        Outcome::Measured(Measured::Fault(fault)) => Sentence::MeterFault(0, fault).text(&plan),
        Outcome::Measured(Measured::NoData(reason)) => Sentence::NoValues(0, reason).text(&plan),
        Outcome::Measured(Measured::Value(value)) if plan.checks[0].bounds.broken_by(value).is_some() => {
            Sentence::OutOfBounds(0, value).text(&plan)
        }
        Outcome::Measured(Measured::Value(value)) => format!("passes with {value}"),
        other => panic!("{other:?}"),
    };
    let called = match world.perform(&Effect::CallHook { hook: 0, phase: api::Phase::Progressing }).await {
        Outcome::Refused(reason) => Sentence::HookRefused(0, reason).text(&plan),
        Outcome::Done => "passes".to_owned(),
        other => panic!("{other:?}"),
    };
    let hook = format!(
        "Halt podinfo.test advancement external check check failed POST {address} giving up after 1 attempt(s): "
    );
    [measured.replace("Metric query failed for load: ", ""), called.replace(&hook, "")]
}

#[tokio::test]
async fn a_server_that_misbehaves_fails_the_check_and_the_hook_and_is_named_without_secrets() {
    let server = Server::start().await;
    let origin = format!("http://{}", server.address);
    let both = |why: &str| [format!("failed to get {origin}: {why}"), format!("failed to post {origin}: {why}")];
    assert_eq!(told(&server.url("loop"), "x").await, both("stopped after 10 redirects"));
    assert_eq!(told(&server.url("gone"), "x").await, both("connection refused"));
    assert_eq!(told(&server.url("huge"), "x").await, both("the response is larger than 1 MiB"));
    assert_eq!(told(&server.url("endless"), "x").await, both("the response is larger than 1 MiB"));
    let [measured, called] = told(&server.url("heads"), "x").await;
    assert!(measured.starts_with(&both("")[0]) && called.starts_with(&both("")[1]), "{measured}\n{called}");
    let taken = server.sent.load(Ordering::Relaxed);
    assert!(taken < 6 * TAKEN_MAX, "six answers without end, of which {taken} bytes were taken");

    let broken = told(&server.url("broken"), "x").await;
    assert_eq!(broken, ["error response: Status 500 Internal Server Error: oops".to_owned(), "oops".to_owned()]);
    let address = format!("http://{}", closed().await);
    let [measured, called] = told(&address, "x").await;
    assert_eq!(measured, format!("failed to get {address}: connection refused"));
    assert_eq!(called, format!("failed to post {address}: connection refused"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_or_slow_is_left_when_the_time_is_over() {
    let server = Server::start().await;
    let origin = format!("http://{}", server.address);
    for word in ["silent", "drip"] {
        let began = Instant::now();
        let expected = ["get", "post"].map(|verb| format!("failed to {verb} {origin}: timed out after 5s"));
        assert_eq!(told(&server.url(word), "x").await, expected, "{word}");
        assert_eq!(began.elapsed().as_secs(), 10, "{word}: five seconds for each of the two");
    }
}

#[tokio::test]
async fn a_redirect_to_another_host_is_followed_without_the_credentials() {
    let server = Server::start().await;
    assert_eq!(told(&server.url("elsewhere"), "x").await, ["passes with 0", "passes"]);
    assert_eq!(told(&server.url("let-in"), "x").await, ["passes with 1", "passes"]);
}

#[tokio::test]
async fn an_answer_or_a_template_that_is_no_number_fails_the_check_in_its_own_words() {
    let server = Server::start().await;
    let none = "Halt advancement no values found for custom metric: load: no values found";
    let rendering = "Metric template load.test query render error: template";
    for (word, query, expected) in [
        ("several", "x", "Halt podinfo.test advancement load 7.50 > 5"),
        ("inf", "x", "Halt podinfo.test advancement load +Inf > 5"),
        ("nan", "x", none),
        ("empty", "x", none),
        ("page", "x", "failed to read the response: expected value at line 1 column 1"),
        ("several", "x{{ end }} / y", &format!("{rendering} parsing failed: unexpected {{{{end}}}}")),
        ("several", "{{ .Nothing }}", &format!("{rendering} excution failed: map has no entry for key: Nothing")),
    ] {
        assert_eq!(told(&server.url(word), query).await[0], expected, "{word} {query}");
    }
    let [unclosed, _] = told(&server.url("several"), "rate(x[{{ interval").await;
    assert!(unclosed.starts_with(&format!("{rendering} parsing failed: ")), "{unclosed}");
}
