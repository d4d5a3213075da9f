//! `HTTPRout`s as entries of the routing table.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::core::DynamicObject;

use super::super::cors::Cors;
use super::super::faults::Faults;
use super::super::filters::{BadHeader, Edit, Filters, Redirect, Rewrite, header_value};
use super::super::matching::{BadMatch, Condition, Matcher, Path, Test, header_name, whole};
use super::super::rule::{Origin, Rule, Shadow, Unresolved, Weighted};
use super::super::table::{Audience, Entry, Rank};
use super::spec::{
    BackendRef, Filter, HeaderModifier, Match, Mirror, NamedMatch, PathMatch, PathModifier, Rule as Written, Spec,
};
use crate::cluster::Id;
use crate::duration;
use crate::services::{Backend, Services};

/// How specific a match is. The greater one is asked first: an exact path before a regular expression before a prefix, then
/// the longer path, then one with a method, with more headers, with more query parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::gateway) struct Specificity {
    class: u8,
    length: usize,
    method: bool,
    headers: usize,
    query: usize,
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
    /// A filter of a type that the gateway does not have.
    #[error("spec.rules.filters.type \"{0}\" is not supported")]
    Filter(String),
    /// A header that a filter names.
    #[error("spec.rules.filters: {0}")]
    Header(BadHeader),
    /// A timeout.
    #[error("spec.rules.timeouts.request \"{0}\" is not a duration")]
    Timeout(String),
}

/// The entries of all routes that can be served.
pub(in crate::gateway) fn entries(routes: &[&Arc<DynamicObject>], services: &Services) -> Vec<(Audience, Vec<Entry>)> {
    let served = routes.iter().filter_map(|route| {
        let (spec, entries) = compile(route, services).ok()?;
        let namespace = route.namespace().unwrap_or_default();
        Some(audiences(&namespace, &spec).into_iter().map(move |audience| (audience, entries.clone())))
    });
    served.flatten().collect()
}

/// Whether a route can be served, and the first of its backends that leads nowhere.
pub(super) fn check(route: &DynamicObject, services: &Services) -> Result<Option<Unresolved>, BadRoute> {
    let (_, entries) = compile(route, services)?;
    let mut backends = entries.iter().flat_map(|entry| &entry.rule.backends);
    Ok(backends.find_map(|weighted| weighted.backend.as_ref().err()).cloned())
}

/// The Services and the hosts that a route is for.
fn audiences(namespace: &str, spec: &Spec) -> Vec<Audience> {
    let (services, gateways): (Vec<_>, Vec<_>) =
        spec.parent_refs.iter().partition(|parent| parent.kind.as_deref() == Some("Service"));
    let service = |parent: &&super::spec::ParentRef| {
        Audience::Service(Id::new(parent.namespace.as_deref().unwrap_or(namespace), &parent.name))
    };
    let mut audiences: Vec<Audience> = services.iter().map(service).collect();
    if services.is_empty() || !gateways.is_empty() {
        let any = [String::new()];
        let hosts = if spec.hostnames.is_empty() { &any[..] } else { &spec.hostnames };
        audiences.extend(hosts.iter().cloned().map(Audience::Host));
    }
    audiences
}

fn compile(route: &DynamicObject, services: &Services) -> Result<(Spec, Vec<Entry>), BadRoute> {
    let spec: Spec = match route.data.get("spec") {
        Some(spec) => serde_json::from_value(spec.clone()).map_err(|error| BadRoute::Spec(error.to_string()))?,
        None => Spec::default(),
    };
    let id = Id::of(&route.metadata);
    let mut entries = Vec::new();
    for written in &spec.rules {
        let rule = Arc::new(rule(&id, written, services)?);
        let everything = [Match::default()];
        let matches = if written.matches.is_empty() { &everything[..] } else { &written.matches };
        for written in matches {
            let (compiled, specificity) = matcher(written).map_err(BadRoute::Match)?;
            let rank = Rank::HttpRoute(Reverse(specificity));
            entries.push(Entry { rank, matcher: Arc::new(compiled), rule: Arc::clone(&rule) });
        }
    }
    Ok((spec, entries))
}

fn matcher(written: &Match) -> Result<(Matcher, Specificity), BadMatch> {
    let (path, class, length) = path(written.path.as_ref())?;
    let mut conditions = vec![Condition::Path(path)];
    if let Some(method) = &written.method {
        conditions.push(Condition::Method(Test::Exact(method.clone())));
    }
    for header in &written.headers {
        let name = header_name("matches.headers.name", &header.name)?;
        conditions.push(Condition::Header(name, test("matches.headers", header)?));
    }
    for parameter in &written.query_params {
        conditions.push(Condition::Query(parameter.name.clone(), test("matches.queryParams", parameter)?));
    }
    let (headers, query) = (written.headers.len(), written.query_params.len());
    Ok((Matcher { conditions }, Specificity { class, length, method: written.method.is_some(), headers, query }))
}

/// The path, its class and its length.
fn path(written: Option<&PathMatch>) -> Result<(Path, u8, usize), BadMatch> {
    let value = written.and_then(|written| written.value.as_deref()).unwrap_or("/");
    match written.and_then(|written| written.type_.as_deref()).unwrap_or("PathPrefix") {
        "PathPrefix" => {
            let prefix = value.trim_end_matches('/');
            Ok((Path::Elements(prefix.to_owned()), 0, prefix.len()))
        }
        "Exact" => Ok((Path::Exact(value.to_owned()), 2, value.len())),
        "RegularExpression" => Ok((Path::Regex(whole("matches.path.value", value)?), 1, value.len())),
        other => Err(BadMatch::Type { field: "matches.path", type_: other.to_owned() }),
    }
}

fn test(field: &'static str, written: &NamedMatch) -> Result<Test, BadMatch> {
    match written.type_.as_deref().unwrap_or("Exact") {
        "Exact" => Ok(Test::Exact(written.value.clone())),
        "RegularExpression" => whole(field, &written.value).map(Test::Regex),
        other => Err(BadMatch::Type { field, type_: other.to_owned() }),
    }
}

fn rule(route: &Id, written: &Written, services: &Services) -> Result<Rule, BadRoute> {
    let backend = |written: &BackendRef| {
        Ok(Weighted {
            weight: written.weight.unwrap_or(1),
            backend: resolve(route, written, services),
            filters: filters(&written.filters)?,
            mirrors: mirrors(route, &written.filters, services),
        })
    };
    let timeout = match written.timeouts.request.as_deref() {
        Some(text) => Some(duration::parse(text).ok_or_else(|| BadRoute::Timeout(text.to_owned()))?),
        None => None,
    };
    Ok(Rule {
        origin: Origin::HttpRoute(route.clone()),
        filters: filters(&written.filters)?,
        cors: written.filters.iter().find(|filter| filter.type_ == "CORS").map(cors),
        faults: Faults::default(),
        backends: written.backend_refs.iter().map(backend).collect::<Result<_, _>>()?,
        alternative: None,
        mirrors: mirrors(route, &written.filters, services),
        timeout: timeout.filter(|timeout| !timeout.is_zero()),
        retries: None,
    })
}

/// Looks a reference up. References into other namespaces need no grant here: there is nobody to protect.
fn resolve(route: &Id, written: &BackendRef, services: &Services) -> Result<Arc<Backend>, Unresolved> {
    let kind = written.kind.as_deref().unwrap_or("Service");
    if kind != "Service" || written.group.as_deref().is_some_and(|group| !group.is_empty()) {
        return Err(Unresolved::Kind(kind.to_owned()));
    }
    let namespace = written.namespace.as_deref().unwrap_or(&route.namespace);
    let id = Id::new(namespace, &written.name);
    let Some(port) = written.port else { return Err(Unresolved::NoPort(id)) };
    let found = services.get(&id).and_then(|ports| ports.iter().find(|(number, _)| *number == port));
    found.map(|(_, backend)| Arc::clone(backend)).ok_or(Unresolved::NotFound(id, port))
}

fn mirrors(route: &Id, filters: &[Filter], services: &Services) -> Vec<Shadow> {
    let mirrors = filters.iter().filter(|filter| filter.type_ == "RequestMirror").map(|filter| &filter.request_mirror);
    let shadow = |mirror: &Mirror| {
        let fraction = mirror
            .fraction
            .as_ref()
            .map(|fraction| f64::from(fraction.numerator) / f64::from(fraction.denominator.unwrap_or(100).max(1)));
        let percent = mirror.percent.map(|percent| f64::from(percent) / 100.0);
        let share = fraction.or(percent).unwrap_or(1.0).clamp(0.0, 1.0);
        Some(Shadow { backend: resolve(route, &mirror.backend_ref, services).ok()?, share })
    };
    mirrors.filter_map(shadow).collect()
}

/// What filters change; mirrors and CORS are apart.
fn filters(written: &[Filter]) -> Result<Filters, BadRoute> {
    let mut filters = Filters::default();
    for filter in written {
        match filter.type_.as_str() {
            "RequestHeaderModifier" => filters.request.extend(edits(&filter.request_header_modifier)?),
            "ResponseHeaderModifier" => filters.response.extend(edits(&filter.response_header_modifier)?),
            "URLRewrite" => {
                let hostname = filter.url_rewrite.hostname.as_deref().map(header_value).transpose();
                filters.hostname = hostname.map_err(BadRoute::Header)?.or(filters.hostname);
                filters.path = filter.url_rewrite.path.as_ref().and_then(rewrite).or(filters.path);
            }
            "RequestRedirect" => {
                let redirect = filter.request_redirect.clone();
                filters.redirect = Some(Redirect {
                    path: redirect.path.as_ref().and_then(rewrite),
                    scheme: redirect.scheme,
                    hostname: redirect.hostname,
                    port: redirect.port,
                    status: redirect.status_code,
                });
            }
            "RequestMirror" | "CORS" => {}
            other => return Err(BadRoute::Filter(other.to_owned())),
        }
    }
    Ok(filters)
}

fn edits(written: &HeaderModifier) -> Result<Vec<Edit>, BadRoute> {
    let set = written.set.iter().map(|header| Edit::set(&header.name, &header.value));
    let add = written.add.iter().map(|header| Edit::add(&header.name, &header.value));
    let remove = written.remove.iter().map(|header| Edit::remove(header));
    set.chain(add).chain(remove).collect::<Result<_, _>>().map_err(BadRoute::Header)
}

fn rewrite(written: &PathModifier) -> Option<Rewrite> {
    let full = written.replace_full_path.clone().map(Rewrite::Full);
    full.or_else(|| written.replace_prefix_match.clone().map(Rewrite::Elements))
}

fn cors(filter: &Filter) -> Cors {
    let written = &filter.cors;
    // `https://*.example.com` has one asterisk, for any number of labels.
    let origin = |origin: &String| match origin.split_once('*') {
        Some(_) if origin == "*" => Test::Present,
        Some((before, after)) => {
            let pattern = format!("{}.+{}", regex::escape(before), regex::escape(after));
            whole("filters.cors.allowOrigins", &pattern).map_or_else(|_| Test::Exact(origin.clone()), Test::Regex)
        }
        None => Test::Exact(origin.clone()),
    };
    Cors {
        origins: written.allow_origins.iter().map(origin).collect(),
        methods: written.allow_methods.clone(),
        headers: written.allow_headers.clone(),
        exposed: written.expose_headers.clone(),
        max_age: written.max_age.map(Duration::from_secs),
        credentials: written.allow_credentials,
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use serde_json::{Value, json};

    use super::super::super::matching::Asked;
    use super::super::super::table::Table;
    use super::super::super::table::tests::{cluster, find, object};
    use super::*;

    fn compiled(written: Value) -> (Matcher, Specificity) {
        matcher(&serde_json::from_value(written).unwrap()).unwrap()
    }

    fn accepts(written: Value, request: http::request::Builder) -> bool {
        let parts = request.body(()).unwrap().into_parts().0;
        compiled(written).0.accepts(&Asked { parts: &parts, host: "", port: None, is_proxied: false, source: None })
    }

    #[test]
    fn paths_match_by_element_exactly_or_by_expression() {
        for (type_, value, path, expected) in [
            ("PathPrefix", "/", "/anything", true),
            ("PathPrefix", "/a", "/a/b", true),
            ("PathPrefix", "/a/", "/a", true),
            ("PathPrefix", "/a", "/ab", false),
            ("Exact", "/a", "/a", true),
            ("Exact", "/a", "/a/", false),
            ("RegularExpression", "/v[0-9]+", "/v12", true),
            ("RegularExpression", "/v[0-9]+", "/v12/x", false),
        ] {
            let written = json!({"path": {"type": type_, "value": value}});
            assert_eq!(accepts(written, Request::get(path)), expected, "{type_} {value} {path}");
        }
    }

    #[test]
    fn headers_query_and_method_must_all_hold() {
        let written = json!({
            "method": "POST",
            "headers": [{"name": "X-User", "value": "insider"},
                        {"type": "RegularExpression", "name": "Cookie", "value": ".*canary.*yes.*"}],
            "queryParams": [{"name": "q", "value": "a b"}],
        });
        let request = |method: &str, cookie: &str, query: &str| {
            let uri = format!("/?x=1&q={query}");
            Request::builder().method(method).uri(uri).header("x-user", "insider").header("cookie", cookie)
        };
        assert!(accepts(written.clone(), request("POST", "a=b; canary=yes", "a%20b")));
        assert!(accepts(written.clone(), request("POST", "canary=yes", "a+b")));
        assert!(!accepts(written.clone(), request("GET", "canary=yes", "a+b")));
        assert!(!accepts(written.clone(), request("POST", "canary=no", "a+b")));
        assert!(!accepts(written, request("POST", "canary=yes", "ab")));
    }

    #[test]
    fn the_more_specific_match_ranks_higher() {
        let rising = [
            json!({}),
            json!({"headers": [{"name": "a", "value": "1"}]}),
            json!({"method": "GET"}),
            json!({"path": {"value": "/a"}}),
            json!({"path": {"value": "/a/b"}}),
            json!({"path": {"type": "Exact", "value": "/a"}}),
        ];
        assert!(rising.into_iter().map(|written| compiled(written).1).is_sorted_by(|one, other| one < other));
    }

    #[test]
    fn a_bad_expression_names_its_field() {
        let written = json!({"headers": [{"type": "RegularExpression", "name": "a", "value": "("}]});
        let error = matcher(&serde_json::from_value(written).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "matches.headers \"(\" is not a regular expression");
    }

    #[test]
    fn a_route_attached_to_a_service_takes_the_requests_for_its_name() {
        let mut objects = cluster();
        let parent = json!([{"group": "", "kind": "Service", "name": "podinfo"}]);
        let rules = json!([{"backendRefs": [{"name": "podinfo-canary", "port": 80}]}]);
        objects.routes = vec![object("mesh", &json!({"parentRefs": parent, "rules": rules}))];
        let table = Table::build(&objects);
        assert_eq!(find(&table, "podinfo.test", Request::get("/")), "mesh podinfo-canary:1");
        assert_eq!(find(&table, "elsewhere.com", Request::get("/")), "nowhere");
    }

    #[test]
    fn a_backend_that_is_not_there_keeps_its_share() {
        let mut objects = cluster();
        let backends =
            json!([{"name": "gone", "port": 80, "weight": 30}, {"name": "podinfo", "port": 80, "weight": 70}]);
        objects.routes = vec![object("a", &json!({"rules": [{"backendRefs": backends}]}))];
        let found = find(&Table::build(&objects), "a.com", Request::get("/"));
        assert_eq!(found, "a (service \"test/gone\" with port 80 not found):30 podinfo:70");
    }
}
