//! The server as its clients see it, one request at a time and without a socket.

mod apply;
mod clients;
mod cluster;
mod crds;
mod deletion;
mod discovery;
mod objects;
mod patches;
mod server;
mod subresources;
mod watches;
