//! Keeping a user on the side that answered first.

use serde::{Deserialize, Serialize};

use crate::number;

/// The cookies that pin users to a side, and their attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionAffinity {
    /// Name of the cookie that pins to the canary.
    pub cookie_name: String,
    /// Name of the cookie that pins to the primary for the length of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_cookie_name: Option<String>,
    /// Lifetime of the cookies in seconds.
    #[cfg_attr(feature = "schema", schemars(with = "f64", extend("x-default" = 86_400)))]
    #[serde(default, deserialize_with = "number::plain", skip_serializing_if = "number::is_zero")]
    pub max_age: i32,
    /// Host that browsers send the cookies to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Path that browsers send the cookies for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Hide the cookies from scripts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http_only: bool,
    /// Send the cookies over HTTPS only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure: bool,
    /// Keep the cookies apart for each site that embeds this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partitioned: bool,
    /// Whether the cookies are sent with requests from other sites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
}

/// The `SameSite` attribute of a cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SameSite {
    /// Requests from the same site only.
    Strict,
    /// Also when the user follows a link from another site.
    Lax,
    /// All requests.
    None,
}

impl SameSite {
    /// The attribute's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}
