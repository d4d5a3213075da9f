//! The Gateway API: `HTTPRout`s, and the status of its objects.

mod routes;
mod spec;
pub(super) mod status;

pub(super) use routes::{Specificity, entries};
