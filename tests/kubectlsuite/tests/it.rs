//! `kubectl` says on a sandbox, and on a real control plane, what was recorded.

use std::io::{self, Write as _};

use kubectlsuite::{Kubectl, Ours, Real, Report};

#[test]
fn a_sandbox_makes_kubectl_say_what_was_recorded() {
    if !Kubectl::is_found() {
        // Past the test harness, as that hides what passing tests print.
        writeln!(io::stderr(), "left out: what kubectl says on a sandbox; there is no kubectl of the recorded release").unwrap();
        return;
    }
    let ours = Ours::start().unwrap();
    let report = kubectlsuite::check(ours.kubectl(), "").unwrap();
    ours.stop();
    all_well(&report);
}

#[test]
fn a_real_control_plane_makes_kubectl_say_what_was_recorded() {
    let Some(real) = Real::for_tests().unwrap() else { return };
    all_well(&kubectlsuite::check(real.kubectl(), "").unwrap());
}

fn all_well(report: &Report) {
    let told = report.failed.iter().map(|(case, complaints)| format!("{case}\n    {}", complaints.join("\n    ")));
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{} passed, {} failed\n{}", report.passed, told.len(), told.join("\n"));
    assert!(40 <= report.passed, "only {} cases", report.passed);
}
