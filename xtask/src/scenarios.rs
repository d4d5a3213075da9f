//! Plays the scenarios of `scenarios/`: the set-ups of `examples/` in the sandbox.
//!
//! Without anything it holds what is said against what is committed; with `--record` it takes it as what has to be said.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::report;

/// Plays the scenarios of these names, or all, prints what is wrong, and fails if anything is.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let flagger = flagger()?;
    let report = match words {
        ["--record", names @ ..] => setups::scenarios::record(&flagger, names)?,
        names => setups::scenarios::check(&flagger, names)?,
    };
    report::print(report.passed, &report.failed);
    if report.failed.is_empty() {
        return Ok(());
    }
    bail!("the scenarios failed")
}

/// The program as it is now, built into the folder that this one is in.
fn flagger() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo).args(["build", "--quiet", "--package", "flagger"]).status();
    if !built.context("failed to run cargo")?.success() {
        bail!("failed to build flagger");
    }
    Ok(std::env::current_exe().context("failed to find this program")?.with_file_name("flagger"))
}
