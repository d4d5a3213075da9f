//! What can't be done with traffic, in sentences that users meet as events.

use ports::{Halt, Key};

/// Why a question about routing has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A provider that this build can't route with.
    #[error("provider {provider:?} (spec.provider or -mesh-provider) is not available, use one of: {available}")]
    UnknownProvider {
        /// What the canary or the flag says.
        provider: String,
        /// What it could say.
        available: String,
    },
    /// The canary asks for something that its provider has no means for.
    #[error("{field} is not supported by provider {provider}")]
    Unsupported {
        /// The field of the Canary.
        field: String,
        /// The provider.
        provider: &'static str,
    },
    /// The provider needs a field that the canary doesn't have.
    #[error("GatewayRefs must be specified when using Gateway API as a provider.")]
    GatewayRefs,
    /// A route that others delegate to has neither hosts nor gateways of its own.
    #[error("VirtualService {route} cannot have hosts and gateways when delegation enabled")]
    Delegation {
        /// `name.namespace` of the route.
        route: String,
    },
    /// The canary names no Ingress, and there is none of the target's name.
    #[error("ingress selector is empty: set spec.ingressRef, there is no Ingress {}.{}", .key.name, .key.namespace)]
    IngressRef {
        /// What was looked for in place of it.
        key: Box<Key>,
    },
    /// An Ingress does not lead to the apex Service.
    #[error("backend {service} not found in ingress {ingress}")]
    NoBackend {
        /// The apex Service.
        service: String,
        /// The Ingress.
        ingress: String,
    },
    /// A routing object is another canary's.
    #[error("{} {}.{} belongs to canary {owner}", .key.kind, .key.name, .key.namespace)]
    Taken {
        /// The routing object.
        key: Box<Key>,
        /// The other canary.
        owner: String,
    },
    /// A routing object doesn't exist.
    #[error(
        "{} {}.{} get query error: {}.{} {:?} not found",
        .key.kind, .key.name, .key.namespace, .key.kind.plural, .key.kind.group, .key.name
    )]
    Missing {
        /// What was looked for.
        key: Box<Key>,
    },
    /// A routing object has none of the weights that it is there for.
    #[error("{} {}.{} does not contain routes for {primary} and {canary}", .key.kind, .key.name, .key.namespace)]
    NoWeights {
        /// The routing object.
        key: Box<Key>,
        /// The primary's Service.
        primary: String,
        /// The canary's Service.
        canary: String,
    },
    /// The pods of a side can't be found by the selector that both sides have in common.
    #[error(
        "pods of {} {}.{} can't share the traffic yet: its pod template lacks the label {label}={value}, \
         which comes with the next release",
        .key.kind, .key.name, .key.namespace
    )]
    NotBehindApex {
        /// The workload.
        key: Box<Key>,
        /// The label that the template lacks.
        label: &'static str,
        /// Its value.
        value: String,
    },
    /// A Knative Service shares its traffic out between others than the two sides.
    #[error("Knative Service {}.{} traffic spec invalid", .key.name, .key.namespace)]
    TrafficInvalid {
        /// The Knative Service.
        key: Box<Key>,
    },
    /// A Knative Service that was written and not yet seen by Knative.
    #[error("Knative Service {}.{} is not observed by Knative yet", .key.name, .key.namespace)]
    TrafficNotObserved {
        /// The Knative Service.
        key: Box<Key>,
    },
    /// A Knative Service does not say which revision is the primary.
    #[error("Knative Service {}.{} annotation {} not found", .key.name, .key.namespace, api::well_known::PRIMARY_REVISION)]
    NoPrimaryRevision {
        /// The Knative Service.
        key: Box<Key>,
    },
    /// A routing object isn't what its kind says.
    #[error("failed to read {} {}.{}", .key.kind, .key.name, .key.namespace)]
    Unreadable {
        /// The routing object.
        key: Box<Key>,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A gateway has not taken over the route as it is now.
    #[error(
        "HTTPRoute {route} parent {parent} is not ready \
         (status: {status}, observed generation: {observed}, current generation: {current})"
    )]
    ParentNotReady {
        /// `name.namespace` of the route.
        route: String,
        /// The gateway's name.
        parent: String,
        /// Whether it accepted the route: `True`, `False` or `Unknown`.
        status: String,
        /// The generation that it speaks about.
        observed: i64,
        /// The generation that the route has.
        current: i64,
    },
}

impl From<Error> for Halt<Error> {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
