//! What the suites have in common: which server is played on, and how a run is told.

/// Where the answers come from, and what they are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Our server against the recording.
    Played,
    /// A real control plane against the recording.
    Real,
    /// A real control plane makes the recording.
    Record,
}

/// Prints the cases that failed, each with its complaints, and how many there were.
#[expect(clippy::print_stdout, reason = "a task tells whoever runs it what it found")]
pub(crate) fn print(passed: usize, failed: &[(String, Vec<String>)]) {
    for (case, complaints) in failed {
        println!("failed: {case}");
        for complaint in complaints {
            println!("    {complaint}");
        }
    }
    println!("{passed} passed, {} failed", failed.len());
}
