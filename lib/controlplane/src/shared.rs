//! The control plane that the tests of one process share, and what is left out where there is none.

use std::env;
use std::error::Error as _;
use std::io::{self, Write};
use std::sync::{Arc, Once, Weak};

use tokio::sync::Mutex;

use crate::{ControlPlane, Error, Options, Programs};

/// The running one; it goes with the last test that uses it.
static SHARED: Mutex<Weak<ControlPlane>> = Mutex::const_new(Weak::new());

impl Programs {
    /// The programs of this machine, `None` where there are none: then the test has to be left out, which is said once, past
    /// the test harness, as that hides what passing tests print.
    ///
    /// # Panics
    /// With `CONTROLPLANE=required` in the environment, when they are not there.
    pub fn for_tests() -> Option<Self> {
        let required = env::var_os("CONTROLPLANE").is_some_and(|value| value == "required");
        match Self::find() {
            Ok(programs) => Some(programs),
            Err(error) if required => panic!("{error}"),
            Err(error) => {
                leave_out(&error);
                None
            }
        }
    }
}

impl ControlPlane {
    /// The control plane that tests of this process share, started by the first; `None` as in [`Programs::for_tests`].
    ///
    /// # Panics
    /// When it does not start, or is required and not there.
    pub async fn for_tests() -> Option<Arc<Self>> {
        let programs = Programs::for_tests()?;
        let mut shared = SHARED.lock().await;
        // One that died under a test is not handed to the next.
        if let Some(plane) = shared.upgrade().filter(|plane| plane.check().is_ok()) {
            return Some(plane);
        }
        let plane = match Self::start(Options::new(programs)).await {
            Ok(plane) => Arc::new(plane),
            Err(error) => {
                let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
                panic!("{error}{source}")
            }
        };
        *shared = Arc::downgrade(&plane);
        Some(plane)
    }
}

fn leave_out(error: &Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A closed stderr has nobody who could be told.
        let _ = writeln!(io::stderr(), "left out: tests on a real control plane; {error}");
    });
}
