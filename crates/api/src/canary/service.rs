//! The services that a canary is reached by, and the routing of their requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{HttpMatch, TrafficPolicy};
#[cfg(feature = "schema")]
use crate::schema;
use crate::{IntOrString, number};

/// The generated services and routes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["port"])))]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryService {
    /// Name of the service that users address, that of the target when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Port of the services.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain")]
    pub port: i32,
    /// Name of the port, http when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_name: Option<String>,
    /// Name or number of the container port, that of the services when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,
    /// Add the other ports of the containers to the services.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub port_discovery: bool,
    /// Protocol that the port speaks, such as grpc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
    /// Which endpoints of the generated services are preferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_distribution: Option<TrafficDistribution>,
    /// Generate services without an address of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub headless: bool,
    /// Time that a request may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Time that a request from the gateway to a pod may take (Gateway API).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_timeout: Option<String>,
    /// Gateways that the route is bound to, those of the mesh when absent (Istio).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// Gateways that the route is attached to (Gateway API).
    #[cfg_attr(feature = "schema", schemars(extend("maxItems" = 32)))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway_refs: Vec<GatewayRef>,
    /// Host names that the route answers to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Generate a route that others delegate to (Istio).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delegation: bool,
    /// How clients in the mesh connect to the services (Istio).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_policy: Option<TrafficPolicy>,
    /// Which requests the route is for.
    #[cfg_attr(feature = "schema", schemars(transform = schema::service_match))]
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub match_: Vec<HttpMatch>,
    /// What becomes of a request's address on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<Rewrite>,
    /// When and how often failed requests are sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Retries>,
    /// What becomes of the headers on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    /// Backends that get a copy of the requests (Gateway API).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirror: Vec<HttpMirror>,
    /// Which other sites may call the service from a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors_policy: Option<CorsPolicy>,
    /// Name of the mesh (App Mesh).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesh_name: Option<String>,
    /// Services that the workload calls (App Mesh).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<String>,
    /// Metadata of the service that users address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apex: Option<CustomMetadata>,
    /// Metadata of the service of the primary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<CustomMetadata>,
    /// Metadata of the service of the canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<CustomMetadata>,
    /// Metadata of the generated services that others own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmanaged_metadata: Option<UnmanagedMetadata>,
}

/// Which endpoints of a service clients prefer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TrafficDistribution {
    /// Those near by, in the cluster's idea of near.
    PreferClose,
    /// Those in the same zone.
    PreferSameZone,
    /// Those on the same node.
    PreferSameNode,
}

impl TrafficDistribution {
    /// The value of a Service's `spec.trafficDistribution`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreferClose => "PreferClose",
            Self::PreferSameZone => "PreferSameZone",
            Self::PreferSameNode => "PreferSameNode",
        }
    }
}

/// A parent of a Gateway API route, usually a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct GatewayRef {
    /// API group of the parent.
    #[cfg_attr(feature = "schema", schemars(extend("maxLength" = 253, "pattern" = schema::GROUP, "x-default" = "gateway.networking.k8s.io")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind of the parent.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 63, "pattern" = schema::KIND, "x-default" = "Gateway")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace of the parent, that of the canary when absent.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 63, "pattern" = schema::LABEL)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the parent.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 253)))]
    pub name: String,
    /// Name of the section of the parent, such as a listener.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 253, "pattern" = schema::SUBDOMAIN)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    /// Port of the parent that the route attaches to.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65_535)))]
    #[serde(default, deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// What a request's address becomes before it is passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct Rewrite {
    /// The path, or the prefix of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// ReplacePrefixMatch or ReplaceFullPath (Gateway API).
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
}

/// When and how often failed requests are sent again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct Retries {
    /// Number of further attempts.
    #[serde(deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i32>,
    /// Timeout of each attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_try_timeout: Option<String>,
    /// Conditions under which a request is retried, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<String>,
}

/// Header changes in both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct Headers {
    /// Changes of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<HeaderOperations>,
    /// Changes of responses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<HeaderOperations>,
}

/// Header changes in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct HeaderOperations {
    /// Values to append to headers.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<String, String>,
    /// Values to set headers to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
    /// Headers to remove.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// A receiver of copies of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HttpMirror {
    /// The backend that gets the copies.
    #[serde(default)]
    pub backend_ref: BackendRef,
}

/// A Gateway API backend, usually a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("required" = ["name"], "x-kubernetes-validations" = schema::service_needs_port())))]
#[serde(default, rename_all = "camelCase")]
pub struct BackendRef {
    /// API group of the backend, empty for the core group.
    #[cfg_attr(feature = "schema", schemars(extend("maxLength" = 253, "pattern" = schema::GROUP, "x-default" = "")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind of the backend.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 63, "pattern" = schema::KIND, "x-default" = "Service")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the backend.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 253)))]
    pub name: String,
    /// Namespace of the backend, that of the canary when absent.
    #[cfg_attr(feature = "schema", schemars(extend("minLength" = 1, "maxLength" = 63, "pattern" = schema::LABEL)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Port of the backend, required for a Service.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65_535)))]
    #[serde(deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
}

/// Which other sites may call the service from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct CorsPolicy {
    /// Origins that are allowed, literally.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_origin: Vec<String>,
    /// Patterns of origins that are allowed.
    #[cfg_attr(feature = "schema", schemars(transform = schema::origin_match))]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<super::StringMatch>,
    /// Methods that are allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    /// Request headers that are allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    /// Response headers that scripts may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// How long a browser may keep the answer to a preflight request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// Whether requests may carry credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
}

/// Labels and annotations of a generated service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct CustomMetadata {
    /// Labels to add.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to add.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Keys whose values on the generated services the operator leaves as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct UnmanagedMetadata {
    /// Label keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Annotation keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
}
