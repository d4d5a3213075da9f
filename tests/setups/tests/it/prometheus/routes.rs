//! What leads to both halves of a release, in the dialects that the gateway obeys: insiders to the canary, all others to the
//! primary.

use meters::Names;
use serde_json::{Value, json};

/// The header of insiders, and its value.
pub(super) const INSIDER: (&str, &str) = ("x-canary", "always");

/// Istio's, and how the canary is talked to.
pub(super) fn istio(names: &Names, host: &str) -> Vec<Value> {
    let Names { namespace, service, .. } = names;
    let to = |half: &str| json!([{"destination": {"host": format!("{service}-{half}")}}]);
    let insiders = json!([{"headers": {INSIDER.0: {"exact": INSIDER.1}}}]);
    let metadata = json!({"name": service, "namespace": namespace});
    let route = json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "VirtualService", "metadata": metadata,
        "spec": {
            "hosts": [host], "gateways": ["public"],
            "http": [{"match": insiders, "route": to("canary")}, {"route": to("primary")}],
        },
    });
    let rule = json!({
        "apiVersion": "networking.istio.io/v1beta1", "kind": "DestinationRule", "metadata": metadata,
        "spec": {"host": format!("{service}-canary"), "trafficPolicy": {"loadBalancer": {"simple": "ROUND_ROBIN"}}},
    });
    vec![route, rule]
}

/// The Gateway API's.
pub(super) fn gateway_api(names: &Names, host: &str, port: i32) -> Vec<Value> {
    let Names { namespace, service, .. } = names;
    let to = |half: &str| json!([{"name": format!("{service}-{half}"), "port": port}]);
    let insiders = json!([{"headers": [{"name": INSIDER.0, "value": INSIDER.1}]}]);
    vec![json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": service, "namespace": namespace},
        "spec": {
            "hostnames": [host], "parentRefs": [{"name": "public"}],
            "rules": [{"matches": insiders, "backendRefs": to("canary")}, {"backendRefs": to("primary")}],
        },
    })]
}

/// NGINX's: a canary beside the Ingress that is there.
pub(super) fn nginx(names: &Names, host: &str, port: i32) -> Vec<Value> {
    let Names { namespace, service, ingress, .. } = names;
    let annotations = json!({
        "kubernetes.io/ingress.class": "nginx",
        "nginx.ingress.kubernetes.io/canary": "true",
        "nginx.ingress.kubernetes.io/canary-by-header": INSIDER.0,
    });
    let backend = json!({"service": {"name": format!("{service}-canary"), "port": {"number": port}}});
    vec![json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": format!("{ingress}-canary"), "namespace": namespace, "annotations": annotations},
        "spec": {"rules": [{
            "host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
        }]},
    })]
}
