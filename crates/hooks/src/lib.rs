//! Webhooks: what the services of users are told, what their answers mean, and when they are asked again.
//!
//! *Expected flow.* Build a [`Payload`], make a [`request`] of it, send it within its [`timeout`], and let [`heard`] say
//! what comes next.
//!
//! Nothing is sent and nobody waits here, and this crate does not know when a hook is called or what its answer leads to:
//! `rollout` does.
//!
//! Start reading at `call.rs`.

mod call;
mod key;
mod payload;

pub use call::{Error, Next, heard, request, timeout};
pub use key::{Call, Key};
pub use payload::{Event, EventKind, Payload, checksum};
