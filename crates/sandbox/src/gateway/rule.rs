//! What is done with a request, whoever wrote it: the common form of all routing objects.

use std::sync::Arc;
use std::time::Duration;

use super::cors::Cors;
use super::faults::Faults;
use super::filters::Filters;
use super::ingress::{Alternative, Location};
use super::retries::Retries;
use crate::cluster::Id;
use crate::services::Backend;

/// What to do with a request.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) origin: Origin,
    pub(super) filters: Filters,
    pub(super) cors: Option<Cors>,
    pub(super) faults: Faults,
    pub(super) backends: Vec<Weighted>,
    /// Who may get the request instead of the backends.
    pub(super) alternative: Option<Alternative>,
    pub(super) mirrors: Vec<Shadow>,
    /// For the whole exchange, retries included.
    pub(super) timeout: Option<Duration>,
    pub(super) retries: Option<Retries>,
}

/// Whose rule it is.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    HttpRoute(Id),
    VirtualService(Id),
    Ingress(Arc<Location>),
}

impl Origin {
    /// The object's name.
    pub(super) fn id(&self) -> &Id {
        match self {
            Self::HttpRoute(id) | Self::VirtualService(id) => id,
            Self::Ingress(location) => &location.ingress,
        }
    }
}

/// A backend and its share; one that can't be resolved keeps its share, and fails it.
#[derive(Debug)]
pub(super) struct Weighted {
    pub(super) weight: u32,
    pub(super) backend: Result<Arc<Backend>, Unresolved>,
    pub(super) filters: Filters,
    pub(super) mirrors: Vec<Shadow>,
}

/// A backend that gets copies of a share of the requests.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) backend: Arc<Backend>,
    pub(super) share: f64,
}

/// Why a reference to a backend leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    /// Not a Service.
    #[error("backendRefs.kind \"{0}\" is not supported, only Service is")]
    Kind(String),
    /// No such Service, or it has no such port.
    #[error("service \"{0}\" with port {1} not found")]
    NotFound(Id, u16),
    /// No such Service.
    #[error("service \"{0}\" not found")]
    NoService(String),
    /// A Service needs a port.
    #[error("backendRefs.port of service \"{0}\" is missing")]
    NoPort(Id),
    /// No `DestinationRule` names such a subset.
    #[error("subset \"{1}\" of service \"{0}\" not found")]
    NoSubset(Id, String),
}
