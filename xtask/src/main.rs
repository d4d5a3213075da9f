//! Repository tasks, run as `cargo xtask <task>`.
//!
//! Start reading at [`main`]: each task is a module of the same name.

mod api_suite;
mod bench;
mod faults;
mod generate;
mod tidy;

use std::path::Path;

use anyhow::{Context, Result, bail};

use api_suite::Mode;

const USAGE: &str = "usage: cargo xtask api-suite [--real | --record] [WORDS]\n       cargo xtask bench fleet [--canaries N] [--releases N] [--flagger PATH] [-o json]\n       cargo xtask faults [--histories N] [--seed S] [--trace]\n       cargo xtask generate [--check]\n       cargo xtask tidy";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = repository()?;
    match arguments.as_slice() {
        ["api-suite", options @ ..] => api_suite(options),
        ["bench", words @ ..] => bench::run(root, words),
        ["faults", order @ ..] => faults::run(order),
        ["generate"] => generate::write(root),
        ["generate", "--check"] => generate::check(root),
        ["tidy"] => tidy::run(root),
        _ => bail!(USAGE),
    }
}

fn api_suite(options: &[&str]) -> Result<()> {
    let (mode, words) = match options {
        ["--real", words @ ..] => (Mode::Real, words),
        ["--record", words @ ..] => (Mode::Record, words),
        words => (Mode::Played, words),
    };
    match words {
        [] => api_suite::run(mode, ""),
        [only] if !only.starts_with('-') => api_suite::run(mode, only),
        _ => bail!(USAGE),
    }
}

/// The root of the repository, of which `xtask` is a folder.
fn repository() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a repository")
}
