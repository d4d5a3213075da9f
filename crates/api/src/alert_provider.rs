//! The AlertProvider: a chat that alerts go to.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use crate::SecretRef;
#[cfg(feature = "schema")]
use crate::schema;

/// A chat that alerts go to.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = schema::one_required_of(&[&["type", "address"], &["type", "secretRef"]]))))]
#[kube(
    group = "flagger.app",
    version = "v1beta1",
    kind = "AlertProvider",
    doc = "A chat that alerts go to.",
    plural = "alertproviders",
    namespaced,
    derive = "Default",
    derive = "PartialEq",
    schema = "disabled",
    category = "all",
    annotation("helm.sh/resource-policy", "keep"),
    printcolumn = r#"{"name": "Type", "type": "string", "jsonPath": ".spec.type"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct AlertProviderSpec {
    /// Which chat it is.
    #[serde(rename = "type")]
    pub type_: AlertProviderType,
    /// URL that alerts are posted to, unless a secret holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Secret with the URL under the key address, and optionally a bot token under token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Channel that alerts go to, general when absent (Slack, Rocket.Chat).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Name of the sender, flagger when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// URL of the HTTP proxy on the way to the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

/// Which chat it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AlertProviderType {
    /// Slack, by webhook or by bot token.
    #[default]
    Slack,
    /// Microsoft Teams.
    Msteams,
    /// Discord.
    Discord,
    /// Rocket.Chat.
    Rocket,
    /// Google Chat.
    Gchat,
}

impl AlertProviderType {
    /// The type as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Msteams => "msteams",
            Self::Discord => "discord",
            Self::Rocket => "rocket",
            Self::Gchat => "gchat",
        }
    }
}
