//! Tests that are left to Concord and nGrinder, played by a small server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use process::server::{Limits, Server, plain};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::tester::{Tester, folder};

/// A server whose answers are a test's.
pub(crate) struct Remote {
    address: SocketAddr,
    _stop: tokio_util::sync::DropGuard,
}

impl Remote {
    pub(crate) fn start(answer: impl Fn(&Request<Bytes>) -> (StatusCode, Value) + Send + Sync + 'static) -> Self {
        let stop = CancellationToken::new();
        let (told, address) = std::sync::mpsc::channel();
        let answer = Arc::new(answer);
        let limits = Limits { connections: 100, connection: Duration::from_secs(60), grace: Duration::ZERO };
        std::thread::spawn({
            let stop = stop.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let server = Server::bind_local(0).await.unwrap();
                    told.send(server.address()).unwrap();
                    let serve = server.serve(limits, stop, move |request| {
                        let answer = Arc::clone(&answer);
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await.unwrap().to_bytes();
                            let (status, said) = answer(&Request::from_parts(head, body));
                            plain(status, "application/json", said.to_string())
                        }
                    });
                    serve.await;
                });
            }
        });
        Self { address: address.recv().unwrap(), _stop: stop.drop_guard() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// Requests so far, as method, path and body.
type Asked = Arc<Mutex<Vec<String>>>;

fn note(asked: &Asked, request: &Request<Bytes>) {
    let body = String::from_utf8_lossy(request.body());
    asked.lock().unwrap().push(format!("{} {} {body}", request.method(), request.uri()));
}

fn concord(remote: &Remote, more: &Value) -> Value {
    let key = folder("concord").join("key");
    std::fs::write(&key, "secret\n").unwrap();
    let mut metadata = json!({
        "type": "concord", "server": remote.url(""), "org": "o", "project": "p", "repo": "r", "entrypoint": "e",
        "apiKeyPath": key, "endpoint": "http://cart", "arguments.size": "3", "pollInterval": "10ms", "pollTimeout": "60",
    });
    metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    metadata
}

#[test]
fn a_concord_process_is_started_and_waited_for() {
    let asked = Asked::default();
    let (seen, polls) = (Arc::clone(&asked), AtomicUsize::new(0));
    let remote = Remote::start(move |request| {
        note(&seen, request);
        assert_eq!(request.headers()["authorization"], "secret");
        let status = if polls.fetch_add(1, Ordering::Relaxed) < 3 { "RUNNING" } else { "FINISHED" };
        (StatusCode::OK, json!({"ok": true, "instanceId": "7f-1", "status": status}))
    });
    let tester = Tester::start(&[]);
    assert_eq!(tester.hook("/", &concord(&remote, &json!({}))), (200, "7f-1".to_owned()));
    let asked = asked.lock().unwrap();
    assert!(asked[0].starts_with("POST /api/v1/process "), "{}", asked[0]);
    for field in [
        "org\"\r\n\r\no\r\n",
        "entryPoint\"\r\n\r\ne\r\n",
        "arguments.endpoint\"\r\n\r\nhttp://cart\r\n",
        "arguments.size\"\r\n\r\n3\r\n",
    ] {
        assert!(asked[0].contains(&format!("form-data; name=\"{field}")), "{field}: {}", asked[0]);
    }
    assert_eq!(asked[1], "GET /api/v1/process/7f-1 ");
    assert_eq!(asked.len(), 4);
}

#[test]
fn a_concord_process_that_does_not_end_in_time_is_given_up() {
    let remote = Remote::start(|_| (StatusCode::OK, json!({"instanceId": "7f-1", "status": "RUNNING"})));
    let tester = Tester::start(&[]);
    let hook = concord(&remote, &json!({"pollTimeout": "200ms"}));
    assert_eq!(tester.hook("/", &hook), (500, "the process 7f-1 is not finished after 200ms".to_owned()));
}

#[test]
fn a_concord_process_that_fails_and_a_missing_key_are_told() {
    let remote = Remote::start(|_| (StatusCode::OK, json!({"instanceId": "7f-1", "status": "FAILED"})));
    let tester = Tester::start(&[]);
    assert_eq!(tester.hook("/", &concord(&remote, &json!({}))), (500, "the process 7f-1 ended as FAILED".to_owned()));
    let (status, reason) = tester.hook("/", &concord(&remote, &json!({"apiKeyPath": "/nowhere"})));
    assert_eq!(status, 500);
    assert!(reason.starts_with("failed to read apiKeyPath /nowhere: "), "{reason}");
}

fn ngrinder(remote: &Remote, interval: &str) -> Value {
    json!({
        "type": "ngrinder", "server": remote.url(""), "clone": "100", "username": "admin", "passwd": "YWRtaW4=",
        "pollInterval": interval,
    })
}

#[test]
fn an_ngrinder_test_is_started_and_watched_in_the_background() {
    let asked = Asked::default();
    let (seen, polls) = (Arc::clone(&asked), AtomicUsize::new(0));
    let remote = Remote::start(move |request| {
        note(&seen, request);
        assert_eq!(request.headers()["authorization"], "Basic YWRtaW46YWRtaW4=");
        let status = if polls.fetch_add(1, Ordering::Relaxed) < 3 { "TESTING" } else { "FINISHED" };
        (StatusCode::OK, json!({"id": 7, "status": [{"status_id": status}]}))
    });
    let tester = Tester::start(&[]);
    assert_eq!(tester.hook("/", &ngrinder(&remote, "10ms")).0, 202);
    tester.logged(|line| line["msg"] == "task finished" && line["output"] == "test 7 finished");
    let asked = asked.lock().unwrap();
    assert_eq!(asked[..2], ["POST /perftest/api/100/clone_and_start ", "GET /perftest/api/7/status "]);
}

#[test]
fn an_ngrinder_test_that_takes_too_long_is_stopped() {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let remote = Remote::start(move |request| {
        note(&seen, request);
        (StatusCode::OK, json!({"id": 7, "status": {"status_id": "TESTING"}}))
    });
    let tester = Tester::start(&["-timeout", "300ms"]);
    assert_eq!(tester.hook("/", &ngrinder(&remote, "30s")).0, 202, "an interval of seconds is one of seconds");
    let line = tester.logged(|line| line["msg"] == "task failed");
    assert_eq!(line["error"], "test 7 is not finished after 300ms, stopped");
    assert_eq!(asked.lock().unwrap().last().unwrap(), "PUT /perftest/api/7?action=stop ");
}

#[test]
fn what_ngrinder_can_not_start_with_is_refused() {
    let tester = Tester::start(&[]);
    let remote = Remote::start(|_| (StatusCode::OK, json!({})));
    let refused = |key: &str, value: &str| {
        let mut hook = ngrinder(&remote, "1s");
        hook[key] = json!(value);
        tester.hook("/", &hook)
    };
    assert_eq!(refused("clone", "x"), (400, "clone \"x\" in metadata is not the number of a test".to_owned()));
    assert_eq!(refused("passwd", "?"), (400, "passwd in metadata is not base64 of a text".to_owned()));
    assert_eq!(
        refused("server", "nowhere"),
        (400, "server \"nowhere\" in metadata is not an http or https URL".to_owned())
    );
    let (status, reason) = refused("pollInterval", "0");
    assert_eq!((status, reason.starts_with("pollInterval")), (400, true));
}
