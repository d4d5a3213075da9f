//! Measures the operator as a process of its own, at an API server in this one.
//!
//! `cargo xtask bench fleet --canaries N` brings up N canaries and tells what a fleet at rest and one under release costs,
//! each figure beside its limit. What is played is in `bench/stage.rs`: a node that says of every Deployment that it is
//! ready, and a Prometheus that is always content.

mod fleet;
mod process;
mod stage;
mod team;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

const USAGE: &str = "usage: cargo xtask bench fleet [--canaries N] [--releases N] [--flagger PATH] [-o json]";

/// The most releases that run at once unless told otherwise.
const RELEASES: usize = 1000;

/// One measured value and what it may be at most.
#[derive(Clone, Debug)]
struct Figure {
    name: &'static str,
    unit: &'static str,
    measured: f64,
    limit: f64,
}

impl Figure {
    /// Whether it keeps to its limit, at the precision that is shown: a step that an end of the window cuts in two is no more.
    fn is_met(&self) -> bool {
        (self.measured * 100.0).round() <= (self.limit * 100.0).round()
    }
}

/// What is asked for.
struct Arguments {
    canaries: usize,
    releases: usize,
    /// The program to measure, instead of one that is built from the sources.
    flagger: Option<PathBuf>,
    json: bool,
}

pub(crate) fn run(root: &Path, words: &[&str]) -> Result<()> {
    let arguments = Arguments::read(words)?;
    let flagger = match &arguments.flagger {
        Some(path) => path.clone(),
        None => process::build(root)?,
    };
    let runtime = tokio::runtime::Runtime::new().context("failed to start a runtime")?;
    let figures = runtime.block_on(fleet::measure(root, &flagger, arguments.canaries, arguments.releases))?;
    print(&arguments, &figures);
    if !figures.iter().all(Figure::is_met) {
        bail!("a figure is over its limit")
    }
    Ok(())
}

impl Arguments {
    fn read(words: &[&str]) -> Result<Self> {
        let ["fleet", words @ ..] = words else { bail!(USAGE) };
        let mut arguments = Self { canaries: 1000, releases: RELEASES, flagger: None, json: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().context(USAGE)?;
            match *word {
                "--canaries" => arguments.canaries = value.parse().context(USAGE)?,
                "--releases" => arguments.releases = value.parse().context(USAGE)?,
                "--flagger" => arguments.flagger = Some(PathBuf::from(value)),
                "-o" if *value == "json" => arguments.json = true,
                _ => bail!(USAGE),
            }
        }
        arguments.releases = arguments.releases.min(arguments.canaries);
        Ok(arguments)
    }
}

#[expect(clippy::print_stdout, reason = "a task tells whoever runs it what it found")]
fn print(arguments: &Arguments, figures: &[Figure]) {
    if arguments.json {
        let figures: Vec<_> = figures
            .iter()
            .map(|figure| {
                let Figure { name, unit, measured, limit } = figure;
                json!({"name": name, "unit": unit, "measured": measured, "limit": limit, "met": figure.is_met()})
            })
            .collect();
        println!("{}", json!({"canaries": arguments.canaries, "releases": arguments.releases, "figures": figures}));
        return;
    }
    println!("{} canaries, {} of them under release\n", arguments.canaries, arguments.releases);
    println!("{:<44} {:>10} {:>10}", "", "measured", "limit");
    for figure in figures {
        let Figure { name, unit, measured, limit } = figure;
        let mark = if figure.is_met() { "" } else { "  over" };
        println!("{:<44} {measured:>10.2} {limit:>10.2}{mark}", format!("{name}, {unit}"));
    }
}
