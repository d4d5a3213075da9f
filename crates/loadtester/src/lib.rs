//! The load tester: a companion of Flagger that its webhooks call, to run tests and make load (`tasks`, `load`), to ask people
//! (`gates`, `approvals`), and to look at what a release is made of (`security`, `istio`).
//!
//! It knows what a webhook says and nothing else of a release: it writes no `Canary`, and the operator does not know it.
//! Whoever can reach it can have commands run, which is what it is for; `tasks` says within which bounds.
//!
//! It runs as a process ([`main`]), or in another one that plays its container ([`host`]); `world` is what differs.
//!
//! Start reading at `api.rs`, which says what is answered on which path.

mod answers;
mod api;
mod approvals;
mod caller;
mod cluster;
mod gates;
mod hosted;
mod istio;
mod load;
mod metrics;
mod security;
mod serving;
mod settings;
mod store;
mod tasks;
mod world;

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::serving::Failure;
use crate::settings::Settings;
use crate::world::World;

pub use crate::hosted::{Container, host};

/// The services of this binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    LoadTester,
    Approvals,
    Security,
    Istio,
}

impl Service {
    /// The one that the first word names, which is taken away; or else the load tester.
    fn of(words: &mut Vec<String>) -> Self {
        let service = match words.first().map(String::as_str) {
            Some("approval-service") => Self::Approvals,
            Some("security-validator") => Self::Security,
            Some("istio-validator") => Self::Istio,
            _ => return Self::LoadTester,
        };
        words.remove(0);
        service
    }
}

/// Runs what the words after the program's name ask for: another service by its name, or else the load tester.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    let mut words: Vec<String> = words.collect();
    match Service::of(&mut words) {
        Service::LoadTester => serving::run(&settings::FLAGS, words, Settings::read, load_tester),
        Service::Approvals => serving::run(&approvals::FLAGS, words, approvals::Settings::read, approvals::serve),
        Service::Security => serving::run(&security::FLAGS, words, security::Settings::read, security::serve),
        Service::Istio => serving::run(&istio::FLAGS, words, istio::Settings::read, istio::serve),
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

async fn load_tester(settings: Settings, mut world: World, stop: CancellationToken) -> Result<(), Failure> {
    let server = settings.common.open(&mut world).await?;
    tracing::info!(version = serving::VERSION, port = server.address().port(), "starting the load tester");
    api::Api::new(settings, world).await?.serve(server, stop).await;
    Ok(())
}
