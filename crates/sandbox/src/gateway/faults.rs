//! Failures that a rule asks for: answers that are held back, and answers in place of those of the backend.

use std::time::Duration;

use http::StatusCode;
use rand::Rng;

/// What goes wrong, and how often.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Requests are held back for so long.
    pub(super) delay: Option<Fault<Duration>>,
    /// Requests are answered with this, and never sent.
    pub(super) abort: Option<Fault<StatusCode>>,
}

/// One way to fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault<T> {
    /// The share of the requests that it hits, from 0 to 1.
    pub(super) share: f64,
    pub(super) what: T,
}

/// What goes wrong for one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drawn {
    pub(super) delay: Option<Duration>,
    pub(super) abort: Option<StatusCode>,
}

impl Faults {
    /// Draws for one request; each of the two by itself, as in Envoy.
    pub(super) fn draw(&self, dice: &mut impl Rng) -> Drawn {
        Drawn { delay: hit(self.delay, dice), abort: hit(self.abort, dice) }
    }
}

fn hit<T>(fault: Option<Fault<T>>, dice: &mut impl Rng) -> Option<T> {
    fault.filter(|fault| dice.random_bool(fault.share)).map(|fault| fault.what)
}
