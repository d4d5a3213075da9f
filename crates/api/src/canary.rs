//! The Canary: which workload to release, how to shift traffic to it, and what must hold meanwhile.

mod alert;
mod analysis;
mod gateway;
mod matching;
mod metric;
mod phase;
mod route;
mod service;
mod session_affinity;
mod status;
mod traffic_policy;
mod webhook;

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};

pub use alert::{CanaryAlert, Severity};
pub use analysis::{Analysis, OnFailedCheck};
pub use gateway::{BackendRef, GatewayRef, HttpMirror};
pub use matching::{HttpMatch, StringMatch};
pub use metric::{BuiltIn, CanaryMetric, ThresholdRange};
pub use phase::Phase;
pub use route::{CorsPolicy, HeaderOperations, Headers, Retries, Rewrite};
pub use service::{CanaryService, CustomMetadata, TrafficDistribution, UnmanagedMetadata};
pub use session_affinity::{SameSite, SessionAffinity};
pub use status::{CanaryStatus, Condition};
pub use traffic_policy::{
    ConnectionPool, ConsistentHash, Distribute, Failover, HttpConnectionPool, HttpCookie, LoadBalancer,
    LocalityLoadBalancer, OutlierDetection, TlsSettings, TrafficPolicy,
};
pub use webhook::{CanaryWebhook, HookType};

#[cfg(feature = "schema")]
use crate::schema;
use crate::{ObjectRef, number};

/// How one workload is released.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(transform = schema::analysis_by_either_name))]
#[kube(
    group = "flagger.app",
    version = "v1beta1",
    kind = "Canary",
    doc = "A canary: how one workload is released, and how far it got.",
    plural = "canaries",
    namespaced,
    status = "CanaryStatus",
    derive = "Default",
    derive = "PartialEq",
    schema = "disabled",
    category = "all",
    annotation("helm.sh/resource-policy", "keep"),
    printcolumn = r#"{"name": "Status", "type": "string", "jsonPath": ".status.phase"}"#,
    printcolumn = r#"{"name": "Weight", "type": "string", "jsonPath": ".status.canaryWeight"}"#,
    printcolumn = r#"{"name": "Suspended", "type": "boolean", "jsonPath": ".spec.suspend", "priority": 1}"#,
    printcolumn = r#"{"name": "FailedChecks", "type": "string", "jsonPath": ".status.failedChecks", "priority": 1}"#,
    printcolumn = r#"{"name": "Interval", "type": "string", "jsonPath": ".spec.analysis.interval", "priority": 1}"#,
    printcolumn = r#"{"name": "Mirror", "type": "boolean", "jsonPath": ".spec.analysis.mirror", "priority": 1}"#,
    printcolumn = r#"{"name": "StepWeight", "type": "string", "jsonPath": ".spec.analysis.stepWeight", "priority": 1}"#,
    printcolumn = r#"{"name": "StepWeights", "type": "string", "jsonPath": ".spec.analysis.stepWeights", "priority": 1}"#,
    printcolumn = r#"{"name": "MaxWeight", "type": "string", "jsonPath": ".spec.analysis.maxWeight", "priority": 1}"#,
    printcolumn = r#"{"name": "LastTransitionTime", "type": "string", "jsonPath": ".status.lastTransitionTime"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct CanarySpec {
    /// Mesh, gateway or ingress that carries the traffic, that of the operator when absent.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = schema::PROVIDERS)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Address of the Prometheus server that answers the built-in checks of this canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_server: Option<String>,
    /// Seconds after which a workload that makes no progress counts as broken, 600 when absent.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(default, deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub progress_deadline_seconds: Option<i32>,
    /// The workload that is released.
    pub target_ref: TargetRef,
    /// The autoscaler of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaler_ref: Option<AutoscalerRef>,
    /// The Ingress in front of the service (NGINX, Skipper).
    #[cfg_attr(feature = "schema", schemars(transform = schema::of_kind("Ingress")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress_ref: Option<ObjectRef>,
    /// The route in front of the service (APISIX).
    #[cfg_attr(feature = "schema", schemars(transform = schema::of_kind("ApisixRoute")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_ref: Option<ObjectRef>,
    /// The Upstream that generated ones take their options from (Gloo).
    #[cfg_attr(feature = "schema", schemars(transform = schema::of_kind("Upstream")))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_ref: Option<UpstreamRef>,
    /// The generated services and routes.
    #[serde(default)]
    pub service: CanaryService,
    /// How a new revision is judged, and at which pace traffic moves to it.
    #[serde(default, alias = "canaryAnalysis")]
    pub analysis: Analysis,
    /// Promote new revisions without analysis.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_analysis: bool,
    /// Give the target back what was taken from it when the canary is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revert_on_deletion: bool,
    /// Do nothing, and go on from here once this is false again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
}

impl CanarySpec {
    /// The provider that carries the traffic, given that of the operator.
    pub fn provider_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.provider.as_deref().filter(|provider| !provider.is_empty()).unwrap_or(default)
    }

    /// Whether pods share the traffic under this provider, for want of anything that routes requests.
    pub fn splits_by_replicas(&self, provider: &str) -> bool {
        provider == "kubernetes" && self.target_ref.kind == "Deployment" && self.analysis.has_steps()
    }
}

/// The workload that is released, in the namespace of the canary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// API version of the workload.
    pub api_version: String,
    /// Kind of the workload.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["DaemonSet", "Deployment", "Service"])))]
    pub kind: String,
    /// Name of the workload.
    pub name: String,
}

impl TargetRef {
    /// Whether the target is a Knative Service rather than one of Kubernetes' core.
    pub fn is_knative(&self) -> bool {
        self.kind == "Service" && self.api_version == "serving.knative.dev/v1"
    }
}

/// The autoscaler of the target, which gets a twin for the primary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerRef {
    /// API version of the autoscaler.
    pub api_version: String,
    /// Kind of the autoscaler.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["HorizontalPodAutoscaler", "ScaledObject"])))]
    pub kind: String,
    /// Name of the autoscaler.
    pub name: String,
    /// Queries of the primary's ScaledObject by trigger name, instead of those derived from the target's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub primary_scaler_queries: BTreeMap<String, String>,
    /// Bounds of the primary's autoscaler, where they differ from the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_scaler_replicas: Option<ScalerReplicas>,
}

/// Bounds of an autoscaler.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ScalerReplicas {
    /// Fewest replicas of the primary.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    #[serde(default, deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<i32>,
    /// Most replicas of the primary.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    #[serde(default, deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub max_replicas: Option<i32>,
}

/// The Gloo Upstream whose options the generated upstreams copy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UpstreamRef {
    /// API version of the upstream.
    pub api_version: String,
    /// Kind of the upstream.
    pub kind: String,
    /// Name of the upstream.
    pub name: String,
    /// Namespace of the upstream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}
