//! The server as its clients see it, one request at a time and without a socket.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod apply;
mod clients;
mod cluster;
mod crds;
mod deletion;
mod discovery;
mod faults;
mod objects;
mod patches;
mod server;
mod subresources;
mod watches;
