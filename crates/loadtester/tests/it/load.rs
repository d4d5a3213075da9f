//! Load that is built in.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::json;

use crate::remotes::Remote;
use crate::tester::Tester;

/// A server of which one in so many requests fails, and the hosts that it was asked for.
fn shaky(one_in: usize) -> (Remote, Arc<Mutex<Vec<String>>>) {
    let hosts = Arc::new(Mutex::new(Vec::new()));
    let count = AtomicUsize::new(0);
    let seen = Arc::clone(&hosts);
    let remote = Remote::start(move |request: &Request<Bytes>| {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        seen.lock().unwrap().push(host);
        let status = match (count.fetch_add(1, Ordering::Relaxed) + 1) % one_in {
            0 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::OK,
        };
        (status, json!({}))
    });
    (remote, hosts)
}

#[test]
fn http_load_with_thresholds_is_waited_for_and_ends_in_a_verdict() {
    let (remote, hosts) = shaky(10);
    let tester = Tester::start(&[]);
    let load = |least: &str| {
        let hook = json!({
            "type": "http", "url": remote.url("/"), "count": "100", "rate": "0", "concurrency": "4",
            "host": "cart.example", "minSuccessRate": least, "maxP99": "30s",
        });
        tester.hook("/", &hook)
    };
    let (status, report) = load("90");
    assert_eq!(status, 200);
    assert!(report.contains("100 requests in "), "{report}");
    assert!(report.contains("90 × 200 OK\n10 × 503 Service Unavailable\n"), "{report}");
    let (status, report) = load("95");
    assert_eq!(status, 403, "a verdict is no fault that is tried again");
    assert!(report.starts_with("the success rate is 90.00%, and has to be 95% at least\n"), "{report}");
    assert!(hosts.lock().unwrap().iter().all(|host| host == "cart.example"));
    let series = tester.get("/metrics").1;
    assert!(series.contains(r#"flagger_loadtester_load_requests_total{outcome="failed",type="http"} 20"#), "{series}");
}

#[test]
fn nobody_there_is_a_verdict_too() {
    let tester = Tester::start(&[]);
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let hook = json!({"type": "http", "url": url, "count": "3", "wait": "true"});
    let (status, report) = tester.hook("/", &hook);
    assert_eq!(status, 403);
    assert!(report.contains("no request succeeded\n") && report.contains("3 × connection refused"), "{report}");
}

#[test]
fn tools_that_are_missing_are_stood_in_for_and_that_is_said() {
    let (remote, hosts) = shaky(usize::MAX);
    let tester = Tester::start_with(&[], |command| {
        command.env("PATH", "/nowhere");
    });
    for cmd in [
        format!("hey -n 20 -c 2 -host podinfo.local {}", remote.url("/")),
        format!("fortio load -c 2 -n 20 -qps 0 {}", remote.url("/")),
    ] {
        let tool = cmd.split(' ').next().unwrap();
        let note = format!("{tool} is not installed, its load is made by the load tester itself");
        assert_eq!(tester.hook("/", &json!({"cmd": cmd})), (202, note.clone()));
        let line = tester.logged(|line| line["msg"] == "task finished" && line["task"] == cmd.as_str());
        assert!(line["output"].as_str().unwrap().contains("20 × 200 OK"), "{line}");
        tester.logged(|line| line["msg"] == "task started" && line["note"] == note.as_str());
    }
    assert_eq!(hosts.lock().unwrap().iter().filter(|host| *host == "podinfo.local").count(), 20);
    let (status, reason) = tester.hook("/", &json!({"cmd": "hey -x proxy:1 http://cart/"}));
    assert_eq!(status, 400);
    assert!(reason.ends_with("the built-in load can't stand in: its option -x is not understood"), "{reason}");
    // What can't be stood in for is a command like any other.
    assert_eq!(tester.hook("/", &json!({"cmd": "ghz --insecure cart:9000"})).0, 202);
    tester.logged(|line| line["msg"] == "task failed" && line["error"].as_str().unwrap().contains("No such file"));
}

/// A gRPC server whose health check knows one service.
async fn health(listener: tokio::net::TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                tokio::spawn(async move {
                    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                    let mut body = request.into_body();
                    let mut asked = Vec::new();
                    while let Some(Ok(chunk)) = body.data().await {
                        asked.extend_from_slice(&chunk);
                    }
                    let is_known = asked == b"\0\0\0\0\x06\x0a\x04cart";
                    let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
                    let mut answer = respond.send_response(head, false).unwrap();
                    let mut trailers = HeaderMap::new();
                    if is_known {
                        answer.send_data(Bytes::from_static(b"\0\0\0\0\x02\x08\x01"), false).unwrap();
                    }
                    trailers.insert("grpc-status", if is_known { "0" } else { "5" }.parse().unwrap());
                    answer.send_trailers(trailers).unwrap();
                });
            }
        });
    }
}

#[test]
fn grpc_load_calls_the_health_service() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    runtime.spawn(health(listener));
    let tester = Tester::start(&[]);
    let load = |service: &str| {
        let hook = json!({
            "type": "grpc", "address": address, "service": service, "count": "50", "rate": "0", "minSuccessRate": "100",
        });
        tester.hook("/", &hook)
    };
    let (status, report) = load("cart");
    assert_eq!(status, 200, "{report}");
    assert!(report.contains("50 × SERVING"), "{report}");
    let (status, report) = load("till");
    assert_eq!(status, 403);
    assert!(report.contains("50 × grpc status 5"), "{report}");
}
