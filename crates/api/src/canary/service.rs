//! The services that a canary is reached by, and the routing of their requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CorsPolicy, GatewayRef, Headers, HttpMatch, HttpMirror, Retries, Rewrite, TrafficPolicy};
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
