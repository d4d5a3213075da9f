//! The part of a `VirtualService` that is ours. Istio's API server has no defaults, so that what is written comes back as it
//! is; what users write in a canary is in Istio's own words and passed on as JSON. What we don't know stays in `rest`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Fields that are not ours.
type Rest = Map<String, Value>;

/// `spec` of a `VirtualService`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    /// Written also when there are none, by which Istio tells a route that others delegate to.
    pub(super) hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gateways: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) http: Vec<HttpRule>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tcp: Vec<TcpRule>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

impl Spec {
    /// Where requests and connections go, rule by rule.
    pub(super) fn routes(&self) -> impl DoubleEndedIterator<Item = Route<'_>> {
        let http = self.http.iter().map(|rule| Route(&rule.route));
        http.chain(self.tcp.iter().map(|rule| Route(&rule.route)))
    }

    /// Whether anything is sent to one of these hosts, copies included.
    pub(super) fn leads_to(&self, hosts: &[String]) -> bool {
        let mirrors = |rule: &HttpRule| hosts.iter().any(|host| rule.mirrors_to(host));
        self.routes().any(|route| route.leads_to(hosts)) || self.http.iter().any(mirrors)
    }

    /// Takes over from the live route what is not ours: beside the rules, and in those rules that lead to our sides already.
    pub(super) fn with_unknown_of(mut self, live: &Self, sides: &[String]) -> Self {
        self.rest.clone_from(&live.rest);
        // The rule that shares by weight is the last one, whatever comes before it.
        for (rule, live) in self.http.iter_mut().rev().zip(live.http.iter().rev()) {
            if Route(&live.route).leads_to(sides) {
                rule.rest.clone_from(&live.rest);
                keep_unknown(&mut rule.route, &live.route);
            }
        }
        for (rule, live) in self.tcp.iter_mut().rev().zip(live.tcp.iter().rev()) {
            if Route(&live.route).leads_to(sides) {
                rule.rest.clone_from(&live.rest);
                keep_unknown(&mut rule.route, &live.route);
            }
        }
        self
    }
}

fn keep_unknown(route: &mut [Share], live: &[Share]) {
    for side in route {
        if let Some(live) = live.iter().find(|live| live.destination.host == side.destination.host) {
            side.rest.clone_from(&live.rest);
        }
    }
}

/// Which requests go where, and what happens to them on the way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HttpRule {
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub(super) matches: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rewrite: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retries: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cors_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mirror: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mirror_percentage: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) route: Vec<Share>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

impl HttpRule {
    /// Whether the host gets copies of the requests.
    pub(super) fn mirrors_to(&self, host: &str) -> bool {
        self.mirror.as_ref().and_then(|mirror| mirror.get("host")).is_some_and(|mirror| mirror == host)
    }
}

/// Which connections go where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct TcpRule {
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub(super) matches: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) route: Vec<Share>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

/// What a host gets of a rule's requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Share {
    pub(super) destination: Destination,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) weight: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

/// Who gets a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Destination {
    pub(super) host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<Value>,
    #[serde(flatten)]
    pub(super) rest: Rest,
}

/// The destinations of one rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a>(&'a [Share]);

impl Route<'_> {
    /// The weight of a host, `None` when the rule does not lead to it. Without a weight it gets nothing beside another one.
    pub(super) fn weight_of(self, host: &str) -> Option<i64> {
        let found = self.0.iter().find(|side| side.destination.host == host)?;
        Some(found.weight.unwrap_or(0).max(0))
    }

    fn leads_to(self, hosts: &[String]) -> bool {
        self.0.iter().any(|side| hosts.contains(&side.destination.host))
    }
}
