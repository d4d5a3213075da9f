//! The part of an `HTTPRoute` that is ours, with the API's defaults, so that what was written equals what comes back whether
//! or not the API server filled something in. What we don't know stays in `rest`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Fields that are not ours.
type Rest = Map<String, Value>;

/// `spec` of an `HTTPRoute`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parent_refs: Vec<ParentRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hostnames: Vec<String>,
    pub(super) rules: Vec<Rule>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

impl Spec {
    /// The same with everything whose order has no meaning in one order.
    pub(super) fn sorted(mut self) -> Self {
        for rule in &mut self.rules {
            for conditions in &mut rule.matches {
                conditions.headers.sort();
                conditions.query_params.sort();
            }
            let of_backends = rule.backend_refs.iter_mut().flat_map(|backend| &mut backend.filters);
            for filter in rule.filters.iter_mut().chain(of_backends) {
                let modifiers = [&mut filter.request_header_modifier, &mut filter.response_header_modifier];
                for modifier in modifiers.into_iter().flatten() {
                    modifier.add.sort();
                    modifier.set.sort();
                }
            }
        }
        self
    }
}

/// A gateway, or a Service in a mesh, that the route is attached to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParentRef {
    #[serde(default = "gateway_group")]
    pub(super) group: String,
    #[serde(default = "gateway_kind")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) section_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<i32>,
}

pub(super) fn gateway_group() -> String {
    "gateway.networking.k8s.io".to_owned()
}

pub(super) fn gateway_kind() -> String {
    "Gateway".to_owned()
}

/// Which requests go where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(default = "every_request")]
    pub(super) matches: Vec<Match>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) filters: Vec<Filter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) backend_refs: Vec<Backend>,
    #[serde(default, skip_serializing_if = "Timeouts::is_empty")]
    pub(super) timeouts: Timeouts,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

pub(super) fn every_request() -> Vec<Match> {
    vec![Match::default()]
}

/// Conditions on a request, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Match {
    pub(super) path: PathMatch,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) headers: Vec<ValueMatch>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) query_params: Vec<ValueMatch>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PathMatch {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: String,
}

impl Default for PathMatch {
    fn default() -> Self {
        Self { kind: "PathPrefix".to_owned(), value: "/".to_owned() }
    }
}

/// A condition on a header or a query parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ValueMatch {
    pub(super) name: String,
    #[serde(rename = "type", default = "exact")]
    pub(super) kind: String,
    pub(super) value: String,
}

pub(super) fn exact() -> String {
    "Exact".to_owned()
}

/// What happens to a request on its way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_header_modifier: Option<HeaderModifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_header_modifier: Option<HeaderModifier>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url_rewrite: Option<UrlRewrite>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_mirror: Option<RequestMirror>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cors: Option<Cors>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct HeaderModifier {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) add: Vec<Header>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) set: Vec<Header>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) remove: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct UrlRewrite {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<PathRewrite>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum PathRewrite {
    #[serde(rename_all = "camelCase")]
    ReplacePrefixMatch { replace_prefix_match: String },
    #[serde(rename_all = "camelCase")]
    ReplaceFullPath { replace_full_path: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestMirror {
    pub(super) backend_ref: MirrorRef,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

/// A backend without a weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MirrorRef {
    #[serde(default)]
    pub(super) group: String,
    #[serde(default = "service")]
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<i32>,
}

pub(super) fn service() -> String {
    "Service".to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Cors {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allow_origins: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) allow_credentials: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allow_methods: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) allow_headers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) expose_headers: Vec<String>,
    /// Seconds.
    pub(super) max_age: i64,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            allow_origins: Vec::new(),
            allow_credentials: false,
            allow_methods: Vec::new(),
            allow_headers: Vec::new(),
            expose_headers: Vec::new(),
            max_age: 5,
        }
    }
}

/// A Service and its share of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Backend {
    #[serde(default)]
    pub(super) group: String,
    #[serde(default = "service")]
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<i32>,
    #[serde(default = "one")]
    pub(super) weight: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) filters: Vec<Filter>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

fn one() -> i32 {
    1
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Timeouts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backend_request: Option<String>,
}

impl Timeouts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
