//! The shell: everything that touches the world, so that the rooms that decide need not.
//!
//! It does not decide anything about a rollout: it reads and writes objects ([`cluster`]), performs HTTP ([`web`]), leaves
//! Kubernetes Events ([`recorder`]), tells what happens ([`telemetry`], [`admin`]) and knows when to stop ([`shutdown`]).
//! What the user asked for on the command line is in [`args`].
//!
//! Start reading at [`cluster::Cluster`].

pub mod admin;
pub mod args;
pub mod cluster;
pub mod recorder;
pub mod telemetry;

pub mod run;

mod claims;
mod courier;
mod drive;
mod herald;
mod lanes;
mod lease;
mod perform;
mod places;
mod refusals;
mod schedule;
mod secret;

use process::cause;

pub use process::{shutdown, web};
