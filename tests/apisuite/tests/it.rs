//! `lib/apiserver` answers as the real server did, and that one still does.

use apiserver::{Options, Server};
use apisuite::Report;
use controlplane::ControlPlane;

const TOKEN: &str = "suite";

#[tokio::test]
async fn the_server_in_memory_answers_as_the_recorded_one() {
    let server = Server::start(Options { token: Some(TOKEN.to_owned()), ..Options::default() }).await.unwrap();
    let client = apisuite::Server::new(&server.url(), TOKEN).unwrap();
    let report = apisuite::check(&client, "", false).await.unwrap();
    server.stop().await;
    agrees(&report);
}

#[tokio::test]
async fn a_real_server_answers_as_it_did_when_it_was_recorded() {
    let Some(plane) = ControlPlane::for_tests().await else { return };
    let admin = apisuite::Server::new(&plane.url(), plane.token()).unwrap();
    let client = apisuite::quiet(&admin).await.unwrap();
    agrees(&apisuite::check(&client, "", true).await.unwrap());
}

#[track_caller]
fn agrees(report: &Report) {
    let told: Vec<String> =
        report.failed.iter().map(|(case, complaints)| format!("{case}\n    {}", complaints.join("\n    "))).collect();
    assert!(told.is_empty(), "{} passed, {} failed\n{}", report.passed, told.len(), told.join("\n"));
    assert!(120 <= report.passed, "only {} cases", report.passed);
}
