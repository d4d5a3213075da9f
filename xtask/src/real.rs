//! Plays one provider on a real control plane: the tests of its name in `tests/controlplane` or `tests/dataplanes`.
//!
//! `cargo test` plays them too where the programs that they need are there; here these are required.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::report;

/// What can be played: modules of tests, and the packages that have them.
const SUITES: [(&str, &str); 4] =
    [("gatewayapi", "dataplanes"), ("istio", "controlplane"), ("kubernetes", "dataplanes"), ("nginx", "controlplane")];

/// Plays the tests of this name, prints those that failed and how many there were, and fails if any did.
pub(crate) fn run(name: &str) -> Result<()> {
    let Some((_, package)) = SUITES.iter().find(|(suite, _)| *suite == name) else {
        bail!("{name:?} can't be played, but {}", SUITES.map(|(suite, _)| suite).join(", "));
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let harness = Command::new(cargo)
        .args(["test", "--package", package, "--test", "it", "--", &format!("{name}::")])
        .envs([("CONTROLPLANE", "required"), ("DATAPLANES", "required")])
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start cargo")?;
    let told = Told::read(&String::from_utf8_lossy(&harness.stdout));
    report::print(told.passed, &told.failed);
    match (harness.status.success(), told.passed) {
        (true, 1..) => Ok(()),
        (true, 0) => bail!("no test is called {name}"),
        (false, _) => bail!("{name} failed on a real control plane"),
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

/// `istio::a_run_goes_on` as people say it.
fn sentence(test: &str) -> String {
    test.rsplit("::").next().unwrap_or(test).replace('_', " ")
}

/// What a test printed, panics included.
fn printed(output: &str, test: &str) -> Vec<String> {
    let lines = output.lines().skip_while(|line| *line != format!("---- {test} stdout ----")).skip(1);
    lines.take_while(|line| !line.starts_with("---- ") && *line != "failures:").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_that_failed_are_told_with_what_they_printed() {
        let output = "\nrunning 2 tests\ntest istio::a_good_one ... ok\ntest istio::a_bad_one ... FAILED\n\nfailures:\n\n\
            ---- istio::a_bad_one stdout ----\npanicked: no\n---- istio::other stdout ----\n\ntest result: FAILED.\n";
        let failed = vec![("a bad one".to_owned(), vec!["panicked: no".to_owned()])];
        assert_eq!(Told::read(output), Told { passed: 1, failed });
    }
}
