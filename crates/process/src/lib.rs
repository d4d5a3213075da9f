//! What every program of ours has, whatever it is for: flags by Go's rules ([`flags`]), log lines ([`log`]), an orderly end
//! ([`shutdown`]), an HTTP server ([`server`]) and an HTTP client ([`web`]) under bounds, and what the kernel says about the
//! process ([`vitals`]).
//!
//! It does not know Kubernetes, canaries, or which flags, routes and series a program has.
//!
//! Start reading at [`flags::Typed`].

pub mod cause;
pub mod flags;
pub mod log;
pub mod server;
pub mod shutdown;
pub mod vitals;
pub mod web;
