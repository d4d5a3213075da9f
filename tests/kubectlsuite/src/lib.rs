//! What `kubectl` says to its user, as cases that run on any control plane.
//!
//! A case is a sentence and a few lines of shell (`cases/*.txt`). What `kubectl` printed on a real control plane is
//! committed (`real/*.txt`), and a sandbox has to make it print the same: the output, the errors and the exit codes.
//! Taken out is only what differs from run to run: times and ages, uids, revisions, generated suffixes and addresses.
//!
//! It deliberately does not know what a right answer would be; the recordings are the only judge. How an answer looks on the
//! wire is the business of `apisuite`: here is what a person sees.
//!
//! Suites that bring their own server play their cases with [`Session`].
//!
//! Start reading at `cases/apply.txt` and `real/apply.txt`, then [`check`], `script.rs` (what the words of a case mean) and
//! `normal.rs` (what is left of an output).

mod compare;
mod fault;
mod files;
mod normal;
mod play;
mod script;
mod session;
mod shell;
mod stage;
mod suite;
mod transcript;

pub use compare::differences;
pub use fault::Error;
pub use session::Session;
pub use shell::Kubectl;
pub use stage::{Ours, Real};
pub use suite::{Report, check, record};
pub use transcript::{Recording, parse as read_recording, write as write_recording};
