//! The decision: a rollout as a pure function from what has been heard so far to the next thing to say.
//!
//! [`tick`] reads top to bottom in the order that users observe.
//! Whenever it needs a fact or wants an act that its journal does not hold yet, it leaves with [`Step::Next`]; whoever
//! drives it performs that [`Effect`], appends the outcome to the journal and calls again, until [`Step::Over`].
//! The same input and journal give the same answer, always: there is no clock, no randomness, no socket and no `async`
//! here, so a journal from production is a test.
//!
//! This crate does not know that Kubernetes, HTTP or Prometheus exist: effects are verbs of the domain.
//!
//! Start reading at `tick.rs`; what the spec means is in `plan.rs`, every sentence that a user sees in `words.rs`.

pub mod affinity;
mod checks;
mod claim;
mod effect;
mod finalizing;
mod gates;
pub mod invariants;
mod journal;
mod meter_fault;
pub mod model;
pub mod pace;
mod phase;
mod plan;
mod promotion;
mod records;
mod report;
mod rollback;
mod serving;
mod skipping;
mod stalled;
mod strategy;
mod stuck;
mod taking_over;
mod tick;
pub mod traffic;
mod waking;
pub mod words;

pub use claim::{Claim, Claimant};
pub use effect::{Effect, Entry, Foreign, Measured, Outcome, Readiness, Scale, Side, Target};
pub use finalizing::Standing;
pub use plan::{Bounds, Check, Hook, Ladder, Plan, Settings, Source, Strategy, Traffic, interval};
pub use report::{Cause, Ending, Over, Wake};
pub use stalled::invalid;
pub use tick::{Input, Step, tick};
