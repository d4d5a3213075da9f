//! Traffic splits to objects and back: one mesh, gateway or ingress a file.
//!
//! A *router* translates between a [`Split`](rollout::traffic::Split) and the objects of one provider, in both directions, so
//! that the objects themselves are the memory of how traffic flows. [`services`] keeps the three Services that every provider
//! needs.
//!
//! Objects are asked for through [`ports::Seen`], changes are returned as [`ports::Change`]; an empty answer means that the
//! cluster is as it should be. Of objects that exist only what is ours is written; what this crate does not know, stays.
//! Nothing here knows about phases, analysis, a client or the time of day, and no router knows another.
//!
//! Start reading at [`Router`] in `router.rs`, then `gatewayapi.rs`.

mod context;
mod cookies;
mod error;
mod gatewayapi;
mod istio;
mod knative;
mod kubernetes;
mod matching;
mod metadata;
mod nginx;
mod percent;
mod router;
pub mod services;

pub use context::{Context, Label, Settings};
pub use error::Error;
pub use kubernetes::shares;
pub use router::{Ability, Router, all, find, unable};
