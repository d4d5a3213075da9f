//! The load tester: a companion of Flagger that its webhooks call, to run tests, to make load, and to ask people.
//!
//! It knows what a webhook says and nothing else of a release: it never reads or writes a `Canary`, and the operator does not
//! know it. Whoever can reach it can have commands run, which is what it is for; [`tasks`] says what bounds that has.
//!
//! Start reading at [`api::Api`], which says what is answered on which path.

mod api;
mod caller;
mod cluster;
mod gates;
mod load;
mod metrics;
mod serving;
mod settings;
mod store;
mod tasks;

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::serving::Failure;
use crate::settings::Settings;

/// Runs what the words after the program's name ask for.
pub fn main(words: impl Iterator<Item = String>) -> ExitCode {
    serving::run(&settings::FLAGS, words, Settings::read, load_tester)
}

/// The reference of the flags as a Markdown table.
pub fn markdown() -> String {
    settings::FLAGS.markdown()
}

async fn load_tester(settings: Settings, stop: CancellationToken) -> Result<(), Failure> {
    let server = settings.common.bind().await?;
    tracing::info!(version = serving::VERSION, port = server.address().port(), "starting the load tester");
    api::Api::new(settings).await?.serve(server, stop).await;
    Ok(())
}
