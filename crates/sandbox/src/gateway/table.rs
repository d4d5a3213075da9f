//! The routing table: what the live objects say, compiled. It is replaced whole when an object changes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::Ingress;
use kube::core::DynamicObject;
use kube::{Resource, ResourceExt};

use super::complaints::Complaint;
use super::matching::{Asked, Matcher};
use super::outliers::Detection;
use super::peers::Peers;
use super::rule::Rule;
use super::{gatewayapi, ingress, istio};
use crate::cluster::Id;
use crate::services::{Backend, Services, choose, named, ports};

/// The objects that a table is made of.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) routes: Vec<Arc<DynamicObject>>,
    pub(super) virtual_services: Vec<Arc<DynamicObject>>,
    pub(super) destination_rules: Vec<Arc<DynamicObject>>,
    pub(super) ingresses: Vec<Arc<Ingress>>,
    pub(super) services: Vec<Arc<Service>>,
    pub(super) slices: Vec<Arc<EndpointSlice>>,
    pub(super) pods: Vec<Arc<Pod>>,
}

/// Where requests go.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<String, Vec<Entry>>,
    /// By the length of the suffix, such as `.example.com`, and the suffix: longest first.
    wildcard: BTreeMap<Reverse<(usize, String)>, Vec<Entry>>,
    /// For any host: the last resort.
    any: Vec<Entry>,
    /// For the names of Services.
    mesh: HashMap<Id, Vec<Entry>>,
    services: Services,
    peers: Peers,
    detections: HashMap<Id, Detection>,
    has_sidecars: bool,
    complaints: Vec<Complaint>,
}

/// One match of one rule; a list of them is sorted so that the first that accepts is the one.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) rank: Rank,
    pub(super) matcher: Arc<Matcher>,
    pub(super) rule: Arc<Rule>,
}

/// Which entry is asked first; those of one rank in the order that they were entered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The most specific match first.
    HttpRoute(Reverse<gatewayapi::Specificity>),
    /// In the order that they are written in.
    VirtualService,
    /// The exact path first, then the longest.
    Ingress(Reverse<(bool, usize)>),
}

/// Whose requests an entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Those for a host, which may begin with `*`; an empty one, and `*` itself, is any.
    Host(String),
    /// Those for the name of a Service.
    Service(Id),
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
    /// Compiles the objects. One that can't be served is left out and complained about; a route's status says why.
    pub(super) fn build(objects: &Objects) -> Self {
        let mut table = Self {
            services: ports(&objects.services, &objects.slices),
            peers: Peers::of(&objects.pods),
            has_sidecars: !(objects.virtual_services.is_empty() && objects.destination_rules.is_empty()),
            detections: istio::detections(&objects.destination_rules),
            ..Self::default()
        };
        let mut all = gatewayapi::entries(&oldest_first(&objects.routes), &table.services);
        let subsets = istio::Subsets::of(&objects.destination_rules);
        let known = istio::Known { services: &table.services, peers: &table.peers, subsets: &subsets };
        all.extend(istio::entries(&oldest_first(&objects.virtual_services), &known, &mut table.complaints));
        all.extend(ingress::entries(&oldest_first(&objects.ingresses), &table.services, &mut table.complaints));
        for (audience, entries) in all {
            table.enter(audience, entries);
        }
        table.sort();
        table
    }

    fn enter(&mut self, audience: Audience, entries: Vec<Entry>) {
        let place = match audience {
            Audience::Service(service) => self.mesh.entry(service).or_default(),
            Audience::Host(host) => match host.to_ascii_lowercase() {
                host if host.is_empty() || host == "*" => &mut self.any,
                host => match host.strip_prefix('*') {
                    Some(suffix) => self.wildcard.entry(Reverse((suffix.len(), suffix.to_owned()))).or_default(),
                    None => self.exact.entry(host).or_default(),
                },
            },
        };
        place.extend(entries);
    }

    fn sort(&mut self) {
        let hosts = self.exact.values_mut().chain(self.wildcard.values_mut());
        for entries in hosts.chain(self.mesh.values_mut()).chain([&mut self.any]) {
            entries.sort_by_key(|entry| entry.rank);
        }
    }

    /// Finds the rule for a request: by exact host, by wildcard, by the Service that the host names, by routes for any host.
    pub(super) fn find<'a>(&'a self, asked: &Asked<'_>) -> Found<'a> {
        let host = asked.host;
        let under = |suffix: &str| host.strip_suffix(suffix).is_some_and(|label| !label.is_empty());
        let wildcard =
            || self.wildcard.iter().find(|(Reverse((_, suffix)), _)| under(suffix)).map(|(_, entries)| entries);
        let routed = self.exact.get(host).or_else(wildcard);
        if let Some(entries) = routed {
            return first(entries, asked);
        }
        if let Some(service) = named(host)
            && let Some(ports) = self.services.get(&service)
        {
            return match self.mesh.get(&service) {
                Some(entries) => first(entries, asked),
                None => choose(ports, asked.port).map_or(Found::Nothing, Found::Service),
            };
        }
        // Whoever asks a proxy for a Service that is not there means no route of somebody else's.
        if asked.is_proxied && named(host).is_some() { Found::Nothing } else { first(&self.any, asked) }
    }

    pub(super) fn peers(&self) -> &Peers {
        &self.peers
    }

    pub(super) fn complaints(&self) -> &[Complaint] {
        &self.complaints
    }

    /// When endpoints of a Service are left alone.
    pub(super) fn detection(&self, service: &Id) -> Option<&Detection> {
        self.detections.get(service)
    }

    /// Whether pods have sidecars that count: as soon as there is an object of Istio's that tells them something.
    pub(super) fn has_sidecars(&self) -> bool {
        self.has_sidecars
    }
}

/// The older object wins where two say something about the same.
fn oldest_first<K: Resource>(objects: &[Arc<K>]) -> Vec<&Arc<K>> {
    let mut sorted: Vec<&Arc<K>> = objects.iter().collect();
    sorted.sort_by_key(|object| (object.creation_timestamp().map(|at| at.0), object.namespace(), object.name_any()));
    sorted
}

fn first<'a>(entries: &'a [Entry], asked: &Asked<'_>) -> Found<'a> {
    let entry = entries.iter().find(|entry| entry.matcher.accepts(asked));
    entry.map_or(Found::Nothing, |entry| Found::Rule(&entry.rule, entry.matcher.prefix()))
}

#[cfg(test)]
pub(super) mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::*;

    /// An object of any kind in the namespace `test`.
    pub(in crate::gateway) fn object<K: serde::de::DeserializeOwned>(name: &str, spec: &Value) -> Arc<K> {
        let object = json!({"metadata": {"name": name, "namespace": "test"}, "spec": spec});
        Arc::new(serde_json::from_value(object).unwrap())
    }

    /// `podinfo`, `podinfo-primary` and `podinfo-canary` with port 80, and a ready endpoint of each but the canary.
    pub(in crate::gateway) fn cluster() -> Objects {
        let service = |name: &str| object(name, &json!({"ports": [{"name": "http", "port": 80}]}));
        let slice = |name: &str, last: u8| {
            let object = json!({
                "metadata": {"name": format!("{name}-0"), "namespace": "test", "labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4",
                "ports": [{"name": "http", "port": 9898}],
                "endpoints": [
                    {"addresses": [format!("10.244.0.{last}")], "conditions": {"ready": true}},
                    {"addresses": ["10.244.0.9"], "conditions": {"ready": false}},
                ],
            });
            Arc::new(serde_json::from_value(object).unwrap())
        };
        Objects {
            services: ["podinfo", "podinfo-primary", "podinfo-canary"].map(service).to_vec(),
            slices: vec![slice("podinfo", 2), slice("podinfo-primary", 3)],
            ..Objects::default()
        }
    }

    /// Where a request goes: the object's name and the backends with their weights, the Service's name, or nowhere.
    pub(in crate::gateway) fn find(table: &Table, host: &str, request: http::request::Builder) -> String {
        let parts = request.body(()).unwrap().into_parts().0;
        let asked = Asked { parts: &parts, host, port: None, is_proxied: false, source: None };
        match table.find(&asked) {
            Found::Rule(rule, _) => {
                let backend = |weighted: &super::super::rule::Weighted| match &weighted.backend {
                    Ok(backend) => format!(" {}:{}", backend.service.name, weighted.weight),
                    Err(error) => format!(" ({error}):{}", weighted.weight),
                };
                let backends: String = rule.backends.iter().map(backend).collect();
                format!("{}{backends}", rule.origin.id().name)
            }
            Found::Service(backend) => format!("service {} at {:?}", backend.service.name, backend.endpoints),
            Found::Nothing => "nowhere".into(),
        }
    }

    #[test]
    fn the_most_specific_host_decides_then_the_most_specific_match() {
        let to = json!([{"backendRefs": [{"name": "podinfo", "port": 80}]}]);
        let mut objects = cluster();
        objects.routes = vec![
            object("any", &json!({"rules": to})),
            object("wild", &json!({"hostnames": ["*.example.com"], "rules": to})),
            object("exact", &json!({"hostnames": ["app.example.com"], "rules": to})),
            object(
                "path",
                &json!({"hostnames": ["app.example.com"], "rules": [
                {"matches": [{"path": {"value": "/api"}}], "backendRefs": [{"name": "podinfo", "port": 80}]}]}),
            ),
        ];
        let table = Table::build(&objects);
        for (host, path, expected) in [
            ("app.example.com", "/", "exact podinfo:1"),
            ("app.example.com", "/api/x", "path podinfo:1"),
            ("b.example.com", "/", "wild podinfo:1"),
            ("example.com", "/", "any podinfo:1"),
            ("podinfo.test", "/", "service podinfo at [(10.244.0.2, 9898)]"),
            ("podinfo.test.svc.cluster.local", "/", "service podinfo at [(10.244.0.2, 9898)]"),
            ("podinfo-canary.test.svc", "/", "service podinfo-canary at []"),
        ] {
            assert_eq!(find(&table, host, Request::get(path)), expected, "{host}{path}");
        }
    }
}
