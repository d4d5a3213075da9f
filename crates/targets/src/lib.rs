//! Workloads as pure functions: what a release does to the thing that it releases.
//!
//! A *target* is the workload that the user changes; beside it runs the *primary*, a copy that carries the traffic and only
//! changes by promotion. Each kind of workload is one file that answers the same questions ([`Target`]): what revision is
//! this, is it ready, create the primary, promote, scale, give everything back. [`autoscalers`] does the same for what
//! scales a target.
//!
//! [`configs`] says which `ConfigMap`s and Secrets belong to a revision.
//!
//! Objects are asked for through [`ports::Seen`], changes are returned as [`ports::Change`]; an empty answer means that the
//! cluster is as it should be. Nothing here knows about phases, traffic, metrics, a client or the time of day.
//!
//! Start reading at [`Target`] in `target.rs`, then `deployment.rs`.

pub mod autoscalers;
pub mod configs;
mod context;
mod daemonset;
mod deployment;
mod discovery;
mod error;
mod foreign;
mod inheritance;
mod knative;
mod mark;
mod metadata;
pub mod pods;
mod readiness;
pub mod revision;
mod scheduling;
mod service;
mod target;
mod workload;

pub use context::{Context, Settings};
pub use error::Error;
pub use foreign::Foreign;
pub use inheritance::inherit;
pub use mark::mark;
pub use target::{Facts, Label, Readiness, Side, Target, all, find};
