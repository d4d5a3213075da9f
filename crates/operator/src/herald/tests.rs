//! Alerts to chats that are well, overloaded, silent or gone.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Canary, Severity};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{Request, Response};
use kube::client::Body;
use notifiers::Alert;
use ports::{Clock, RealClock};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing_subscriber::layer::SubscriberExt;

use super::Herald;
use crate::args::parse;
use crate::cluster::Cluster;
use crate::telemetry::{Encoding, Level, Log, Metrics};
use crate::web::{Carrier, ErrorKind, Route, Web};

/// One request that a chat got.
#[derive(Clone, Debug, PartialEq)]
struct Heard {
    url: String,
    token: Option<String>,
    proxy: Option<String>,
    body: Value,
}

impl Heard {
    fn text(&self) -> &str {
        self.body["attachments"][0]["text"].as_str().unwrap_or_default()
    }
}

/// Chats by host. They answer with what was prepared for them, and then with 200; a status of 0 is silence.
#[derive(Default)]
struct Chats {
    heard: Mutex<Vec<Heard>>,
    answers: Mutex<BTreeMap<String, VecDeque<u16>>>,
}

impl Chats {
    fn prepare(&self, host: &str, answers: &[u16]) {
        self.answers.lock().unwrap().insert(host.to_owned(), answers.iter().copied().collect());
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

impl Carrier for Chats {
    fn carry<'a>(
        &'a self,
        request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.heard.lock().unwrap().push(Heard {
            url: request.uri().to_string(),
            token: request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned()),
            proxy: route.proxy.clone(),
            body: serde_json::from_slice(request.body()).unwrap(),
        });
        let status = self.answers.lock().unwrap().get_mut(&host).and_then(VecDeque::pop_front).unwrap_or(200);
        async move {
            if status == 0 {
                return std::future::pending().await;
            }
            // Some servers quote what they were asked for.
            let answer =
                Response::builder().status(status).header(RETRY_AFTER, "20").body(b"/hush is not here".to_vec());
            Ok(answer.unwrap())
        }
        .boxed()
    }
}

/// A cluster with these objects, all of namespace `test`, and no permission to list them.
fn cluster(objects: &[(&str, Value)]) -> Cluster {
    let objects: BTreeMap<String, Value> =
        objects.iter().map(|(path, object)| ((*path).to_owned(), object.clone())).collect();
    let service = tower::service_fn(move |request: Request<Body>| {
        let name = request.uri().path().split("/namespaces/test/").nth(1).unwrap_or_default();
        let refusal = |code: u16, reason: &str| {
            (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason}))
        };
        let (status, body) = match objects.get(name) {
            Some(object) => (200, object.clone()),
            None if name.contains('/') => refusal(404, "NotFound"),
            None => refusal(403, "Forbidden"),
        };
        let body = Body::from(body.to_string().into_bytes());
        async move { Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap()) }
    });
    Cluster::new(kube::Client::new(service, "default"))
}

fn provider(name: &str, spec: &Value) -> (String, Value) {
    let metadata = json!({"name": name, "namespace": "test", "resourceVersion": "1"});
    let object =
        json!({"apiVersion": "flagger.app/v1beta1", "kind": "AlertProvider", "metadata": metadata, "spec": spec});
    (format!("alertproviders/{name}"), object)
}

fn secret(name: &str, data: &[(&str, &str)]) -> (String, Value) {
    let data: BTreeMap<_, _> = data.iter().map(|(key, value)| (*key, STANDARD.encode(value))).collect();
    let object = json!({"metadata": {"name": name, "namespace": "test", "resourceVersion": "1"}, "data": data});
    (format!("secrets/{name}"), object)
}

/// A canary with these receivers: name of the provider, and severity.
fn canary(receivers: &[(&str, &str)]) -> Canary {
    let alerts = receivers
        .iter()
        .map(|(name, severity)| json!({"name": name, "severity": severity, "providerRef": {"name": name}}));
    let canary = json!({
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": {"interval": "30s", "threshold": 2, "iterations": 2, "alerts": alerts.collect::<Vec<_>>()},
        },
    });
    serde_json::from_value(canary).unwrap()
}

fn alert(severity: Severity, message: &str) -> Alert {
    Alert { canary: "podinfo.test".to_owned(), message: message.to_owned(), severity, fields: Vec::new() }
}

/// A herald, what it tells, and what it counts.
struct Scene {
    herald: Herald,
    chats: Arc<Chats>,
    metrics: Arc<Metrics>,
}

impl Scene {
    fn new(objects: &[(String, Value)], flags: &str) -> Self {
        let objects: Vec<_> = objects.iter().map(|(path, object)| (path.as_str(), object.clone())).collect();
        let settings = parse(flags.split_whitespace().map(str::to_owned), |_| None).unwrap();
        let (chats, metrics) = (Arc::new(Chats::default()), Arc::new(Metrics::new("1", "istio")));
        let web = Web::over(Arc::clone(&chats) as Arc<dyn Carrier>);
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let herald = Herald::start(&cluster(&objects), &web, &clock, &metrics, &settings);
        Self { herald, chats, metrics }
    }

    /// Waits until all is told, or given up.
    async fn end(self) -> (Vec<Heard>, Vec<String>) {
        let announced = self.herald.announced();
        drop(self.herald);
        announced.cancelled().await;
        let text = self.metrics.text();
        let counts = text.lines().filter_map(|line| line.strip_prefix("flagger_alerts_total"));
        (self.chats.heard(), counts.map(str::to_owned).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_goes_to_those_who_asked_for_its_severity_with_what_their_secret_holds() {
    let objects = [
        provider("slack", &json!({"type": "slack", "secretRef": {"name": "slack"}, "channel": "ops"})),
        secret("slack", &[("address", "https://slack.com/api/chat.postMessage\n"), ("token", "xoxb")]),
        provider("rocket", &json!({"type": "rocket", "address": "http://rocket/hook", "proxy": "http://proxy"})),
        provider("pager", &json!({"type": "discord", "address": "http://discord/hook"})),
    ];
    let scene = Scene::new(&objects, "-slack-url=http://global -slack-channel=all -cluster-name=eu-1");
    let receivers = canary(&[("slack", "warn"), ("rocket", ""), ("pager", "error")]);
    for (severity, message) in [(Severity::Info, "news"), (Severity::Warn, "gate"), (Severity::Error, "failed")] {
        scene.herald.tell(&receivers, alert(severity, message));
    }
    let (heard, counts) = scene.end().await;
    let told = |url: &str| {
        heard.iter().filter(|heard| heard.url.starts_with(url)).map(|heard| heard.text().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(told("https://slack.com/api/chat.postMessage"), ["gate", "failed"]);
    assert_eq!(told("http://rocket/"), ["news", "gate", "failed"], "no severity means all");
    assert_eq!(told("http://discord/hook/slack"), ["failed"]);
    assert_eq!(told("http://global"), [""; 0], "the chat of the flags is for canaries that name none");
    let slack = heard.iter().find(|heard| heard.url.starts_with("https://slack.com")).unwrap();
    assert_eq!((slack.token.as_deref(), &slack.body["channel"]), (Some("Bearer xoxb"), &json!("ops")));
    assert_eq!(slack.body["attachments"][0]["fields"], json!([{"title": "Cluster", "value": "eu-1", "short": false}]));
    let rocket = heard.iter().find(|heard| heard.url.starts_with("http://rocket")).unwrap();
    assert_eq!(rocket.proxy.as_deref(), Some("http://proxy"));
    let expected = [("discord", 1), ("rocket", 3), ("slack", 2)]
        .map(|(chat, count)| format!(r#"{{provider="{chat}",result="sent"}} {count}"#));
    assert_eq!(counts, expected);
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_names_nobody_is_told_of_in_the_chat_of_the_flags_whatever_the_severity() {
    let scene = Scene::new(&[], "-slack-url=http://global/hook -slack-channel=all -slack-proxy-url=http://proxy");
    scene.herald.tell(&canary(&[]), alert(Severity::Info, "news"));
    scene.herald.tell(&canary(&[]), alert(Severity::Error, "failed"));
    let (heard, _) = scene.end().await;
    assert_eq!(heard.iter().map(Heard::text).collect::<Vec<_>>(), ["news", "failed"]);
    assert_eq!((heard[0].proxy.as_deref(), &heard[0].body["username"]), (Some("http://proxy"), &json!("flagger")));
    let nobody = Scene::new(&[], "");
    nobody.herald.tell(&canary(&[]), alert(Severity::Error, "failed"));
    assert_eq!(nobody.end().await, (Vec::new(), Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_slack_gets_its_alerts_later_in_order_and_holds_nobody_up() {
    let objects = [provider("slack", &json!({"type": "slack", "address": "http://slack/hook"}))];
    let scene = Scene::new(&objects, "");
    scene.chats.prepare("slack", &[429, 200, 429, 429, 429, 200]);
    let began = Instant::now();
    for message in ["first", "second", "third"] {
        scene.herald.tell(&canary(&[("slack", "info")]), alert(Severity::Info, message));
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    let (heard, counts) = scene.end().await;
    let told: Vec<_> = heard.iter().map(Heard::text).collect();
    assert_eq!(told, ["first", "first", "second", "second", "second", "third"]);
    assert_eq!(counts, [r#"{provider="slack",result="failed"} 1"#, r#"{provider="slack",result="sent"} 2"#]);
    assert_eq!(began.elapsed().as_secs(), 60, "three waits of the 20 s that Slack asks for");
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_logged_and_counted_without_secrets() {
    let objects = [
        provider("no-secret", &json!({"type": "slack", "secretRef": {"name": "gone"}})),
        provider("no-address", &json!({"type": "slack", "secretRef": {"name": "odd"}})),
        secret("odd", &[("token", "hush")]),
        provider("no-url", &json!({"type": "gchat", "address": "hush"})),
        provider("refusing", &json!({"type": "msteams", "address": "http://teams/hush"})),
        provider("silent", &json!({"type": "slack", "address": "http://silent:8080/hush?token=hush"})),
    ];
    let scene = Scene::new(&objects, "");
    scene.chats.prepare("teams", &[404]);
    scene.chats.prepare("silent", &[0]);
    let log = Lines::default();
    let logging = tracing_subscriber::registry().with(Log::new(Level::Info, Encoding::Json, log.clone()));
    let guard = tracing::subscriber::set_default(logging);
    for name in ["no-provider", "no-secret", "no-address", "no-url", "refusing", "silent"] {
        scene.herald.tell(&canary(&[(name, "info")]), alert(Severity::Info, "news"));
    }
    let (_, counts) = scene.end().await;
    drop(guard);
    let mut told = log.errors();
    told.sort();
    let expected = [
        "AlertProvider no-address.test: the secret has no key \"address\"",
        "AlertProvider no-provider.test: alertproviders.flagger.app \"no-provider\" not found",
        "AlertProvider no-secret.test: secrets \"gone\" not found",
        "AlertProvider no-url.test: invalid Google Chat webhook URL, which must begin with http:// or https:// and a host",
        "AlertProvider refusing.test: Status 404 Not Found",
        "AlertProvider silent.test: failed to post http://silent:8080: timed out after 5s",
    ];
    assert_eq!(told, expected);
    assert!(!log.text().contains("hush"), "{}", log.text());
    let failed = |chat: &str, count: u8| format!(r#"{{provider="{chat}",result="failed"}} {count}"#);
    assert_eq!(counts, [failed("gchat", 1), failed("msteams", 1), failed("slack", 1), failed("unknown", 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_alerts_is_dropped_rather_than_kept() {
    let scene = Scene::new(&[], "-slack-url=http://slack/hook -slack-channel=all");
    for _ in 0..300 {
        scene.herald.tell(&canary(&[]), alert(Severity::Info, "news"));
    }
    let (heard, counts) = scene.end().await;
    let dropped = format!(r#"{{provider="slack",result="dropped"}} {}"#, 300 - heard.len());
    assert!((1..300).contains(&heard.len()) && counts.contains(&dropped), "{} heard, {counts:?}", heard.len());
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Receiver and reason of each alert that failed.
    fn errors(&self) -> Vec<String> {
        let text = self.text();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["msg"] == "failed to send an alert")
            .map(|line| format!("{}: {}", line["receiver"].as_str().unwrap(), line["error"].as_str().unwrap()))
            .collect()
    }
}
