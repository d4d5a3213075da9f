//! Repository tasks, run as `cargo xtask <task>`.
//!
//! Start reading at [`main`]: each task is a module of the same name.

mod api_suite;
mod generate;
mod kubectl;
mod report;
mod tidy;

use std::path::Path;

use anyhow::{Context, Result, bail};

use report::Mode;

const USAGE: &str = "usage: cargo xtask api-suite [--real | --record | WORDS]\n       cargo xtask generate [--check]\n       cargo xtask kubectl [--real | --record] [WORDS]\n       cargo xtask tidy";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = repository()?;
    match arguments.as_slice() {
        ["api-suite"] => api_suite::run(Mode::Played, ""),
        ["api-suite", "--real"] => api_suite::run(Mode::Real, ""),
        ["api-suite", "--record"] => api_suite::run(Mode::Record, ""),
        ["api-suite", only] if !only.starts_with('-') => api_suite::run(Mode::Played, only),
        ["generate"] => generate::write(root),
        ["generate", "--check"] => generate::check(root),
        ["kubectl"] => kubectl::run(Mode::Played, ""),
        ["kubectl", "--real"] => kubectl::run(Mode::Real, ""),
        ["kubectl", "--real", only] => kubectl::run(Mode::Real, only),
        ["kubectl", "--record"] => kubectl::run(Mode::Record, ""),
        ["kubectl", "--record", only] => kubectl::run(Mode::Record, only),
        ["kubectl", only] if !only.starts_with('-') => kubectl::run(Mode::Played, only),
        ["tidy"] => tidy::run(root),
        _ => bail!(USAGE),
    }
}

/// The root of the repository, of which `xtask` is a folder.
fn repository() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a repository")
}
