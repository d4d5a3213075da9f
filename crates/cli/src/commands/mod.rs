//! The commands, one a file.

pub(crate) mod operator;
#[cfg(feature = "sandbox")]
pub(crate) mod sandbox;
#[cfg(not(feature = "sandbox"))]
#[path = "no_sandbox.rs"]
pub(crate) mod sandbox;

use std::io::Write;

/// Prints an error with all that led to it, and what to try, on stderr.
pub(crate) fn complain(error: &(dyn std::error::Error + 'static), hint: Option<&str>) {
    let mut chain = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push(cause.to_string());
        source = cause.source();
    }
    let mut stderr = std::io::stderr().lock();
    // A terminal that is gone hears nothing anyway.
    let _ = writeln!(stderr, "error: {}", chain.join(": "));
    if let Some(hint) = hint {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
