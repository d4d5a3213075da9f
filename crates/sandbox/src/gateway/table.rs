//! The routing table: what the live objects say, compiled. It is replaced whole when an object changes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::core::DynamicObject;

use super::filters::{BadFilter, Filters};
use super::matching::{BadMatch, Matcher, Rank};
use super::spec::{self, BackendRef, Spec};
use crate::cluster::Id;
use crate::duration;
use crate::services::{Backend, Services, choose, named, ports};

/// Where requests go.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<String, Vec<Entry>>,
    /// By the length of the suffix, such as `.example.com`, and the suffix: longest first.
    wildcard: BTreeMap<Reverse<(usize, String)>, Vec<Entry>>,
    /// Routes without hostnames: the last resort.
    any: Vec<Entry>,
    /// Routes that are attached to a Service.
    mesh: HashMap<Id, Vec<Entry>>,
    services: Services,
}

/// One match of one rule; a list of them is sorted so that the first that accepts is the one.
#[derive(Clone, Debug)]
struct Entry {
    rank: Rank,
    matcher: Arc<Matcher>,
    rule: Arc<Rule>,
}

/// What to do with a request.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) route: Id,
    pub(super) filters: Filters,
    pub(super) backends: Vec<Weighted>,
    pub(super) mirrors: Vec<Shadow>,
    pub(super) timeout: Option<Duration>,
}

/// A backend and its share; one that can't be resolved keeps its share, and fails it.
#[derive(Debug)]
pub(super) struct Weighted {
    pub(super) weight: u32,
    pub(super) backend: Result<Arc<Backend>, Unresolved>,
    pub(super) filters: Filters,
    pub(super) mirrors: Vec<Shadow>,
}

/// A backend that gets copies of a share of the requests.
#[derive(Debug)]
pub(super) struct Shadow {
    pub(super) backend: Arc<Backend>,
    pub(super) share: f64,
}

/// Why a backend reference leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unresolved {
    /// Not a Service.
    #[error("backendRefs.kind \"{0}\" is not supported, only Service is")]
    Kind(String),
    /// No such Service, or it has no such port.
    #[error("service \"{0}\" with port {1} not found")]
    NotFound(Id, u16),
    /// A Service needs a port.
    #[error("backendRefs.port of service \"{0}\" is missing")]
    NoPort(Id),
}

/// Why a route can't be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRoute {
    /// Not an HTTPRoute's fields.
    #[error("spec: {0}")]
    Spec(String),
    /// A match.
    #[error("spec.rules.{0}")]
    Match(BadMatch),
    /// A filter.
    #[error("spec.rules.{0}")]
    Filter(BadFilter),
    /// A timeout.
    #[error("spec.rules.timeouts.request \"{0}\" is not a duration")]
    Timeout(String),
}

/// What the table has for a request.
pub(super) enum Found<'a> {
    /// A rule, and the part of the path that it matched.
    Rule(&'a Arc<Rule>, &'a str),
    /// No route, but the host names a Service.
    Service(&'a Arc<Backend>),
    Nothing,
}

impl Table {
    /// Compiles the objects. A route that can't be served is left out; its status says why.
    pub(super) fn build(
        routes: &[Arc<DynamicObject>],
        services: &[Arc<Service>],
        slices: &[Arc<EndpointSlice>],
    ) -> Self {
        let mut table = Self { services: ports(services, slices), ..Self::default() };
        let mut oldest_first: Vec<&Arc<DynamicObject>> = routes.iter().collect();
        oldest_first
            .sort_by_key(|route| (route.creation_timestamp().map(|at| at.0), route.namespace(), route.name_any()));
        for route in oldest_first {
            if let Ok((spec, entries)) = table.compile(route) {
                table.attach(&route.namespace().unwrap_or_default(), &spec, &entries);
            }
        }
        table.sort();
        table
    }

    /// Enters a route for the Services and the hosts that it is for.
    fn attach(&mut self, namespace: &str, spec: &Spec, entries: &[Entry]) {
        let services = spec.parent_refs.iter().filter(|parent| parent.kind.as_deref() == Some("Service"));
        for parent in services.clone() {
            let service = Id::new(parent.namespace.as_deref().unwrap_or(namespace), &parent.name);
            self.mesh.entry(service).or_default().extend_from_slice(entries);
        }
        if !spec.parent_refs.is_empty() && services.count() == spec.parent_refs.len() {
            return;
        }
        if spec.hostnames.is_empty() {
            self.any.extend_from_slice(entries);
        }
        for hostname in &spec.hostnames {
            let hostname = hostname.to_ascii_lowercase();
            let of_host = match hostname.strip_prefix('*') {
                Some(suffix) => self.wildcard.entry(Reverse((suffix.len(), suffix.to_owned()))).or_default(),
                None => self.exact.entry(hostname).or_default(),
            };
            of_host.extend_from_slice(entries);
        }
    }

    /// The most specific first; of equals, the older route's and the earlier rule's.
    fn sort(&mut self) {
        let named = self.exact.values_mut().chain(self.wildcard.values_mut());
        for entries in named.chain(self.mesh.values_mut()).chain([&mut self.any]) {
            entries.sort_by_key(|entry| Reverse(entry.rank));
        }
    }

    /// Finds the rule for a request: by exact host, by wildcard, by the Service that the host names, by routes for any host.
    pub(super) fn find<'a>(&'a self, host: &str, port: Option<u16>, request: &Parts) -> Found<'a> {
        let under = |suffix: &str| host.strip_suffix(suffix).is_some_and(|label| !label.is_empty());
        let wildcard =
            || self.wildcard.iter().find(|(Reverse((_, suffix)), _)| under(suffix)).map(|(_, entries)| entries);
        let routed = self.exact.get(host).or_else(wildcard);
        if let Some(entries) = routed {
            return first(entries, request);
        }
        if let Some(service) = named(host)
            && let Some(ports) = self.services.get(&service)
        {
            return match self.mesh.get(&service) {
                Some(entries) => first(entries, request),
                None => choose(ports, port).map_or(Found::Nothing, Found::Service),
            };
        }
        first(&self.any, request)
    }

    /// Compiles one route against the Services that the table knows.
    fn compile(&self, route: &DynamicObject) -> Result<(Spec, Vec<Entry>), BadRoute> {
        let spec: Spec = match route.data.get("spec") {
            Some(spec) => serde_json::from_value(spec.clone()).map_err(|error| BadRoute::Spec(error.to_string()))?,
            None => Spec::default(),
        };
        let id = Id::of(&route.metadata);
        let mut entries = Vec::new();
        for written in &spec.rules {
            let rule = Arc::new(self.rule(&id, written)?);
            let everything = [spec::Match::default()];
            let matches = if written.matches.is_empty() { &everything[..] } else { &written.matches };
            for written in matches {
                let compiled = Matcher::compile(written).map_err(BadRoute::Match)?;
                entries.push(Entry { rank: compiled.rank(), matcher: Arc::new(compiled), rule: Arc::clone(&rule) });
            }
        }
        Ok((spec, entries))
    }

    /// Whether a route can be served, and the first of its backends that leads nowhere.
    pub(super) fn check(&self, route: &DynamicObject) -> Result<Option<Unresolved>, BadRoute> {
        let (_, entries) = self.compile(route)?;
        let mut backends = entries.iter().flat_map(|entry| &entry.rule.backends);
        Ok(backends.find_map(|weighted| weighted.backend.as_ref().err()).cloned())
    }

    fn rule(&self, route: &Id, written: &spec::Rule) -> Result<Rule, BadRoute> {
        let backend = |written: &BackendRef| {
            Ok(Weighted {
                weight: written.weight.unwrap_or(1),
                backend: self.backend(route, written),
                filters: Filters::compile(&written.filters).map_err(BadRoute::Filter)?,
                mirrors: self.mirrors(route, &written.filters),
            })
        };
        let timeout = match written.timeouts.request.as_deref() {
            Some(text) => Some(duration::parse(text).ok_or_else(|| BadRoute::Timeout(text.to_owned()))?),
            None => None,
        };
        Ok(Rule {
            route: route.clone(),
            filters: Filters::compile(&written.filters).map_err(BadRoute::Filter)?,
            backends: written.backend_refs.iter().map(backend).collect::<Result<_, _>>()?,
            mirrors: self.mirrors(route, &written.filters),
            timeout: timeout.filter(|timeout| !timeout.is_zero()),
        })
    }

    /// Looks a reference up. References into other namespaces need no grant here: there is nobody to protect.
    fn backend(&self, route: &Id, written: &BackendRef) -> Result<Arc<Backend>, Unresolved> {
        let kind = written.kind.as_deref().unwrap_or("Service");
        if kind != "Service" || written.group.as_deref().is_some_and(|group| !group.is_empty()) {
            return Err(Unresolved::Kind(kind.to_owned()));
        }
        let namespace = written.namespace.as_deref().unwrap_or(&route.namespace);
        let id = Id::new(namespace, &written.name);
        let Some(port) = written.port else { return Err(Unresolved::NoPort(id)) };
        let found = self.services.get(&id).and_then(|ports| ports.iter().find(|(number, _)| *number == port));
        found.map(|(_, backend)| Arc::clone(backend)).ok_or(Unresolved::NotFound(id, port))
    }

    fn mirrors(&self, route: &Id, filters: &[spec::Filter]) -> Vec<Shadow> {
        let mirrors =
            filters.iter().filter(|filter| filter.type_ == "RequestMirror").map(|filter| &filter.request_mirror);
        let shadow = |mirror: &spec::Mirror| {
            let fraction = mirror
                .fraction
                .as_ref()
                .map(|fraction| f64::from(fraction.numerator) / f64::from(fraction.denominator.unwrap_or(100).max(1)));
            let percent = mirror.percent.map(|percent| f64::from(percent) / 100.0);
            let share = fraction.or(percent).unwrap_or(1.0).clamp(0.0, 1.0);
            Some(Shadow { backend: self.backend(route, &mirror.backend_ref).ok()?, share })
        };
        mirrors.filter_map(shadow).collect()
    }
}

fn first<'a>(entries: &'a [Entry], request: &Parts) -> Found<'a> {
    let entry = entries.iter().find(|entry| entry.matcher.accepts(request));
    entry.map_or(Found::Nothing, |entry| Found::Rule(&entry.rule, entry.matcher.prefix()))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::*;

    fn route(name: &str, spec: &Value) -> Arc<DynamicObject> {
        let object = json!({"metadata": {"name": name, "namespace": "test"}, "spec": spec});
        Arc::new(serde_json::from_value(object).unwrap())
    }

    fn to(service: &str) -> Value {
        json!([{"backendRefs": [{"name": service, "port": 80}]}])
    }

    fn services() -> Vec<Arc<Service>> {
        let service = |name: &str| {
            let object = json!({"metadata": {"name": name, "namespace": "test"}, "spec": {"ports": [{"name": "http", "port": 80}]}});
            Arc::new(serde_json::from_value(object).unwrap())
        };
        ["podinfo", "podinfo-canary"].map(service).to_vec()
    }

    fn slice() -> Arc<EndpointSlice> {
        let object = json!({
            "metadata": {"name": "podinfo-0", "namespace": "test", "labels": {"kubernetes.io/service-name": "podinfo"}},
            "addressType": "IPv4",
            "ports": [{"name": "http", "port": 9898}],
            "endpoints": [
                {"addresses": ["10.244.0.2"], "conditions": {"ready": true}},
                {"addresses": ["10.244.0.3"], "conditions": {"ready": false}},
            ],
        });
        Arc::new(serde_json::from_value(object).unwrap())
    }

    /// Where a request goes: the route's name, the Service's name, or nowhere.
    fn find(table: &Table, host: &str, path: &str) -> String {
        let request = Request::get(path).body(()).unwrap().into_parts().0;
        match table.find(host, None, &request) {
            Found::Rule(rule, _) => format!("route {}", rule.route.name),
            Found::Service(backend) => format!("service {} at {:?}", backend.service.name, backend.endpoints),
            Found::Nothing => "nowhere".into(),
        }
    }

    #[test]
    fn the_most_specific_host_decides_then_the_most_specific_match() {
        let routes = [
            route("any", &json!({"rules": to("podinfo")})),
            route("wild", &json!({"hostnames": ["*.example.com"], "rules": to("podinfo")})),
            route("exact", &json!({"hostnames": ["app.example.com"], "rules": to("podinfo")})),
            route(
                "path",
                &json!({"hostnames": ["app.example.com"], "rules": [
                {"matches": [{"path": {"value": "/api"}}], "backendRefs": [{"name": "podinfo", "port": 80}]}]}),
            ),
        ];
        let table = Table::build(&routes, &services(), &[slice()]);
        for (host, path, expected) in [
            ("app.example.com", "/", "route exact"),
            ("app.example.com", "/api/x", "route path"),
            ("b.example.com", "/", "route wild"),
            ("example.com", "/", "route any"),
            ("podinfo.test", "/", "service podinfo at [(10.244.0.2, 9898)]"),
            ("podinfo.test.svc.cluster.local", "/", "service podinfo at [(10.244.0.2, 9898)]"),
            ("podinfo-canary.test.svc", "/", "service podinfo-canary at []"),
        ] {
            assert_eq!(find(&table, host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn a_route_attached_to_a_service_takes_the_requests_for_its_name() {
        let spec =
            json!({"parentRefs": [{"group": "", "kind": "Service", "name": "podinfo"}], "rules": to("podinfo-canary")});
        let table = Table::build(&[route("mesh", &spec)], &services(), &[slice()]);
        assert_eq!(find(&table, "podinfo.test", "/"), "route mesh");
        assert_eq!(find(&table, "elsewhere.com", "/"), "nowhere");
    }

    #[test]
    fn a_backend_that_is_not_there_keeps_its_share() {
        let rules = json!([{"backendRefs": [{"name": "gone", "port": 80, "weight": 30}, {"name": "podinfo", "port": 80, "weight": 70}]}]);
        let table = Table::build(&[], &services(), &[]);
        let (_, entries) = table.compile(&route("a", &json!({"rules": rules}))).unwrap();
        let backends = &entries[0].rule.backends;
        assert_eq!((backends[0].weight, backends[1].weight), (30, 70));
        assert_eq!(backends[0].backend.as_ref().unwrap_err(), &Unresolved::NotFound(Id::new("test", "gone"), 80));
    }
}
