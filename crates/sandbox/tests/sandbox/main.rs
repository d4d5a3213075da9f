//! What a user of the sandbox sees, on running sandboxes with fast clocks.

mod istio;
mod nginx;
mod programs;
mod requests;
mod workloads;
mod world;
