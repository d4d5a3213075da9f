//! What a user of the sandbox sees, on running sandboxes with fast clocks.

mod requests;
mod workloads;
mod world;
