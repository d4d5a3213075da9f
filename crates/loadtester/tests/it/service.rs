//! What the service as such does: probes, bounds, whom it serves, and how it ends.

use std::process::Command;

use http::Request;
use serde_json::json;

use crate::tester::{Tester, payload, until};

#[test]
fn probes_scrapes_and_fixed_gates_are_answered_whatever_the_method_is() {
    let tester = Tester::start(&[]);
    assert_eq!(tester.get("/healthz"), (200, "OK".to_owned()));
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(tester.ask(Request::builder().method(method).uri("/gate/approve"), ""), (200, "OK".to_owned()));
        assert_eq!(tester.ask(Request::builder().method(method).uri("/gate/halt"), ""), (403, "Forbidden".to_owned()));
    }
    let (status, series) = tester.get("/metrics");
    assert_eq!(status, 200);
    for expected in [
        "flagger_loadtester_info{",
        r#"flagger_loadtester_requests_total{code="403",path="/gate/halt"} 3"#,
        "process_resident_memory_bytes",
    ] {
        assert!(series.contains(expected), "{expected} is missing in\n{series}");
    }
}

#[test]
fn a_body_that_is_no_payload_or_too_large_is_refused() {
    let tester = Tester::start(&[]);
    for path in ["/", "/anything", "/gate/check", "/rollback/open"] {
        let (status, reason) = tester.post(path, "{");
        assert_eq!(status, 400);
        assert!(reason.starts_with("the body is not the payload of a webhook: "), "{reason}");
    }
    assert_eq!(tester.post("/", &"x".repeat(2_000_000)), (413, "the body is larger than 1024 KiB".to_owned()));
    assert_eq!(tester.hook("/", &json!({})), (400, "metadata not found in payload".to_owned()));
    assert_eq!(tester.hook("/", &json!({"type": "fish"})), (400, "unknown task type fish".to_owned()));
}

#[test]
fn only_namespaces_that_match_are_served() {
    let tester = Tester::start(&["--namespace-regexp=^shop"]);
    for path in ["/", "/gate/open", "/rollback/check"] {
        let body = payload("bank", &json!({"type": "bash", "cmd": "true"})).to_string();
        assert_eq!(tester.post(path, &body), (403, "Forbidden".to_owned()), "{path}");
    }
    assert_eq!(tester.hook("/gate/open", &json!({})).0, 202);
    assert_eq!(tester.post("/gate/open", &payload("shop-2", &json!({})).to_string()).0, 202, "not anchored at the end");
}

#[test]
fn it_ends_in_order_when_asked_to() {
    let mut tester = Tester::start(&[]);
    let pid = tester.begin_long();
    tester.terminate();
    assert!(tester.ended().success());
    // What ran in the background is gone with it.
    until(|| (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
}

#[test]
fn a_wrong_flag_ends_with_the_usage_and_help_is_no_error() {
    let run = |word: &str| Command::new(env!("CARGO_BIN_EXE_loadtester")).arg(word).output().unwrap();
    let wrong = run("-nope");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&wrong.stderr)
            .starts_with("flag provided but not defined: -nope\nUsage of loadtester:\n")
    );
    let help = run("--help");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("  -namespace-regexp string\n"));
}
