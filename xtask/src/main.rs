//! Repository tasks, run as `cargo xtask <task>`.
//!
//! Start reading at [`main`]: each task is a module of the same name.

mod api_suite;
mod bench;
mod faults;
mod generate;
mod kubectl;
mod real;
mod report;
mod scenarios;
mod tidy;

use std::path::Path;

use anyhow::{Context, Result, bail};
use mimalloc::MiMalloc;

use report::Mode;

/// A history makes and drops objects all the time: with this one it takes three quarters of the time that it does with the
/// allocator of glibc.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const USAGE: &str = "usage: cargo xtask api-suite [--real | --record] [WORDS]
       cargo xtask bench fleet [--canaries N] [--releases N] [--flagger PATH] [-o json]
       cargo xtask faults [--histories N] [--seed S] [--within SECONDS] [--trace]
       cargo xtask generate [--check]
       cargo xtask kubectl [--real | --record] [WORDS]
       cargo xtask real gatewayapi|istio|kubernetes|loadtester|nginx|prometheus
       cargo xtask scenarios [--record] [NAME…]
       cargo xtask tidy";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = repository()?;
    match arguments.as_slice() {
        ["api-suite", options @ ..] => suite(options, api_suite::run),
        ["bench", words @ ..] => bench::run(root, words),
        ["faults", order @ ..] => faults::run(order),
        ["generate"] => generate::write(root),
        ["generate", "--check"] => generate::check(root),
        ["kubectl", options @ ..] => suite(options, kubectl::run),
        ["real", name] => real::run(name),
        ["scenarios", words @ ..] => scenarios::run(words),
        ["tidy"] => tidy::run(root),
        _ => bail!(USAGE),
    }
}

/// Plays a suite as its options say.
fn suite(options: &[&str], run: fn(Mode, &str) -> Result<()>) -> Result<()> {
    let (mode, words) = match options {
        ["--real", words @ ..] => (Mode::Real, words),
        ["--record", words @ ..] => (Mode::Record, words),
        words => (Mode::Played, words),
    };
    match words {
        [] => run(mode, ""),
        [only] if !only.starts_with('-') => run(mode, only),
        _ => bail!(USAGE),
    }
}

/// The root of the repository, of which `xtask` is a folder.
fn repository() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a repository")
}
