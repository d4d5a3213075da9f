//! Ingresses as entries of the routing table: each path a location, each canary beside the location of the same host and path.

use std::cmp::Reverse;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressBackend};
use kube::ResourceExt;

use super::super::complaints::Complaint;
use super::super::faults::Faults;
use super::super::filters::Filters;
use super::super::matching::{Condition, Matcher, Path};
use super::super::rule::{Origin, Rule, Unresolved, Weighted};
use super::super::table::{Audience, Entry, Rank};
use super::canary::{Alternative, Policy};
use crate::cluster::Id;
use crate::services::{Backend, Services};

/// The class that is served.
const CLASS: &str = "nginx";
/// How the class was written before it was a field.
const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Location {
    pub(in crate::gateway) ingress: Id,
    pub(in crate::gateway) service: String,
    /// `_` stands for any.
    pub(in crate::gateway) host: String,
    pub(in crate::gateway) path: String,
}

/// One path of one host.
struct Place<'a> {
    host: &'a str,
    path: &'a str,
    kind: &'a str,
    backend: &'a IngressBackend,
}

/// The entries of all Ingresses that are served.
pub(in crate::gateway) fn entries(
    ingresses: &[&Arc<Ingress>],
    services: &Services,
    complaints: &mut Vec<Complaint>,
) -> Vec<(Audience, Vec<Entry>)> {
    let mut mains = Vec::new();
    let mut canaries = Vec::new();
    for ingress in ingresses.iter().filter(|ingress| is_served(ingress)) {
        match Policy::read(ingress.annotations()) {
            Ok(None) => mains.push(ingress),
            Ok(Some(policy)) => canaries.push((ingress, policy)),
            Err(error) => {
                let why = format!("metadata.annotations: {error}");
                complaints.push(Complaint::of("networking.k8s.io/v1", "Ingress", &ingress.metadata, &why));
            }
        }
    }
    let mut all: Vec<(Audience, Vec<Entry>)> = Vec::new();
    for ingress in mains {
        for place in places(ingress) {
            let beside = canaries.iter().find_map(|(canary, policy)| alternative(canary, policy, &place, services));
            all.push((Audience::Host(place.host.to_owned()), vec![entry(ingress, &place, beside, services)]));
        }
    }
    all
}

/// Whether it is this controller's; one without a class is everybody's.
fn is_served(ingress: &Ingress) -> bool {
    let class = ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_ref());
    let class = class.or_else(|| ingress.annotations().get(CLASS_ANNOTATION));
    class.is_none_or(|class| class == CLASS)
}

/// All places of an Ingress; its default backend has any path of any host.
fn places(ingress: &Ingress) -> Vec<Place<'_>> {
    let Some(spec) = &ingress.spec else { return Vec::new() };
    let rules = spec.rules.iter().flatten().flat_map(|rule| {
        let host = rule.host.as_deref().unwrap_or_default();
        let paths = rule.http.iter().flat_map(|http| &http.paths);
        paths.map(move |path| Place { host, path: written(path), kind: &path.path_type, backend: &path.backend })
    });
    let fallback = spec.default_backend.iter();
    let fallback = fallback.map(|backend| Place { host: "", path: "/", kind: "Prefix", backend });
    rules.chain(fallback).collect()
}

fn written(path: &HTTPIngressPath) -> &str {
    path.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/")
}

/// The backend of a canary for a place of another Ingress.
fn alternative(canary: &Ingress, policy: &Policy, place: &Place<'_>, services: &Services) -> Option<Alternative> {
    let same = |other: &Place<'_>| other.host == place.host && other.path == place.path && other.kind == place.kind;
    let beside = places(canary).into_iter().find(same)?;
    let namespace = canary.namespace().unwrap_or_default();
    let backend = resolve(&namespace, beside.backend, services).ok()?;
    let port = port(beside.backend).unwrap_or_default();
    let name = format!("{namespace}-{}-{port}", backend.service.name);
    Some(Alternative { backend, name, policy: policy.clone() })
}

fn entry(ingress: &Ingress, place: &Place<'_>, alternative: Option<Alternative>, services: &Services) -> Entry {
    let id = Id::of(&ingress.metadata);
    let service = place.backend.service.as_ref();
    let location = Location {
        service: service.map(|service| service.name.clone()).unwrap_or_default(),
        host: if place.host.is_empty() { "_".to_owned() } else { place.host.to_owned() },
        path: place.path.to_owned(),
        ingress: id.clone(),
    };
    let backend = Weighted {
        weight: 100,
        backend: resolve(&id.namespace, place.backend, services),
        filters: Filters::default(),
        mirrors: Vec::new(),
    };
    let rule = Rule {
        origin: Origin::Ingress(Arc::new(location)),
        filters: Filters::default(),
        cors: None,
        faults: Faults::default(),
        backends: vec![backend],
        alternative,
        mirrors: Vec::new(),
        timeout: None,
        retries: None,
    };
    let path = match place.kind {
        "Exact" => Path::Exact(place.path.to_owned()),
        "Prefix" => Path::Elements(place.path.trim_end_matches('/').to_owned()),
        _ => Path::Start(place.path.to_owned()),
    };
    let rank = Rank::Ingress(Reverse((place.kind == "Exact", place.path.len())));
    Entry { rank, matcher: Arc::new(Matcher { conditions: vec![Condition::Path(path)] }), rule: Arc::new(rule) }
}

fn resolve(namespace: &str, backend: &IngressBackend, services: &Services) -> Result<Arc<Backend>, Unresolved> {
    let Some(written) = &backend.service else { return Err(Unresolved::Kind("Resource".to_owned())) };
    let id = Id::new(namespace, &written.name);
    let port = written.port.as_ref();
    let number = port.and_then(|port| port.number).and_then(|number| u16::try_from(number).ok());
    let name = port.and_then(|port| port.name.as_deref());
    let ports = services.get(&id).ok_or_else(|| Unresolved::NoService(id.to_string()))?;
    let wanted = |(at, backend): &&(u16, Arc<Backend>)| Some(*at) == number || Some(backend.port.as_str()) == name;
    let found = ports.iter().find(wanted).map(|(_, backend)| Arc::clone(backend));
    found.ok_or_else(|| Unresolved::NotFound(id.clone(), number.unwrap_or_default()))
}

fn port(backend: &IngressBackend) -> Option<String> {
    let port = backend.service.as_ref()?.port.as_ref()?;
    port.number.map(|number| number.to_string()).or_else(|| port.name.clone())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::super::super::matching::Asked;
    use super::super::super::table::tests::{cluster, find};
    use super::super::super::table::{Found, Objects, Table};
    use super::*;

    fn ingress(name: &str, annotations: &Value, host: &str, paths: &[(&str, &str, &str)]) -> Arc<Ingress> {
        let path = |(path, kind, service): &(&str, &str, &str)| {
            let port = if *kind == "Exact" { json!({"name": "http"}) } else { json!({"number": 80}) };
            json!({"path": path, "pathType": kind, "backend": {"service": {"name": service, "port": port}}})
        };
        let paths: Vec<Value> = paths.iter().map(path).collect();
        let object = json!({"metadata": {"name": name, "namespace": "test", "annotations": annotations},
            "spec": {"rules": [{"host": host, "http": {"paths": paths}}]}});
        Arc::new(serde_json::from_value(object).unwrap())
    }

    #[test]
    fn an_exact_path_comes_before_the_longest_prefix_and_other_classes_are_others() {
        let nginx = json!({"kubernetes.io/ingress.class": "nginx"});
        let paths =
            [("/", "Prefix", "podinfo"), ("/api", "Prefix", "podinfo-primary"), ("/api", "Exact", "podinfo-canary")];
        let ingresses = vec![
            ingress("traefik", &json!({"kubernetes.io/ingress.class": "traefik"}), "b.com", &paths),
            ingress("nginx", &nginx, "*.example.com", &paths),
        ];
        let table = Table::build(&Objects { ingresses, ..cluster() });
        for (host, path, expected) in [
            ("a.example.com", "/apis", "nginx podinfo:100"),
            ("a.example.com", "/api/x", "nginx podinfo-primary:100"),
            ("a.example.com", "/api", "nginx podinfo-canary:100"),
            ("b.com", "/", "nowhere"),
        ] {
            assert_eq!(find(&table, host, Request::get(path)), expected, "{host}{path}");
        }
    }

    #[test]
    fn a_canary_stands_beside_the_same_host_and_path_only() {
        let marks =
            json!({"nginx.ingress.kubernetes.io/canary": "true", "nginx.ingress.kubernetes.io/canary-weight": "20"});
        let ingresses = vec![
            ingress("app", &json!({}), "a.com", &[("/", "Prefix", "podinfo"), ("/other", "Prefix", "podinfo")]),
            ingress("app-canary", &marks, "a.com", &[("/", "Prefix", "podinfo-canary")]),
        ];
        let table = Table::build(&Objects { ingresses, ..cluster() });
        let beside = |path: &str| {
            let parts = Request::get(path).body(()).unwrap().into_parts().0;
            match table.find(&Asked { parts: &parts, host: "a.com", port: None, is_proxied: false, source: None }) {
                Found::Rule(rule, _) => rule.alternative.as_ref().map(|alternative| alternative.name.clone()),
                _ => None,
            }
        };
        assert_eq!(beside("/").as_deref(), Some("test-podinfo-canary-80"));
        assert_eq!(beside("/other"), None);
    }
}
