//! Who is told about a release.

use serde::{Deserialize, Serialize};

use crate::NameRef;
#[cfg(feature = "schema")]
use crate::schema;

/// One receiver of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CanaryAlert {
    /// What messages call the receiver.
    pub name: String,
    /// Least severity that is sent, info when absent.
    #[serde(default, skip_serializing_if = "Severity::is_default")]
    pub severity: Severity,
    /// The AlertProvider that alerts go to.
    pub provider_ref: NameRef,
}

/// How grave an alert is; a receiver gets those of its own severity and of graver ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transform = schema::or_empty))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The course of things; what an absent or empty severity means.
    #[default]
    #[serde(alias = "")]
    Info,
    /// Something needs attention, such as a gate that waits for approval.
    Warn,
    /// A release failed.
    Error,
}

impl Severity {
    /// The severity as users write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}
