//! The load tester: a companion of Flagger that its webhooks call, to run tests and make load (`tasks`, `load`), to ask people
//! (`gates`, `approvals`), and to look at what a release is made of (`security`, `istio`).
//!
//! It knows what a webhook says and nothing else of a release: it writes no `Canary`, and the operator does not know it.
//! Whoever can reach it can have commands run, which is what it is for; `tasks` says within which bounds.
//!
//! Start reading at `api.rs`, which says what is answered on which path.

mod api;
mod approvals;
mod caller;
mod cluster;
mod gates;
mod istio;
mod load;
mod metrics;
mod security;
mod serving;
mod settings;
mod store;
mod tasks;

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::serving::Failure;
use crate::settings::Settings;

/// Runs what the words after the program's name ask for: another service by its name, or else the load tester.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    let mut words = words.peekable();
    match words.peek().map(String::as_str) {
        Some("approval-service") => {
            serving::run(&approvals::FLAGS, words.skip(1), approvals::Settings::read, approvals::serve)
        }
        Some("security-validator") => {
            serving::run(&security::FLAGS, words.skip(1), security::Settings::read, security::serve)
        }
        Some("istio-validator") => serving::run(&istio::FLAGS, words.skip(1), istio::Settings::read, istio::serve),
        _ => serving::run(&settings::FLAGS, words, Settings::read, load_tester),
    }
}

/// The reference of the load tester's flags as a Markdown table.
pub fn markdown() -> String {
    settings::FLAGS.markdown()
}

/// The reference of the approval service's flags as a Markdown table.
pub fn approvals_markdown() -> String {
    approvals::FLAGS.markdown()
}

/// The reference of the security validator's flags as a Markdown table.
pub fn security_markdown() -> String {
    security::FLAGS.markdown()
}

/// The reference of the Istio validator's flags as a Markdown table.
pub fn istio_markdown() -> String {
    istio::FLAGS.markdown()
}

async fn load_tester(settings: Settings, stop: CancellationToken) -> Result<(), Failure> {
    let server = settings.common.bind().await?;
    tracing::info!(version = serving::VERSION, port = server.address().port(), "starting the load tester");
    api::Api::new(settings).await?.serve(server, stop).await;
    Ok(())
}
