//! Metrics: queries to HTTP requests, HTTP responses to readings, one provider a file.
//!
//! A *meter* speaks one provider's API ([`Meter`]). [`builtin`] has the queries of the two checks that need no query from the
//! user, for every mesh and ingress, as data. [`template`] renders the user's own queries.
//!
//! Credentials arrive as arguments and nothing is sent from here: whoever calls sends the request, with a bound on time and
//! size, and hands back the response. What a reading is good for is not known here either: `rollout` judges it.
//!
//! Start reading at [`Meter`] in `meter.rs`, then `prometheus.rs`.

pub mod builtin;
mod error;
mod meter;
mod names;
mod prometheus;
pub mod template;

pub use error::Error;
pub use meter::{Credentials, Meter, NoData, Reading, Server, all, find};
pub use names::Names;
