//! Gates for people.

use http::Request;
use serde_json::{Value, json};

use crate::tester::{Answer, Tester, folder};

/// What the operator says when it asks about a run of canary `cart`.
fn question(run: &str) -> String {
    json!({"name": "cart", "namespace": "shop", "phase": "WaitingPromotion", "checksum": run, "metadata": {}})
        .to_string()
}

/// What people say.
fn verdict(approved: bool) -> String {
    json!({"canary": "cart", "namespace": "shop", "approved": approved}).to_string()
}

fn decide(service: &Tester, token: &str, body: &str) -> Answer {
    service.ask(Request::post("/approve").header("authorization", format!("Bearer {token}")), body)
}

#[test]
fn a_run_waits_until_somebody_approves_it_and_the_next_one_waits_again() {
    let service = Tester::start(&["approval-service"]);
    let (status, reason) = service.post("/approve", &verdict(true));
    assert_eq!(
        (status, reason.as_str()),
        (409, "nothing waits for the approval of cart.shop: it was not asked for yet")
    );
    for _ in 0..2 {
        let (status, reason) = service.post("/approve", &question("run-1"));
        assert_eq!(status, 403);
        assert!(reason.starts_with("waiting for approval since "), "{reason}");
    }
    assert_eq!(service.post("/approve", &verdict(true)).0, 200);
    assert_eq!(service.post("/approve", &question("run-1")), (200, "approved by unknown".to_owned()));
    assert_eq!(service.post("/approve", &question("run-2")).0, 403);
    assert_eq!(service.post("/approve", &verdict(false)).0, 200);
    let (status, reason) = service.post("/approve", &question("run-2"));
    assert_eq!(status, 403);
    assert!(reason.starts_with("rejected by unknown at "), "{reason}");

    let list: Value = serde_json::from_str(&service.get("/approvals").1).unwrap();
    assert_eq!((&list[0]["canary"], &list[0]["decision"]["approved"]), (&json!("cart"), &json!(false)));
    assert_eq!(list[0]["past"][0]["checksum"], "run-1");
}

#[test]
fn with_tokens_only_those_who_know_one_decide_and_their_names_are_kept() {
    let file = folder("tokens").join("tokens");
    std::fs::write(&file, "ada: s3cret\n").unwrap();
    let service = Tester::start(&["approval-service", "-token-file", &file.display().to_string()]);
    service.post("/approve", &question("run-1"));
    assert_eq!(service.post("/approve", &verdict(true)).0, 401);
    assert_eq!(decide(&service, "wrong", &verdict(true)).0, 401);
    assert_eq!(service.post("/approve", &question("run-1")).0, 403);
    let signed = json!({"canary": "cart", "namespace": "shop", "approved": true, "by": "somebody else"}).to_string();
    assert_eq!(decide(&service, "s3cret", &signed).0, 200);
    assert_eq!(service.post("/approve", &question("run-1")), (200, "approved by ada".to_owned()));
}

#[test]
fn decisions_in_a_file_survive_a_crash() {
    let file = folder("decisions").join("state.json").display().to_string();
    let words = ["approval-service", "-state-file", &file];
    let service = Tester::start(&words);
    service.post("/approve", &question("run-1"));
    service.post("/approve", &verdict(true));
    drop(service);
    let service = Tester::start(&words);
    assert_eq!(service.post("/approve", &question("run-1")).0, 200);
}

#[test]
fn a_page_of_another_site_can_not_decide_and_an_old_one_does_not() {
    let service = Tester::start(&["approval-service"]);
    service.post("/approve", &question("run-1"));
    let form = "canary=cart&namespace=shop&approved=true&checksum=run-1";
    let from = |origin: &str| {
        let post = Request::post("/decide").header("content-type", "application/x-www-form-urlencoded");
        service.ask(post.header("origin", origin), form)
    };
    assert_eq!(from("http://evil.example").0, 403);
    assert_eq!(from("null").0, 403);
    service.post("/approve", &question("run-2"));
    let (status, page) = from(&format!("http://{}", service.address));
    assert_eq!(status, 409);
    assert!(page.contains("another run of cart.shop waits for approval by now"), "{page}");
    assert_eq!(service.post("/approve", &question("run-2")).0, 403);
}

#[test]
fn questions_and_decisions_that_are_wrong_are_refused() {
    let service = Tester::start(&["approval-service", "-namespace-regexp", "^shop$"]);
    for (path, body, status) in [
        ("/approve", "{", 400),
        ("/approve", r#"{"name": "cart", "namespace": "shop"}"#, 400),
        ("/approve", r#"{"namespace": "shop", "checksum": "a"}"#, 400),
        ("/approve", r#"{"name": "cart", "namespace": "bank", "checksum": "a"}"#, 403),
        ("/approve", r#"{"canary": "cart", "namespace": "bank", "approved": true}"#, 403),
        ("/approve", r#"{"canary": "cart", "namespace": "shop", "approved": "yes"}"#, 400),
        ("/nowhere", "{}", 404),
    ] {
        assert_eq!(service.post(path, body).0, status, "{path} {body}");
    }
    assert_eq!(service.get("/approve").0, 405);
}
