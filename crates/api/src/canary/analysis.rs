//! How a new revision is judged, and at which pace traffic moves.

use serde::{Deserialize, Serialize};

use super::{CanaryAlert, CanaryMetric, CanaryWebhook, HttpMatch, SessionAffinity};
use crate::number;
#[cfg(feature = "schema")]
use crate::schema;

/// The analysis of a canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(
    extend("oneOf" = schema::one_required_of(&[
        &["interval", "threshold", "iterations"],
        &["interval", "threshold", "stepWeight"],
        &["interval", "threshold", "stepWeights"],
    ]))
))]
#[serde(default, rename_all = "camelCase")]
pub struct Analysis {
    /// Time between two steps, such as 1m; at least 10s.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = schema::INTERVAL)))]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
    /// Number of failed checks that causes a rollback.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub threshold: i32,
    /// Number of passed rounds of checks before promotion (A/B testing and Blue/Green).
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub iterations: i32,
    /// Percentage points by which the canary's share grows at each step.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub step_weight: i32,
    /// The canary's share at each step, in percent and growing.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<f64>"))]
    #[serde(deserialize_with = "number::list", skip_serializing_if = "Vec::is_empty")]
    pub step_weights: Vec<i32>,
    /// The canary's share at which it is promoted, in percent.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub max_weight: i32,
    /// Percentage points by which traffic goes back to the primary after promotion; all at once when absent.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub step_weight_promotion: i32,
    /// What a failed check does to the canary's share of the traffic (stepWeight and stepWeights).
    #[serde(skip_serializing_if = "OnFailedCheck::is_default")]
    pub on_failed_check: OnFailedCheck,
    /// Send copies of requests to the canary before it answers any.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    /// Percentage of the requests that are copied (Istio).
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub mirror_weight: i32,
    /// Percentage of the primary's pods that make it ready, 100 when absent.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub primary_ready_threshold: Option<i32>,
    /// Percentage of the canary's pods that make it ready, 100 when absent.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::option", skip_serializing_if = "Option::is_none")]
    pub canary_ready_threshold: Option<i32>,
    /// Whose requests go to the canary (A/B testing).
    #[cfg_attr(feature = "schema", schemars(transform = schema::analysis_match))]
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub match_: Vec<HttpMatch>,
    /// Measurements that have to stay in range.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<CanaryMetric>,
    /// Calls to the user's own services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<CanaryWebhook>,
    /// Who is told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<CanaryAlert>,
    /// Keeps users on the side that answered them first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,
}

impl Analysis {
    /// Whether the canary's share grows by steps.
    pub fn has_steps(&self) -> bool {
        self.step_weight != 0 || !self.step_weights.is_empty()
    }
}

/// What a failed check does to the canary's share of the traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum OnFailedCheck {
    /// The share stays as it is.
    #[default]
    Halt,
    /// The share goes back to the step before; before the first one is the rollback.
    StepBack,
}

impl OnFailedCheck {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
