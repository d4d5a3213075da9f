//! Ingresses of class `nginx`, as ingress-nginx serves them.
//!
//! Of its annotations those of canaries are obeyed ([`canary`]), with any prefix. TLS is not played.

mod canary;
mod routes;

pub(super) use canary::Alternative;
pub(super) use routes::{Location, entries};
