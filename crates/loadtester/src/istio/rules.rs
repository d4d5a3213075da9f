//! What has to hold between routing objects, as plain functions.
//!
//! Every host that a route or a rule leads to exists, every subset is defined, every gateway is there, and the weights of a
//! route sum to 100. A host outside of the cluster can't be looked up, and is believed.

use std::collections::BTreeSet;

use serde_json::Value;

/// The gateway of the sidecars, for which there is no object.
const MESH: &str = "mesh";

/// What is looked at.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Whose routes and rules these are.
    pub(super) namespace: String,
    pub(super) virtual_services: Vec<Value>,
    pub(super) destination_rules: Vec<Value>,
    /// Of all namespaces, as are the following.
    pub(super) gateways: Vec<Value>,
    pub(super) service_entries: Vec<Value>,
    pub(super) services: Vec<Value>,
}

/// What does not fit, a sentence each.
pub(super) fn problems(objects: &Objects) -> Vec<String> {
    let cx = Context::of(objects);
    let mut problems = Vec::new();
    for service in &objects.virtual_services {
        let name = format!("VirtualService {}", named(service));
        problems.extend(cx.virtual_service(&service["spec"]).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    for rule in &objects.destination_rules {
        let host = text(&rule["spec"]["host"]);
        if !cx.exists(host) {
            problems.push(format!("DestinationRule {}: no Service of the host {host:?}", named(rule)));
        }
    }
    problems
}

struct Context<'a> {
    namespace: &'a str,
    /// `name.namespace` of Services.
    services: BTreeSet<String>,
    /// Hosts of service entries.
    entries: BTreeSet<&'a str>,
    /// `namespace/name` of gateways.
    gateways: BTreeSet<String>,
    /// Hosts, as Services where they are some, with the subsets that rules define.
    subsets: BTreeSet<(String, &'a str)>,
}

impl<'a> Context<'a> {
    fn of(objects: &'a Objects) -> Self {
        let place = |object: &'a Value| (text(&object["metadata"]["name"]), text(&object["metadata"]["namespace"]));
        let mut cx = Self {
            namespace: &objects.namespace,
            services: objects.services.iter().map(place).map(|(name, space)| format!("{name}.{space}")).collect(),
            entries: objects.service_entries.iter().flat_map(|entry| list(&entry["spec"]["hosts"])).map(text).collect(),
            gateways: objects.gateways.iter().map(place).map(|(name, space)| format!("{space}/{name}")).collect(),
            subsets: BTreeSet::new(),
        };
        for rule in &objects.destination_rules {
            let spec = &rule["spec"];
            let host = cx.full(text(&spec["host"]));
            cx.subsets.extend(list(&spec["subsets"]).map(|subset| (host.clone(), text(&subset["name"]))));
        }
        cx
    }

    fn virtual_service(&self, spec: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        for gateway in list(&spec["gateways"]).map(text).filter(|gateway| *gateway != MESH) {
            let known = match gateway.split_once('/') {
                Some((namespace, name)) if namespace != "." => self.gateways.contains(&format!("{namespace}/{name}")),
                Some((_, name)) => self.gateways.contains(&format!("{}/{name}", self.namespace)),
                None => self.gateways.contains(&format!("{}/{gateway}", self.namespace)),
            };
            if !known {
                problems.push(format!("no Gateway {gateway:?}"));
            }
        }
        for protocol in ["http", "tcp", "tls"] {
            for (at, route) in list(&spec[protocol]).enumerate() {
                let place = format!("{protocol}[{at}]");
                problems.extend(self.route(route).into_iter().map(|problem| format!("{place}: {problem}")));
            }
        }
        problems
    }

    fn route(&self, route: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        let shares: Vec<&Value> = list(&route["route"]).collect();
        // One destination alone gets all, whatever its weight says.
        if 1 < shares.len() {
            let sum: i64 = shares.iter().map(|share| share["weight"].as_i64().unwrap_or_default()).sum();
            if sum != 100 {
                problems.push(format!("the weights sum to {sum}, not 100"));
            }
        }
        let mirrors = list(&route["mirrors"]).map(|mirror| &mirror["destination"]);
        let mirror = Some(&route["mirror"]).filter(|mirror| mirror.is_object());
        for destination in shares.iter().map(|share| &share["destination"]).chain(mirrors).chain(mirror) {
            let (host, subset) = (text(&destination["host"]), text(&destination["subset"]));
            if !self.exists(host) {
                problems.push(format!("no Service of the host {host:?}"));
            } else if !subset.is_empty() && !self.subsets.contains(&(self.full(host), subset)) {
                problems.push(format!("no DestinationRule defines the subset {subset:?} of {host:?}"));
            }
        }
        problems
    }

    /// Whether there is such a host, or it is outside of the cluster.
    fn exists(&self, host: &str) -> bool {
        let full = self.full(host);
        match full.strip_suffix(".svc.cluster.local") {
            _ if host.is_empty() => false,
            _ if self.entries.contains(host) => true,
            Some(service) => service.contains('*') || self.services.contains(service),
            None => true,
        }
    }

    /// A host in full: a short name is one of this namespace, and `name.namespace` may be short for a Service too.
    fn full(&self, host: &str) -> String {
        let inside = |service: &str| format!("{service}.svc.cluster.local");
        let short = host.strip_suffix(".svc").unwrap_or(host);
        match short.split('.').collect::<Vec<_>>().as_slice() {
            _ if host.ends_with(".svc.cluster.local") => host.to_owned(),
            [_] => inside(&format!("{short}.{}", self.namespace)),
            [_, _] if short != host || self.services.contains(short) => inside(short),
            _ => host.to_owned(),
        }
    }
}

fn named(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(namespace: &str, name: &str, spec: &Value) -> Value {
        json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec})
    }

    fn shares(weights: &[(&str, i64)]) -> Value {
        let share = |(host, weight): &(&str, i64)| json!({"destination": {"host": host}, "weight": weight});
        json!({"hosts": ["cart"], "gateways": ["mesh", "public", "istio-system/edge"], "http": [{
            "route": weights.iter().map(share).collect::<Vec<_>>(),
        }]})
    }

    fn shop(route: &Value) -> Objects {
        Objects {
            namespace: "shop".to_owned(),
            virtual_services: vec![object("shop", "cart", route)],
            destination_rules: vec![object(
                "shop",
                "cart-primary",
                &json!({"host": "cart-primary.shop.svc.cluster.local", "subsets": [{"name": "v1"}]}),
            )],
            gateways: vec![object("shop", "public", &json!({})), object("istio-system", "edge", &json!({}))],
            service_entries: vec![object("shop", "bank", &json!({"hosts": ["bank.example"]}))],
            services: ["cart", "cart-primary", "cart-canary"].map(|name| object("shop", name, &json!({}))).into(),
        }
    }

    #[test]
    fn what_flagger_writes_fits() {
        for hosts in [["cart-primary", "cart-canary"], ["cart-primary.shop", "cart-canary.shop.svc.cluster.local"]] {
            assert!(problems(&shop(&shares(&[(hosts[0], 90), (hosts[1], 10)]))).is_empty(), "{hosts:?}");
        }
        assert!(problems(&shop(&shares(&[("cart-primary", 0)]))).is_empty(), "one destination gets all");
        assert!(problems(&shop(&shares(&[("bank.example", 50), ("www.example.com", 50)]))).is_empty());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut route = shares(&[("cart-primary", 90), ("cart-cannary", 20)]);
        route["gateways"] = json!(["pubic", "other/public"]);
        route["http"][0]["route"][0]["destination"]["subset"] = json!("v2");
        route["http"][0]["mirror"] = json!({"host": "gone.shop.svc.cluster.local"});
        let mut objects = shop(&route);
        objects.destination_rules.push(object("shop", "old", &json!({"host": "old"})));
        assert_eq!(
            problems(&objects),
            [
                r#"VirtualService cart: no Gateway "pubic""#,
                r#"VirtualService cart: no Gateway "other/public""#,
                "VirtualService cart: http[0]: the weights sum to 110, not 100",
                r#"VirtualService cart: http[0]: no DestinationRule defines the subset "v2" of "cart-primary""#,
                r#"VirtualService cart: http[0]: no Service of the host "cart-cannary""#,
                r#"VirtualService cart: http[0]: no Service of the host "gone.shop.svc.cluster.local""#,
                r#"DestinationRule old: no Service of the host "old""#,
            ]
        );
    }

    #[test]
    fn a_subset_is_known_by_any_name_of_its_host() {
        for host in
            ["cart-primary", "cart-primary.shop", "cart-primary.shop.svc", "cart-primary.shop.svc.cluster.local"]
        {
            let mut route = shares(&[(host, 100)]);
            route["http"][0]["route"][0]["destination"]["subset"] = json!("v1");
            assert!(problems(&shop(&route)).is_empty(), "{host}");
        }
    }
}
