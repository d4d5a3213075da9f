//! Events as they arrive at the API server.

use std::sync::Arc;

use flagger_operator::recorder::{EventKind, Happening, Recorder, Subject};
use jiff::Timestamp;
use ports::{Clock, Key, kinds};
use serde_json::json;

use crate::stub::Stub;

const EVENTS: &str = "/api/v1/namespaces/test/events";

/// A world in which no time passes.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn real(&self, stretch: std::time::Duration) -> std::time::Duration {
        stretch
    }
}

fn happening(message: &str) -> Happening {
    let canary = json!({"metadata": {"uid": "u1", "resourceVersion": "7"}});
    let about = Subject::of(Key::new(kinds::CANARY, "test", "podinfo"), &canary);
    Happening { about, kind: EventKind::Warning, reason: "Synced".to_owned(), message: message.to_owned() }
}

/// Method and path of a request.
fn line(request: &str) -> String {
    request.split(['?', ' ']).take(2).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn a_repeated_event_is_patched_and_one_that_expired_is_created_again() {
    let stub = Stub::default();
    stub.answer(&format!("POST {EVENTS}"), 201, json!({"metadata": {}}));
    let recorder = Recorder::start(stub.cluster(), Arc::new(Still));
    recorder.record(happening("halted"));
    let name = "podinfo.17979cfe362a0000";
    stub.asked_for(1).await;
    stub.answer(&format!("PATCH {EVENTS}/{name}"), 200, json!({"metadata": {}}));
    recorder.record(happening("halted"));
    stub.asked_for(2).await;
    stub.refuse(&format!("PATCH {EVENTS}/{name}"), 404, "NotFound", "expired");
    recorder.record(happening("halted"));
    let asked = stub.asked_for(4).await;
    let lines: Vec<_> = asked.iter().map(|request| line(request)).collect();
    let (post, patch) = (format!("POST {EVENTS}"), format!("PATCH {EVENTS}/{name}"));
    assert_eq!(lines, [&post, &patch, &patch, &post].map(String::as_str));
    assert!(asked[1].ends_with(r#"{"count":2,"lastTimestamp":"2023-11-14T22:13:20Z"}"#), "{}", asked[1]);
    assert!(asked[3].contains(r#""count":3"#) && asked[3].contains(r#""type":"Warning""#), "{}", asked[3]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_server_can_not_take_is_tried_three_times_and_holds_up_nobody() {
    let stub = Stub::default();
    stub.refuse(&format!("POST {EVENTS}"), 503, "ServiceUnavailable", "later");
    let recorder = Recorder::start(stub.cluster(), Arc::new(Still));
    recorder.record(happening("first"));
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(stub.asked().len(), 3);
    stub.answer(&format!("POST {EVENTS}"), 201, json!({"metadata": {}}));
    recorder.record(happening("second"));
    assert!(stub.asked_for(4).await[3].contains(r#""message":"second""#));
}
