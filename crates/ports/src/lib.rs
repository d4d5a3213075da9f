//! The vocabulary of the boundary between the pure rooms and the shell.
//!
//! Pure rooms (`targets`, `routers`, `meters`, `hooks`) say what they need and what should change in these words; the shell
//! (`operator`) does it.
//! Objects are asked for with [`Seen::get`], which leaves with [`Halt::Need`] when the shell has not looked yet; the shell
//! looks and calls again with the same arguments. HTTP goes the same way through [`Turn`].
//!
//! This crate deliberately does not know what a canary is, and has no behaviour beyond looking things up in what it was
//! given.

mod change;
mod clock;
mod kind;
mod port;
mod seen;

pub use change::Change;
pub use clock::{Clock, RealClock};
pub use kind::{Key, Kind, kinds};
pub use port::Port;
pub use seen::{Halt, Object, Seen};
