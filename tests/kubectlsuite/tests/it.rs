//! `kubectl` says on a sandbox, and on a real control plane, what was recorded.

use std::io::{self, Write as _};
use std::sync::Once;

use kubectlsuite::{Kubectl, Ours, Real, Report};

#[test]
fn a_sandbox_makes_kubectl_say_what_was_recorded() {
    let Some(ours) = sandbox() else { return };
    let report = kubectlsuite::check(ours.kubectl(), "").unwrap();
    ours.stop();
    all_well(&report);
}

#[test]
fn kubectl_shows_the_log_of_a_pod() {
    let Some(ours) = sandbox() else { return };
    let say = |line| ours.kubectl().say("default", line).unwrap();
    say("kubectl create deployment web --image=podinfo:6.5.4");
    say("kubectl rollout status deployment/web --timeout=60s");
    let log = say("kubectl logs deployment/web --tail=1");
    ours.stop();
    assert!(log.contains("Starting podinfo") && log.contains("6.5.4"), "{log}");
}

#[test]
fn a_real_control_plane_makes_kubectl_say_what_was_recorded() {
    let Some(real) = Real::for_tests().unwrap() else { return };
    all_well(&kubectlsuite::check(real.kubectl(), "").unwrap());
}

/// Nothing where there is no `kubectl` for it, which is said once, past the test harness, as that hides what passing tests
/// print.
fn sandbox() -> Option<Ours> {
    static ONCE: Once = Once::new();
    if Kubectl::is_found() {
        return Some(Ours::start().expect("a sandbox starts on free ports"));
    }
    let required = std::env::var_os("CONTROLPLANE").is_some_and(|value| value == "required");
    assert!(!required, "there is no kubectl of the recorded release");
    ONCE.call_once(|| {
        let told = "left out: what kubectl says on a sandbox; there is no kubectl of the recorded release";
        // A closed stderr has nobody who could be told.
        let _ = writeln!(io::stderr(), "{told}");
    });
    None
}

fn all_well(report: &Report) {
    let told = report.failed.iter().map(|(case, complaints)| format!("{case}\n    {}", complaints.join("\n    ")));
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{} passed, {} failed\n{}", report.passed, told.len(), told.join("\n"));
    assert!(40 <= report.passed, "only {} cases", report.passed);
}
