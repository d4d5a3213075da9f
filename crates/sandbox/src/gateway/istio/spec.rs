//! The fields of a `VirtualService` and of a `DestinationRule`, as far as the gateway acts on them.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `spec` of a `VirtualService`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct VirtualService {
    pub(super) hosts: Vec<String>,
    pub(super) gateways: Vec<String>,
    pub(super) http: Vec<Route>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Route {
    #[serde(rename = "match")]
    pub(super) matches: Vec<Match>,
    #[serde(rename = "route")]
    pub(super) destinations: Vec<Weighted>,
    pub(super) redirect: Option<Redirect>,
    pub(super) direct_response: Option<DirectResponse>,
    pub(super) fault: Fault,
    pub(super) delegate: Option<Delegate>,
    pub(super) rewrite: Rewrite,
    pub(super) timeout: Option<String>,
    pub(super) retries: Option<Retries>,
    pub(super) mirror: Option<Destination>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) mirror_percentage: Option<Percent>,
    pub(super) cors_policy: Option<Cors>,
    pub(super) headers: Headers,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Match {
    pub(super) uri: Option<StringMatch>,
    pub(super) scheme: Option<StringMatch>,
    pub(super) method: Option<StringMatch>,
    pub(super) authority: Option<StringMatch>,
    pub(super) headers: BTreeMap<String, StringMatch>,
    pub(super) without_headers: BTreeMap<String, StringMatch>,
    pub(super) query_params: BTreeMap<String, StringMatch>,
    pub(super) port: Option<u16>,
    pub(super) source_labels: BTreeMap<String, String>,
    pub(super) source_namespace: Option<String>,
    pub(super) gateways: Vec<String>,
    pub(super) ignore_uri_case: bool,
}

/// One of them; none asks for presence alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StringMatch {
    pub(super) exact: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) regex: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Weighted {
    pub(super) destination: Destination,
    pub(super) weight: u32,
    pub(super) headers: Headers,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Destination {
    pub(super) host: String,
    pub(super) subset: Option<String>,
    pub(super) port: Option<Port>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Port {
    pub(super) number: u16,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delegate {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Redirect {
    pub(super) uri: Option<String>,
    pub(super) authority: Option<String>,
    pub(super) scheme: Option<String>,
    pub(super) port: Option<u16>,
    #[serde(rename = "redirectCode")]
    pub(super) status: Option<u16>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DirectResponse {
    pub(super) status: u16,
    pub(super) body: DirectBody,
}

/// One of them; none is an empty one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DirectBody {
    pub(super) string: Option<String>,
    /// In base64.
    pub(super) bytes: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fault {
    pub(super) delay: Option<Delay>,
    pub(super) abort: Option<Abort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delay {
    #[serde(rename = "fixedDelay")]
    pub(super) fixed: String,
    pub(super) percentage: Option<Percent>,
    /// The older form of `percentage`.
    pub(super) percent: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Abort {
    pub(super) http_status: Option<u16>,
    pub(super) percentage: Option<Percent>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Rewrite {
    pub(super) uri: Option<String>,
    pub(super) authority: Option<String>,
    #[serde(rename = "uriRegexRewrite")]
    pub(super) regex: Option<RegexRewrite>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RegexRewrite {
    #[serde(rename = "match")]
    pub(super) pattern: String,
    pub(super) rewrite: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Retries {
    pub(super) attempts: u32,
    pub(super) per_try_timeout: Option<String>,
    pub(super) retry_on: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Mirror {
    pub(super) destination: Destination,
    pub(super) percentage: Option<Percent>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Percent {
    pub(super) value: f64,
}

impl Percent {
    /// From 0 to 1.
    pub(super) fn share(self) -> f64 {
        (self.value / 100.0).clamp(0.0, 1.0)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Cors {
    /// The older form, of exact origins.
    pub(super) allow_origin: Vec<String>,
    pub(super) allow_origins: Vec<StringMatch>,
    pub(super) allow_methods: Vec<String>,
    pub(super) allow_headers: Vec<String>,
    pub(super) expose_headers: Vec<String>,
    pub(super) max_age: Option<String>,
    pub(super) allow_credentials: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    pub(super) request: HeaderOperations,
    pub(super) response: HeaderOperations,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct HeaderOperations {
    pub(super) set: BTreeMap<String, String>,
    pub(super) add: BTreeMap<String, String>,
    pub(super) remove: Vec<String>,
}

/// `spec` of a `DestinationRule`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DestinationRule {
    pub(super) host: String,
    pub(super) subsets: Vec<Subset>,
    pub(super) traffic_policy: TrafficPolicy,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subset {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TrafficPolicy {
    pub(super) outlier_detection: Option<OutlierDetection>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OutlierDetection {
    /// The older name of `consecutive5xxErrors`.
    pub(super) consecutive_errors: Option<u32>,
    #[serde(rename = "consecutive5xxErrors")]
    pub(super) consecutive_5xx_errors: Option<u32>,
    pub(super) consecutive_gateway_errors: Option<u32>,
    pub(super) base_ejection_time: Option<String>,
    pub(super) max_ejection_percent: Option<u8>,
}
