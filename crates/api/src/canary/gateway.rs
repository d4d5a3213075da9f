//! References of the Gateway API: what a route is attached to, and where it sends copies.

use serde::{Deserialize, Serialize};

use crate::number;
#[cfg(feature = "schema")]
use crate::schema;

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
