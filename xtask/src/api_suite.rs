//! Plays the API suite: on our server in memory, or on a real control plane.
//!
//! Without anything it holds `lib/apiserver` against the recorded answers of the real one. With `--real` it holds a real
//! control plane (`APISUITE_URL`, `APISUITE_TOKEN`) against them, so that a new version of Kubernetes shows what it does
//! otherwise, and with `--record` it takes that one's answers as the right ones.

use std::env;

use anyhow::{Context, Result, bail};
use apisuite::Report;

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
    let server = apisuite::Server::new(&variable("APISUITE_URL")?, &variable("APISUITE_TOKEN")?)?;
    match mode {
        Mode::Record => Ok(apisuite::record(&server, only).await?),
        Mode::Played | Mode::Real => Ok(apisuite::check(&server, only, true).await?),
    }
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| {
        format!("failed to read {name}: start a control plane and name its address and an admin's token")
    })
}
