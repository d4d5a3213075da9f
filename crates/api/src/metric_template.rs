//! The MetricTemplate: a query that canaries share, and where to ask it.

use std::collections::BTreeMap;

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use crate::SecretRef;

/// A query that canaries share, with variables for the canary that asks.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[kube(
    group = "flagger.app",
    version = "v1beta1",
    kind = "MetricTemplate",
    doc = "A query that canaries share.",
    plural = "metrictemplates",
    namespaced,
    derive = "Default",
    derive = "PartialEq",
    schema = "disabled",
    category = "all",
    annotation("helm.sh/resource-policy", "keep"),
    printcolumn = r#"{"name": "Provider", "type": "string", "jsonPath": ".spec.provider.type"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct MetricTemplateSpec {
    /// The server that answers the query.
    pub provider: MetricProvider,
    /// The query, a Go text template.
    pub query: String,
}

/// A server that answers queries, and how to reach it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MetricProvider {
    /// Which API the server speaks.
    #[serde(rename = "type")]
    pub type_: MetricProviderType,
    /// Address of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Headers to add to the requests (Prometheus).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Vec<String>>,
    /// Secret with the provider's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Region of the service (CloudWatch).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Trust whatever certificate the server shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_skip_verify: bool,
}

/// Which API the metric provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum MetricProviderType {
    /// Prometheus' HTTP API.
    #[default]
    Prometheus,
    /// InfluxDB 2, in Flux.
    Influxdb,
    /// Datadog.
    Datadog,
    /// A metric of Kubernetes' external metrics API.
    Externalmetrics,
    /// Google Cloud Monitoring, in MQL.
    Stackdriver,
    /// Amazon CloudWatch.
    Cloudwatch,
    /// New Relic, in NRQL.
    Newrelic,
    /// Graphite.
    Graphite,
    /// Dynatrace.
    Dynatrace,
    /// Keptn.
    Keptn,
    /// Splunk Observability Cloud, in SignalFlow.
    Splunk,
}
