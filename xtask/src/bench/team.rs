//! What the teams of the fleet have in their repositories, and what a node says about it.

use serde_json::{Value, json};

/// Canaries in one namespace.
pub(super) const NAMESPACE: usize = 100;

/// Namespace and name of a canary and of its Deployment.
pub(super) fn place(index: usize) -> (String, String) {
    (format!("team-{}", index / NAMESPACE), format!("app-{index}"))
}

/// Namespace and name of an object.
pub(super) fn names(object: &Value) -> (&str, &str) {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}

/// A Deployment of the size that they have in practice.
pub(super) fn deployment(namespace: &str, name: &str) -> Value {
    let probe =
        |path: &str| json!({"httpGet": {"path": path, "port": "http"}, "periodSeconds": 10, "timeoutSeconds": 5});
    let env = |index: usize| json!({"name": format!("SETTING_{index}"), "value": format!("value of setting {index}")});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": name, "namespace": namespace,
            "labels": {"app": name, "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "app-1.2.3"},
            "annotations": {"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace},
        },
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {"prometheus.io/scrape": "true"}},
                "spec": {
                    "serviceAccountName": name,
                    "containers": [{
                        "name": "app", "image": "ghcr.io/team/app:1.0.0",
                        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                        "env": (0..8).map(env).collect::<Vec<_>>(),
                        "readinessProbe": probe("/readyz"), "livenessProbe": probe("/healthz"),
                        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                    }],
                },
            },
        },
    })
}

/// A canary of many small steps, which is content with 100 for a success rate in percent and for a duration in seconds.
pub(super) fn canary(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {
                "port": 80, "targetPort": "http",
                "gatewayRefs": [{"name": "gateway", "namespace": "istio-system"}],
                "hosts": [format!("{name}.example.com")],
            },
            "analysis": {
                "interval": "10s", "threshold": 5, "maxWeight": 50, "stepWeight": 1,
                "metrics": [
                    {"name": "request-success-rate", "interval": "1m", "thresholdRange": {"min": 99}},
                    {"name": "request-duration", "interval": "1m", "thresholdRange": {"max": 500_000}},
                ],
            },
        },
    })
}

/// The status of a Deployment all of whose pods are ready.
pub(super) fn ready(deployment: &Value) -> Value {
    let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or(1);
    let mut status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "conditions": [{
            "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
            "message": "Deployment has minimum availability.",
            "lastUpdateTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    if 0 < replicas {
        for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
            status[field] = json!(replicas);
        }
    }
    status
}

/// A kubeconfig for this server.
pub(super) fn kubeconfig(server: &str) -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": server}}],
        "users": [{"name": "bench", "user": {}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    });
    config.to_string()
}
