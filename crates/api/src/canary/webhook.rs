//! Calls to the user's own services in the course of a release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::number;
#[cfg(feature = "schema")]
use crate::schema;

/// One webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CanaryWebhook {
    /// What messages call the webhook.
    pub name: String,
    /// When it is called and what a failure means, rollout when absent.
    #[serde(rename = "type", default, skip_serializing_if = "HookType::is_default")]
    pub type_: HookType,
    /// URL that is posted to.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "url")))]
    pub url: String,
    /// Time that each attempt may take, 10s when absent.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = schema::INTERVAL)))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Further attempts after a failed one.
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    #[serde(default, deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub retries: i32,
    /// Sent along as metadata.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Send no alert while this gate is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mute_alert: bool,
    /// Trust whatever certificate the server shows.
    #[serde(rename = "disableTLS", default, skip_serializing_if = "std::ops::Not::not")]
    pub disable_tls: bool,
}

/// When a webhook is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = schema::or_empty))]
#[serde(rename_all = "kebab-case")]
pub enum HookType {
    /// A gate before a new revision is started.
    ConfirmRollout,
    /// A check before traffic reaches the canary.
    PreRollout,
    /// A check at every step of the analysis; what an absent or empty type means.
    #[default]
    #[serde(alias = "")]
    Rollout,
    /// A gate before each increase of the canary's share.
    ConfirmTrafficIncrease,
    /// A gate before promotion.
    ConfirmPromotion,
    /// A call after the release, whichever way it ended.
    PostRollout,
    /// A request for rolling back, heard while a release is under way.
    Rollback,
    /// A copy of every event of the canary.
    Event,
}

impl HookType {
    /// The type as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfirmRollout => "confirm-rollout",
            Self::PreRollout => "pre-rollout",
            Self::Rollout => "rollout",
            Self::ConfirmTrafficIncrease => "confirm-traffic-increase",
            Self::ConfirmPromotion => "confirm-promotion",
            Self::PostRollout => "post-rollout",
            Self::Rollback => "rollback",
            Self::Event => "event",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for HookType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
