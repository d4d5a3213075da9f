//! The operator on a played cluster, in situations that the example does not have: with the API server, the pods, the gateway
//! and the hooks that a user would have, over real HTTP.

mod affinity;
mod hooks;
mod inputs;
mod mesh;
mod wake_ups;
mod world;
