//! Istio: what `VirtualServic`s and `DestinationRul`s say.
//!
//! The name of a Service is asked for inside the mesh (gateway `mesh`), every other host through a gateway, whichever.
//! `fault`, `directResponse`, `tls` and `tcp` are not played, nor are load balancers and connection pools.

mod destination;
mod matches;
mod routes;
mod spec;

use crate::services::Services;

use super::peers::Peers;
pub(super) use destination::{Subsets, detections};
pub(super) use routes::entries;

/// What a reference to a destination is looked up in.
pub(super) struct Known<'a> {
    pub(super) services: &'a Services,
    pub(super) peers: &'a Peers,
    pub(super) subsets: &'a Subsets,
}
