//! What the receivers of webhooks see.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::world::{PATIENCE, World, canary};

/// One call that a receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// A receiver of webhooks; each path answers with its own status, 200 unless told otherwise.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    answers: Mutex<BTreeMap<String, Vec<u16>>>,
    says: Mutex<String>,
    news: Notify,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { url: format!("http://{}", listener.local_addr().unwrap()), shared: Arc::default() };
        let server = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        receiver
    }

    /// The next answers at a path; the last one stays.
    pub(crate) fn answer(&self, path: &str, statuses: &[u16]) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), statuses.to_vec());
    }

    /// A hook that holds a run at its first weight, until it is let go.
    pub(crate) fn hold(&self) -> Value {
        self.answer("/hold", &[200, 403]);
        json!({"name": "hold", "type": "confirm-traffic-increase", "url": format!("{}/hold", self.url)})
    }

    /// Lets go what is held.
    pub(crate) fn let_go(&self) {
        self.answer("/hold", &[200]);
    }

    /// The body of all answers from now on, empty unless told otherwise.
    pub(crate) fn says(&self, body: &str) {
        body.clone_into(&mut self.shared.says.lock().unwrap());
    }

    /// What was called so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.shared.calls.lock().unwrap().iter().map(|call| call.path.clone()).collect()
    }

    pub(crate) fn calls(&self, path: &str) -> Vec<Call> {
        self.shared.calls.lock().unwrap().iter().filter(|call| call.path == path).cloned().collect()
    }

    /// Waits until a path was called this often.
    pub(crate) async fn called(&self, path: &str, times: usize) -> Vec<Call> {
        self.heard(path, |calls| times <= calls.len()).await
    }

    /// Waits until the calls of a path are as they should be.
    async fn heard(&self, path: &str, what: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let waiting = async {
            loop {
                let news = self.shared.news.notified();
                let calls = self.calls(path);
                if what(&calls) {
                    return calls;
                }
                news.await;
            }
        };
        let heard = tokio::time::timeout(PATIENCE, waiting).await;
        heard.unwrap_or_else(|_| panic!("{path} was never called: {:#?}", self.calls(path)))
    }

    async fn serve(&self, mut stream: TcpStream) {
        let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
        let (head, body) = loop {
            let read = stream.read(&mut chunk).await.unwrap_or_default();
            if read == 0 {
                return;
            }
            text.extend_from_slice(&chunk[..read]);
            let whole = String::from_utf8_lossy(&text).into_owned();
            let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
            let length: usize = field(head, "content-length").parse().unwrap_or_default();
            if length <= body.len() {
                break (head.to_owned(), body.to_owned());
            }
        };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let call = Call {
            path: path.clone(),
            key: field(&head, "idempotency-key"),
            authorization: field(&head, "authorization"),
            body: serde_json::from_str(&body).unwrap_or_default(),
        };
        let status = {
            let mut answers = self.shared.answers.lock().unwrap();
            let left = answers.entry(path).or_insert_with(|| vec![200]);
            if 1 < left.len() { left.remove(0) } else { left[0] }
        };
        self.shared.calls.lock().unwrap().push(call);
        self.shared.news.notify_waiters();
        let body = self.shared.says.lock().unwrap().clone();
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close", body.len());
        let answer = format!("{head}\r\n\r\n{body}");
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn field(head: &str, name: &str) -> String {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = fields.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn all_kinds_of_hooks_are_called_in_order_with_what_they_need_to_know() {
    let (world, receiver) = (World::start(20.0, &[]).await, Receiver::start().await);
    let hook = |kind: &str| {
        json!({"name": format!("my-{kind}"), "type": kind, "url": format!("{}/{kind}", receiver.url),
               "retries": 3, "metadata": {"team": "shop"}})
    };
    let kinds = [
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "rollback",
        "event",
    ];
    receiver.answer("/rollback", &[403]);
    // The first attempt at the pre-rollout hook meets an overloaded service.
    receiver.answer("/pre-rollout", &[503, 200]);
    let hooks: Vec<Value> = kinds.iter().map(|kind| hook(kind)).collect();
    let analysis = json!({"interval": "30s", "threshold": 2, "stepWeight": 50, "maxWeight": 50, "webhooks": hooks});
    world.release("podinfo", "6.0.0", &analysis).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;
    receiver.called("/post-rollout", 1).await;

    let phases = |kind: &str| {
        let calls = receiver.calls(&format!("/{kind}"));
        calls.into_iter().map(|call| call.body["phase"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(phases("confirm-rollout"), ["Initialized"]);
    assert_eq!(phases("pre-rollout"), ["Progressing", "Progressing"], "the second is the retry");
    assert_eq!(phases("confirm-traffic-increase"), ["Progressing"]);
    assert_eq!(phases("rollout"), ["Progressing"]);
    assert_eq!(phases("confirm-promotion"), ["Progressing"]);
    assert_eq!(phases("post-rollout"), ["Succeeded"]);
    assert!(!phases("rollback").is_empty());

    let retried = receiver.calls("/pre-rollout");
    assert_eq!(retried[0].key, retried[1].key, "a retry is the same call");
    assert_eq!(retried[0].key.len(), 32);
    let post = &receiver.calls("/post-rollout")[0];
    assert_ne!(post.key, retried[0].key);
    assert_eq!([&post.body["name"], &post.body["namespace"]], ["podinfo", "default"]);
    assert_eq!(post.body["metadata"], json!({"team": "shop"}));
    assert_eq!(post.body["checksum"], retried[0].body["checksum"], "it names the release");

    let done = "Promotion completed! Scaling down podinfo.default";
    let told = |calls: &[Call]| calls.iter().any(|call| call.body["metadata"]["eventMessage"] == done);
    let events = receiver.heard("/event", told).await;
    let last = events.iter().find(|call| call.body["metadata"]["eventMessage"] == done).unwrap();
    assert_eq!([&last.body["phase"], &last.body["metadata"]["eventType"]], ["Succeeded", "Normal"]);
    assert_eq!(last.body["metadata"]["team"], "shop");
    assert!(last.body["metadata"]["timestamp"].as_str().unwrap().parse::<u64>().is_ok());
    world.stop().await;
}

#[tokio::test]
async fn events_of_canaries_without_a_hook_of_their_own_go_to_the_global_one_and_hold_nobody_up() {
    let (receiver, own) = (Receiver::start().await, Receiver::start().await);
    // Every attempt at an event is refused: no release may notice.
    receiver.answer("/all", &[500]);
    let world = World::start(20.0, &[format!("-event-webhook={}/all", receiver.url)]).await;
    let quick = json!({"interval": "30s", "threshold": 2, "stepWeight": 100});
    let mut told_elsewhere = quick.clone();
    told_elsewhere["webhooks"] = json!([{"name": "own", "type": "event", "url": format!("{}/own", own.url)}]);
    world.release("podinfo", "6.0.0", &quick).await;
    world.release("cart", "6.0.0", &told_elsewhere).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["phase"] == "Succeeded").await;

    own.called("/own", 2).await;
    let names = |calls: Vec<Call>| calls.into_iter().map(|call| call.body["name"].clone()).collect::<Vec<_>>();
    assert!(names(receiver.calls("/all")).iter().all(|name| name == "podinfo"));
    assert!(names(own.calls("/own")).iter().all(|name| name == "cart"));
    let order = ["Initialization done!", "New revision detected!", "Starting canary analysis", "Advance", "Copying"];
    let begins = |call: &Call, start: &str| call.body["metadata"]["eventMessage"].as_str().unwrap().starts_with(start);
    let all = |calls: &[Call]| order.iter().all(|start| calls.iter().any(|call| begins(call, start)));
    let messages = receiver.heard("/all", all).await;
    let places: Vec<_> =
        order.iter().map(|start| messages.iter().position(|call| begins(call, start)).expect(start)).collect();
    assert!(places.is_sorted(), "events arrive in order: {messages:?}");
    world.stop().await;
}

#[tokio::test]
async fn a_canary_that_is_or_becomes_invalid_tells_its_event_hook_or_else_the_global_one() {
    let receiver = Receiver::start().await;
    let world = World::start(20.0, &[format!("-event-webhook={}/all", receiver.url)]).await;
    let ladder = |weights: Value, hooks: Value| json!({"interval": "30s", "threshold": 2, "stepWeights": weights, "webhooks": hooks});
    world.apply(&canary("wrong", &ladder(json!([10, 10]), json!([])))).await;
    let rule = "spec.analysis.stepWeights[1]: must be above the step before, 10 follows 10";
    let call = receiver.called("/all", 1).await.remove(0);
    assert_eq!([&call.body["name"], &call.body["metadata"]["eventMessage"]], ["wrong", rule]);

    let own = json!([{"name": "own", "type": "event", "url": format!("{}/own", receiver.url)}, receiver.hold()]);
    world.release("podinfo", "6.0.0", &ladder(json!([20, 40, 60]), own.clone())).await;
    world.push("podinfo", "6.0.1").await;
    world.canary("podinfo", |canary| canary["status"]["canaryWeight"] == 20).await;
    world.apply(&canary("podinfo", &ladder(json!([20, 20]), own))).await;
    let rule = "spec.analysis.stepWeights[1]: must be above the step before, 20 follows 20";
    let told = |calls: &[Call]| calls.iter().filter(|call| call.body["metadata"]["eventMessage"] == rule).count();
    let calls = receiver.heard("/own", |calls| 0 < told(calls)).await;
    let call = calls.iter().find(|call| call.body["metadata"]["eventMessage"] == rule).unwrap();
    assert_eq!([&call.body["phase"], &call.body["metadata"]["eventType"]], ["Progressing", "Warning"]);
    assert_eq!(told(&calls), 1);
    world.stop().await;
}
