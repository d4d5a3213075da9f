//! The set-ups of `examples/`, played in the sandbox as `scenarios/` says.

use std::io::{self, Write as _};
use std::path::Path;

use kubectlsuite::Kubectl;
use setups::scenarios;

#[test]
fn the_set_ups_play_as_they_are_committed() {
    if !Kubectl::is_found() {
        let required = std::env::var_os("CONTROLPLANE").is_some_and(|value| value == "required");
        assert!(!required, "there is no kubectl of the recorded release");
        // A closed stderr has nobody who could be told.
        let _ = writeln!(io::stderr(), "left out: the scenarios; there is no kubectl of the recorded release");
        return;
    }
    let flagger = Path::new(env!("CARGO_BIN_EXE_flagger"));
    let play = if std::env::var_os("UPDATE_EXPECT").is_some() { scenarios::record } else { scenarios::check };
    let report = play(flagger, &[]).unwrap();
    let told = report.failed.iter().map(|(case, complaints)| format!("{case}\n    {}", complaints.join("\n    ")));
    let told: Vec<String> = told.collect();
    assert!(told.is_empty(), "{} passed, {} failed\n{}", report.passed, told.len(), told.join("\n"));
    assert!(0 < report.passed, "there are no scenarios");
}
