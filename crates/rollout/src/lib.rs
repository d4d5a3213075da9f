//! The decision: a rollout as a pure function.

pub mod traffic;
