//! One metric check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::schema;
use crate::{NameRef, number};

/// A measurement and the range that it has to stay in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CanaryMetric {
    /// request-success-rate and request-duration are built in; others need a templateRef.
    pub name: String,
    /// Length of the window that the query looks at, 1m when absent.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = schema::INTERVAL)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// Least good value of request-success-rate, largest of others (deprecated, use thresholdRange).
    #[serde(default, serialize_with = "number::float", skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Values that pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold_range: Option<ThresholdRange>,
    /// PromQL query (deprecated, use templateRef).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The MetricTemplate that holds the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<NameRef>,
    /// Variables for the template.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub template_variables: BTreeMap<String, String>,
}

/// A measurement that every mesh, gateway and ingress is asked for in its own metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// Percentage of requests that were not answered by a server error.
    SuccessRate,
    /// Time within which 99 of 100 requests are answered, in milliseconds.
    Duration,
}

impl CanaryMetric {
    /// The built-in measurement that the name stands for, if it does.
    ///
    /// The names of `v1alpha1` are those of Istio's series. They count where nothing else says what to measure.
    pub fn built_in(&self) -> Option<BuiltIn> {
        match self.name.as_str() {
            "request-success-rate" => Some(BuiltIn::SuccessRate),
            "request-duration" => Some(BuiltIn::Duration),
            _ if self.query.is_some() || self.template_ref.is_some() => None,
            "istio_requests_total" => Some(BuiltIn::SuccessRate),
            "istio_request_duration_seconds_bucket" => Some(BuiltIn::Duration),
            _ => None,
        }
    }
}

/// Both ends belong to the range; an absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ThresholdRange {
    /// Smallest value that passes.
    #[serde(default, serialize_with = "number::float", skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value that passes.
    #[serde(default, serialize_with = "number::float", skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}
