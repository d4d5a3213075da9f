//! Plays what is tested on real parts: a control plane, data planes, tools.
//!
//! `cargo test` plays it too where they are there; here they are required.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::report;

/// What can be played: its name, and the package and the module of its tests.
const PLAYS: [(&str, &str, &str); 6] = [
    ("gatewayapi", "dataplanes", "gatewayapi::"),
    ("istio", "controlplane", "istio::"),
    ("kubernetes", "dataplanes", "kubernetes::"),
    ("loadtester", "flagger-loadtester", "real::"),
    ("nginx", "controlplane", "nginx::"),
    ("prometheus", "setups", "prometheus::"),
];

/// Plays the tests of this name, prints those that failed and how many there were, and fails if any did.
pub(crate) fn run(name: &str) -> Result<()> {
    let Some((_, package, module)) = PLAYS.iter().find(|(known, ..)| *known == name) else {
        let known: Vec<&str> = PLAYS.iter().map(|(known, ..)| *known).collect();
        bail!("{name:?} can't be played, but {}", known.join(", "));
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let harness = Command::new(cargo)
        .args(["test", "--package", package, "--test", "it", "--", module])
        .envs(["CONTROLPLANE", "DATAPLANES", "HELM"].map(|program| (program, "required")))
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start cargo")?;
    let told = Told::read(&String::from_utf8_lossy(&harness.stdout));
    report::print(told.passed, &told.failed);
    match (harness.status.success(), told.passed) {
        (true, 1..) => Ok(()),
        (true, 0) => bail!("no test is called {name}"),
        (false, _) => bail!("{name} failed with the real tools"),
    }
}

/// What the test harness told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    passed: usize,
    /// The tests that failed, each with what it printed.
    failed: Vec<(String, Vec<String>)>,
}

impl Told {
    fn read(output: &str) -> Self {
        let mut told = Self::default();
        for line in output.lines() {
            match line.strip_prefix("test ").and_then(|line| line.rsplit_once(" ... ")) {
                Some((_, "ok")) => told.passed += 1,
                Some((test, "FAILED")) => told.failed.push((sentence(test), printed(output, test))),
                _ => {}
            }
        }
        told
    }
}

/// `real::a_gate_is_kept` as people say it.
fn sentence(test: &str) -> String {
    test.rsplit("::").next().unwrap_or(test).replace('_', " ")
}

/// What a test that failed printed.
fn printed(output: &str, test: &str) -> Vec<String> {
    let heading = format!("---- {test} stdout ----");
    let lines = output.lines().skip_while(|line| *line != heading).skip(1);
    let own = lines.take_while(|line| !line.starts_with("---- ") && *line != "failures:");
    own.map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_harness_says_is_counted_and_failures_are_told_with_what_they_printed() {
        let output = "running 2 tests\ntest real::a_gate_is_kept ... FAILED\ntest real::helm_works ... ok\n\nfailures:\n\n\
            ---- real::a_gate_is_kept stdout ----\nit is lost\n\n\nfailures:\n    real::a_gate_is_kept\n";
        let expected = Told { passed: 1, failed: vec![("a gate is kept".to_owned(), vec!["it is lost".to_owned()])] };
        assert_eq!(Told::read(output), expected);
    }
}
