//! What the operator recorded about a canary: all it needs to go on after a restart.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Phase;
use crate::{number, seconds};

/// The state of a canary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, rename_all = "camelCase")]
pub struct CanaryStatus {
    /// Where the canary is in its life.
    pub phase: Phase,
    /// Failed checks in this run.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain")]
    pub failed_checks: i32,
    /// Percentage of the traffic that the canary gets.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain")]
    pub canary_weight: i32,
    /// Passed iterations in this run (A/B testing and Blue/Green).
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(deserialize_with = "number::plain")]
    pub iterations: i32,
    /// Checksums of the ConfigMaps and Secrets of the target by `configmap/<name>` or `secret/<name>`, absent when they are
    /// not tracked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracked_configs: Option<BTreeMap<String, String>>,
    /// Revision of the target that was last seen.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_applied_spec: String,
    /// Revision that the primary runs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_promoted_spec: String,
    /// Time of the last change of this status.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    #[serde(serialize_with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
    /// Cookie that pins users to the canary in this run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub session_affinity_cookie: String,
    /// Cookie that pins users to the primary in this run.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub primary_session_affinity_cookie: String,
    /// Cookie of the run before, kept so that browsers can be told to forget it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub previous_session_affinity_cookie: String,
    /// What the status means for tools that wait for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// One condition of a canary; the operator writes `Promoted` only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Promoted.
    #[serde(rename = "type")]
    pub type_: String,
    /// True, False, or Unknown while a release is under way.
    pub status: String,
    /// The phase.
    pub reason: String,
    /// What happened, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Time of the last change of this condition.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    #[serde(default, serialize_with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Timestamp>,
    /// Time at which the status last changed.
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    #[serde(default, serialize_with = "seconds::option", skip_serializing_if = "Option::is_none")]
    pub last_transition_time: Option<Timestamp>,
}
