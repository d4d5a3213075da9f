//! Plays the suite of `kubectl` commands: on a sandbox, or on a real control plane.
//!
//! Without anything it holds a sandbox against what was recorded on a real control plane. With `--real` it holds a real one
//! against it, so that a new version of Kubernetes shows what it does otherwise, and with `--record` it takes what
//! `kubectl` says there as the right thing to say.

use anyhow::{Result, bail};
use kubectlsuite::{Ours, Real};

use crate::report::{self, Mode};

/// Plays the cases whose sentence or group contains `only`, prints what is wrong, and fails if anything is.
pub(crate) fn run(mode: Mode, only: &str) -> Result<()> {
    let found = match mode {
        Mode::Played => {
            let ours = Ours::start()?;
            let found = kubectlsuite::check(ours.kubectl(), only);
            ours.stop();
            found?
        }
        Mode::Real => kubectlsuite::check(Real::start()?.kubectl(), only)?,
        Mode::Record => kubectlsuite::record(Real::start()?.kubectl(), only)?,
    };
    report::print(found.passed, &found.failed);
    if found.failed.is_empty() {
        return Ok(());
    }
    bail!("the kubectl suite failed")
}
