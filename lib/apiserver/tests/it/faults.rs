//! Faults: each does what it says, as a client sees it, and nothing else is touched.

use std::pin::Pin;
use std::time::Duration;

use apiserver::{Fault, Faults, History, Options, Rule, Server, Verb};
use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::Service;

use crate::cluster::{Cluster, MAPS, map};

fn cluster(faults: &Faults) -> Cluster {
    Cluster::with(Options { faults: Some(faults.clone()), ..Options::default() })
}

/// A cluster where every request that can meet the fault does so once.
fn once(fault: Fault) -> Cluster {
    cluster(&Faults::new(0).rule(Rule { times: Some(1), ..Rule::of(fault) }))
}

/// Whether there is no answer at all: its body fails.
async fn is_lost(response: Response<Body>) -> bool {
    response.into_body().collect().await.is_err()
}

#[tokio::test]
async fn refusals_look_like_those_of_the_server_and_change_nothing() {
    let second = Duration::from_secs(1);
    for (fault, code, reason) in [
        (Fault::Conflict, 409, "Conflict"),
        (Fault::Internal, 500, "InternalError"),
        (Fault::Unavailable { retry_after: second }, 503, "ServiceUnavailable"),
    ] {
        let faults = Faults::new(0);
        let cluster = cluster(&faults);
        cluster.post(MAPS, &map("a")).ok();
        faults.add(Rule { times: Some(1), ..Rule::of(fault) });
        let path = format!("{MAPS}/a");
        let refused = cluster.patch(&path, "merge", &json!({"data": {"a": "2"}}));
        assert_eq!((refused.code, &refused.body["reason"]), (code, &json!(reason)), "{}", refused.body);
        assert_eq!(cluster.get(&path).ok()["data"]["a"], "1");
    }
    for (fault, code) in [(Fault::Busy { retry_after: second }, 429), (Fault::Unavailable { retry_after: second }, 503)]
    {
        let response = once(fault).send(Method::GET, MAPS, "", "");
        assert_eq!(response.status(), code);
        assert_eq!(response.headers()["retry-after"], "1");
    }
    let refused = once(Fault::Conflict);
    refused.post(MAPS, &map("a")).ok();
    let (_, message) = refused.delete(&format!("{MAPS}/a")).refused();
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );
}

#[tokio::test]
async fn a_lost_request_was_done_or_was_not() {
    for (fault, done) in [(Fault::LostBefore, false), (Fault::LostAfter, true)] {
        let cluster = once(fault);
        assert!(is_lost(cluster.send(Method::POST, MAPS, "application/json", &map("a").to_string())).await);
        assert_eq!(cluster.has(&format!("{MAPS}/a")), done, "{fault:?}");
    }
}

#[tokio::test]
async fn on_a_socket_a_lost_request_has_no_answer_at_all() {
    let faults = Faults::new(0).rule(Rule { verbs: vec![Verb::List], ..Rule::of(Fault::LostBefore) });
    let server = Server::start(Options { faults: Some(faults), ..Options::default() }).await.unwrap();
    let mut client = TcpStream::connect(server.addr()).await.unwrap();
    client.write_all(format!("GET {MAPS} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), "");
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_comes_late_to_a_client_of_the_service() {
    let late = Duration::from_secs(3);
    let mut api = once(Fault::Slow(late)).api;
    let (began, request) = (Instant::now(), Request::get(MAPS).body(Body::empty()).unwrap());
    assert_eq!(Service::call(&mut api, request).await.unwrap().status(), 200);
    assert_eq!(began.elapsed(), late);
}

#[test]
fn the_next_page_of_a_list_expires() {
    let cluster = once(Fault::Expired);
    cluster.post(MAPS, &map("a")).ok();
    let page = cluster.get(&format!("{MAPS}?limit=1")).ok();
    let next = format!("{MAPS}?limit=1&continue={}", page["metadata"]["continue"].as_str().unwrap());
    assert_eq!(cluster.get(&next).refused().0, 410);
    cluster.get(&next).ok();
}

#[test]
fn a_rule_is_about_a_client_its_verbs_and_its_resources() {
    let canary_status = Rule {
        verbs: vec![Verb::Patch],
        resources: vec!["namespaces/status".to_owned()],
        agent: "test/".to_owned(),
        manager: "flagger".to_owned(),
        ..Rule::of(Fault::Internal)
    };
    let faults = Faults::new(0).rule(canary_status);
    let cluster = cluster(&faults);
    let namespace = "/api/v1/namespaces/default";
    let labels = json!({"metadata": {"labels": {"a": "1"}}});
    cluster.patch(&format!("{namespace}?fieldManager=flagger"), "merge", &labels).ok();
    cluster.patch(&format!("{namespace}/status?fieldManager=kubectl"), "merge", &labels).ok();
    cluster.get(&format!("{namespace}/status?fieldManager=flagger")).ok();
    assert_eq!(faults.total(), 0);
    assert_eq!(cluster.patch(&format!("{namespace}/status?fieldManager=flagger"), "merge", &labels).refused().0, 500);
    faults.clear();
    cluster.patch(&format!("{namespace}/status?fieldManager=flagger"), "merge", &labels).ok();
    assert_eq!(faults.to_string(), "1 internal");
}

#[test]
fn the_same_requests_meet_the_same_faults_whatever_others_do_in_between() {
    let fates = |seed: u64, disturb: bool| {
        let maps = Rule { share: 0.3, resources: vec!["configmaps".to_owned()], ..Rule::of(Fault::Internal) };
        let cluster = cluster(&Faults::new(seed).rule(maps));
        let mut fates = Vec::new();
        for _ in 0..200 {
            fates.push(cluster.get(MAPS).code);
            if disturb {
                cluster.get("/api/v1/namespaces/kube-system/configmaps");
            }
        }
        fates
    };
    assert_eq!(fates(7, false), fates(7, true));
    assert_ne!(fates(7, false), fates(8, false));
    let failed = fates(7, false).iter().filter(|code| **code == 500).count();
    assert!((40..=80).contains(&failed), "{failed} of 200 are about three in ten");
}

/// A running watch.
struct Watch {
    frames: Pin<Box<BodyDataStream>>,
}

impl Watch {
    fn begin(cluster: &Cluster) -> Watch {
        Watch::after(cluster, "")
    }

    fn after(cluster: &Cluster, revision: &str) -> Watch {
        let path = format!("{MAPS}?watch=true&resourceVersion={revision}");
        Watch { frames: Box::pin(cluster.send(Method::GET, &path, "", "").into_body().into_data_stream()) }
    }

    /// The next event as its type and the name of its object; an error where the connection is cut.
    async fn next(&mut self) -> Option<Result<String, axum::Error>> {
        let frame: Result<Bytes, _> = self.frames.next().await?;
        Some(frame.map(|frame| {
            let event: Value = serde_json::from_slice(&frame).unwrap();
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{} {}", word(&event["type"]), word(&event["object"]["metadata"]["name"]))
        }))
    }

    async fn shows(&mut self, event: &str) {
        assert_eq!(self.next().await.unwrap().unwrap(), event);
    }

    async fn is_cut(&mut self) {
        assert!(self.next().await.unwrap().is_err());
        assert!(self.next().await.is_none());
    }
}

#[tokio::test]
async fn a_watch_is_cut_off_after_some_events() {
    let cluster = once(Fault::Cut { after: 2 });
    cluster.post(MAPS, &map("a")).ok();
    let mut watch = Watch::begin(&cluster);
    watch.shows("ADDED a").await;
    watch.shows("ADDED kube-root-ca.crt").await;
    watch.is_cut().await;
    Watch::begin(&cluster).shows("ADDED a").await;
}

#[tokio::test]
async fn a_watch_shows_events_twice() {
    let cluster = once(Fault::Twice);
    cluster.post(MAPS, &map("a")).ok();
    let mut watch = Watch::begin(&cluster);
    for event in ["ADDED a", "ADDED a", "ADDED kube-root-ca.crt", "ADDED kube-root-ca.crt"] {
        watch.shows(event).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_lags_behind_until_the_faults_are_over() {
    let lag = Duration::from_secs(10);
    for (fault, waits) in [(Fault::Silent(lag), 1), (Fault::Late(lag), 2)] {
        let faults = Faults::new(0).rule(Rule::of(fault));
        let cluster = cluster(&faults);
        cluster.post(MAPS, &map("a")).ok();
        let (began, mut watch) = (Instant::now(), Watch::begin(&cluster));
        watch.shows("ADDED a").await;
        watch.shows("ADDED kube-root-ca.crt").await;
        assert_eq!(began.elapsed(), lag * waits, "{fault:?}");

        let (began, mut watch) = (Instant::now(), Watch::begin(&cluster));
        faults.clear();
        watch.shows("ADDED a").await;
        assert_eq!(began.elapsed(), Duration::ZERO, "{fault:?}");
    }
}

#[tokio::test]
async fn a_watch_from_a_revision_expires() {
    let cluster = once(Fault::Expired);
    let revision = cluster.get(MAPS).ok()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut watch = Watch::after(&cluster, &revision);
    watch.shows("ERROR ").await;
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_restart_cuts_all_watches_and_keeps_the_history_or_loses_it() {
    for (history, then) in [(History::Kept, "ADDED b"), (History::Lost, "ERROR ")] {
        let faults = Faults::new(0);
        let cluster = cluster(&faults);
        let list = cluster.get(MAPS).ok();
        let revision = list["metadata"]["resourceVersion"].as_str().unwrap();
        let mut watch = Watch::after(&cluster, revision);
        cluster.post(MAPS, &map("b")).ok();
        watch.shows("ADDED b").await;

        faults.add(Rule { times: Some(1), ..Rule::of(Fault::Restart(history)) });
        assert!(is_lost(cluster.send(Method::GET, MAPS, "", "")).await);
        watch.is_cut().await;
        assert_eq!(cluster.get(MAPS).ok()["items"].as_array().unwrap().len(), 2, "objects outlive the restart");
        Watch::after(&cluster, revision).shows(then).await;
    }
}
