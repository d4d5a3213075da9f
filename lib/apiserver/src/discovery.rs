//! What is served: `/api`, `/apis`, the resources of a version, and all of it at once for clients that ask so.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::HeaderMap;
use http::header::ACCEPT;
use serde_json::{Value, json};

use crate::crd;
use crate::kinds::{Kind, Registry, api_version};

/// The version that `/version` tells.
const VERSION: &str = "v1.36.3";

/// `/version`
pub(crate) fn version() -> Value {
    json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35", "gitVersion": VERSION, "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "rustc", "platform": "memory",
    })
}

/// `/api`
pub(crate) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// `/apis`
pub(crate) fn groups(kinds: &Registry) -> Value {
    let groups = by_group(kinds);
    let named = groups.iter().filter(|(group, _)| !group.is_empty());
    let list: Vec<Value> = named.map(|(name, versions)| group_value(name, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": list})
}

/// `/apis/GROUP`
pub(crate) fn group(kinds: &Registry, name: &str) -> Option<Value> {
    let groups = by_group(kinds);
    let mut value = group_value(name, groups.get(name)?);
    value["kind"] = json!("APIGroup");
    value["apiVersion"] = json!("v1");
    Some(value)
}

/// `/api/v1` and `/apis/GROUP/VERSION`
pub(crate) fn resources(kinds: &Registry, group: &str, version: &str) -> Option<Value> {
    let of: Vec<&Arc<Kind>> = kinds.all().filter(|kind| kind.group == group && kind.version == version).collect();
    if of.is_empty() {
        return None;
    }
    let list: Vec<Value> = of.into_iter().flat_map(|kind| entries(kind)).collect();
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version(group, version), "resources": list,
    }))
}

/// The type that a client asks for when it wants everything at once, if it does.
pub(crate) fn aggregated_type(headers: &HeaderMap) -> Option<&'static str> {
    let accepted = headers.get(ACCEPT)?.to_str().ok()?;
    let asks = |version: &str| {
        accepted.split(',').any(|entry| {
            let parts: Vec<&str> = entry.split(';').map(str::trim).collect();
            parts.first() == Some(&"application/json")
                && parts.contains(&"g=apidiscovery.k8s.io")
                && parts.contains(&"as=APIGroupDiscoveryList")
                && parts.contains(&version)
        })
    };
    asks("v=v2").then_some("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
}

/// `/api` or `/apis` as an `APIGroupDiscoveryList`.
pub(crate) fn aggregated(kinds: &Registry, core: bool) -> Value {
    let groups = by_group(kinds);
    let items: Vec<Value> = groups
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, kinds)| {
                    let resources: Vec<Value> = kinds.iter().map(|kind| discovered(kind)).collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            let metadata = if group.is_empty() {
                json!({"creationTimestamp": null})
            } else {
                json!({"name": group, "creationTimestamp": null})
            };
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
    })
}

/// Groups with their versions, preferred first, each with its kinds.
type Groups<'a> = BTreeMap<&'a str, Vec<(&'a str, Vec<&'a Arc<Kind>>)>>;

fn by_group(kinds: &Registry) -> Groups<'_> {
    let mut groups: Groups<'_> = BTreeMap::new();
    for kind in kinds.all() {
        let versions = groups.entry(&kind.group).or_default();
        match versions.iter_mut().find(|(version, _)| *version == kind.version) {
            Some((_, list)) => list.push(kind),
            None => versions.push((&kind.version, vec![kind])),
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|(version, _)| std::cmp::Reverse(crd::priority(version)));
    }
    groups
}

fn group_value(name: &str, versions: &[(&str, Vec<&Arc<Kind>>)]) -> Value {
    let version = |(version, _): &(&str, Vec<&Arc<Kind>>)| json!({"groupVersion": api_version(name, version), "version": version});
    let list: Vec<Value> = versions.iter().map(version).collect();
    json!({"name": name, "versions": list, "preferredVersion": list.first()})
}

fn verbs(kind: &Kind) -> Value {
    if kind.create_only {
        return json!(["create"]);
    }
    if kind.custom().is_some() {
        // `kubectl api-resources -o wide` prints them as they come.
        return json!(["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]);
    }
    json!(["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"])
}

/// A subresource's kind (with its group version, if that is another) and verbs.
fn subresource(kind: &Kind, name: &str) -> (Option<(&'static str, &'static str)>, String, Value) {
    match name {
        "scale" => (Some(("autoscaling", "v1")), "Scale".to_owned(), json!(["get", "patch", "update"])),
        "eviction" => (Some(("policy", "v1")), "Eviction".to_owned(), json!(["create"])),
        "binding" => (None, "Binding".to_owned(), json!(["create"])),
        "log" => (None, kind.kind.clone(), json!(["get"])),
        "finalize" => (None, kind.kind.clone(), json!(["update"])),
        _ => (None, kind.kind.clone(), json!(["get", "patch", "update"])),
    }
}

fn entries(kind: &Kind) -> Vec<Value> {
    let mut main = json!({
        "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
        "verbs": verbs(kind), "storageVersionHash": "",
    });
    if !kind.short_names.is_empty() {
        main["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        main["categories"] = json!(kind.categories);
    }
    let subs = kind.subresource_names().into_iter().map(|name| {
        let (other, of, verbs) = subresource(kind, name);
        let mut entry = json!({
            "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced, "kind": of,
            "verbs": verbs,
        });
        if let Some((group, version)) = other {
            entry["group"] = json!(group);
            entry["version"] = json!(version);
        }
        entry
    });
    std::iter::once(main).chain(subs).collect()
}

fn discovered(kind: &Kind) -> Value {
    let response = |other: Option<(&str, &str)>, name: &str| {
        let (group, version) = other.unwrap_or((&kind.group, &kind.version));
        json!({"group": group, "version": version, "kind": name})
    };
    let subs: Vec<Value> = kind
        .subresource_names()
        .into_iter()
        .map(|name| {
            let (other, of, verbs) = subresource(kind, name);
            json!({"subresource": name, "responseKind": response(other, &of), "verbs": verbs})
        })
        .collect();
    let mut entry = json!({
        "resource": kind.plural, "responseKind": response(None, &kind.kind),
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular, "verbs": verbs(kind),
    });
    if !kind.short_names.is_empty() {
        entry["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        entry["categories"] = json!(kind.categories);
    }
    if !subs.is_empty() {
        entry["subresources"] = json!(subs);
    }
    entry
}
