//! Plays the API suite: on our server in memory, or on a real control plane.
//!
//! Without anything it holds `lib/apiserver` against the recorded answers of the real one. With `--real` it holds a real
//! control plane against them, so that a new version of Kubernetes shows what it does otherwise, and with `--record` it takes
//! that one's answers as the right ones. The real one is started for the run, unless `APISUITE_URL` and `APISUITE_TOKEN` name
//! another.

use std::env;

use anyhow::{Context, Result, bail};
use apisuite::Report;
use controlplane::{ControlPlane, Options, Programs};

use crate::report::{self, Mode};

/// The token of the server that only lives for this run.
const TOKEN: &str = "suite";

/// Plays the cases whose sentence or group contains `only`, prints what is wrong, and fails if anything is.
pub(crate) fn run(mode: Mode, only: &str) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("failed to start a runtime")?;
    let report = runtime.block_on(play(mode, only))?;
    report::print(report.passed, &report.failed);
    if report.failed.is_empty() {
        return Ok(());
    }
    bail!("the API suite failed")
}

async fn play(mode: Mode, only: &str) -> Result<Report> {
    if mode == Mode::Played {
        let options = apiserver::Options { token: Some(TOKEN.to_owned()), ..apiserver::Options::default() };
        let server = apiserver::Server::start(options).await?;
        let report = apisuite::check(&apisuite::Server::new(&server.url(), TOKEN)?, only, false).await;
        server.stop().await;
        return Ok(report?);
    }
    // It ends with this function.
    let mut own = None;
    let server = if let Ok(url) = env::var("APISUITE_URL") {
        apisuite::Server::new(&url, &token()?)?
    } else {
        let plane = own.insert(ControlPlane::start(Options::new(Programs::find()?)).await?);
        apisuite::quiet(&apisuite::Server::new(&plane.url(), plane.token())?).await?
    };
    match mode {
        Mode::Record => Ok(apisuite::record(&server, only).await?),
        Mode::Played | Mode::Real => Ok(apisuite::check(&server, only, true).await?),
    }
}

fn token() -> Result<String> {
    env::var("APISUITE_TOKEN").context("failed to read APISUITE_TOKEN: it holds the token of an admin at APISUITE_URL")
}
