//! `lib/apiserver` answers as the real server did.

use apiserver::{Options, Server};

const TOKEN: &str = "suite";

#[tokio::test]
async fn the_server_in_memory_answers_as_the_recorded_one() {
    let server = Server::start(Options { token: Some(TOKEN.to_owned()), ..Options::default() }).await.unwrap();
    let client = apisuite::Server::new(&server.url(), TOKEN).unwrap();
    let report = apisuite::check(&client, "", false).await.unwrap();
    server.stop().await;
    let told: Vec<String> =
        report.failed.iter().map(|(case, complaints)| format!("{case}\n    {}", complaints.join("\n    "))).collect();
    assert!(told.is_empty(), "{} passed, {} failed\n{}", report.passed, told.len(), told.join("\n"));
    assert!(120 <= report.passed, "only {} cases", report.passed);
}
