//! A canary and what belongs to it, as its writers leave it: fields, statuses, and so managed fields of real size.

use serde_json::{Value, json};

/// Canaries in one namespace.
pub(crate) const PER_TEAM: usize = 100;
/// Objects that [`of_canary`] gives.
pub(crate) const OBJECTS_EACH: usize = 14;
pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const CONTROLLERS: &str = "kube-controller-manager";
const ROUTES: &str = "apis/gateway.networking.k8s.io/v1";
const SCALERS: &str = "apis/autoscaling/v2";
const SINCE: &str = "2026-01-02T03:04:05Z";
const HASH: &str = "7c9f6d5b88";

/// An object to create, and the status that somebody else reports of it.
pub(crate) struct Given {
    pub(crate) collection: String,
    pub(crate) creator: &'static str,
    /// Which of the objects before it owns it.
    pub(crate) owner: Option<usize>,
    pub(crate) object: Value,
    pub(crate) status: Option<(&'static str, Value)>,
}

/// The namespace with this number.
pub(crate) fn team(index: usize) -> String {
    format!("team-{index:03}")
}

/// The name of the canary with this number.
pub(crate) fn name(index: usize) -> String {
    format!("checkout-service-{index:05}")
}

/// Where the canary with this number lives.
pub(crate) fn canaries(index: usize) -> String {
    format!("/apis/flagger.app/v1beta1/namespaces/{}/canaries", team(index / PER_TEAM))
}

/// A definition whose spec and status may be anything.
pub(crate) fn definition(kind: &str, plural: &str, group: &str, version: &str) -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural},
            "versions": [{
                "name": version, "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": anything, "status": anything},
                }},
            }],
        },
    })
}

/// Everything of the canary with this number.
pub(crate) fn of_canary(index: usize) -> Vec<Given> {
    let (app, namespace) = (name(index), team(index / PER_TEAM));
    let primary = format!("{app}-primary");
    let (app_set, primary_set) = (format!("{app}-{HASH}"), format!("{primary}-{HASH}"));
    let given = |group: &str, plural, creator, owner, object, reported: Option<(&'static str, Value)>| {
        let collection = format!("/{group}/namespaces/{namespace}/{plural}");
        Given { collection, creator, owner, object, status: reported }
    };
    let apps = |plural, creator, owner, object: Value| {
        let status = scaled(&object["spec"]["replicas"]);
        given("apis/apps/v1", plural, creator, owner, object, Some((CONTROLLERS, status)))
    };
    let pod = |number| {
        let object = pod(&primary, &primary_set, number);
        given("api/v1", "pods", CONTROLLERS, Some(4), object, Some(("kubelet", running(&primary))))
    };
    let service =
        |name: &str, selects| given("api/v1", "services", "flagger", Some(0), service(name, &app, selects), None);
    let slice = |service, owner| {
        given("apis/discovery.k8s.io/v1", "endpointslices", CONTROLLERS, Some(owner), slice(service), None)
    };
    vec![
        given("apis/flagger.app/v1beta1", "canaries", "kubectl", None, canary(&app), Some(("flagger", analysed()))),
        apps("deployments", "kubectl", None, deployment(&app, 0)),
        apps("deployments", "flagger", Some(0), deployment(&primary, 2)),
        apps("replicasets", CONTROLLERS, Some(1), replica_set(&app, &app_set, 0)),
        apps("replicasets", CONTROLLERS, Some(2), replica_set(&primary, &primary_set, 2)),
        pod(1),
        pod(2),
        service(&app, &primary),
        service(&format!("{app}-canary"), &app),
        service(&primary, &primary),
        slice(&app, 7),
        slice(&primary, 9),
        given(ROUTES, "httproutes", "flagger", Some(0), route(&app), Some(("gateway", attached()))),
        given(
            SCALERS,
            "horizontalpodautoscalers",
            "flagger",
            Some(0),
            autoscaler(&primary),
            Some((CONTROLLERS, steady())),
        ),
    ]
}

/// How an object names its owner.
pub(crate) fn reference(owner: &Value) -> Value {
    let (kind, name, uid) = (&owner["kind"], &owner["metadata"]["name"], &owner["metadata"]["uid"]);
    json!({
        "apiVersion": owner["apiVersion"], "kind": kind, "name": name, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    })
}

fn labels(app: &str) -> Value {
    json!({"app": app, "app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "flux", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"})
}

fn condition(kind: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": "AsExpected", "message": "the condition holds as it should for a running release", "lastTransitionTime": SINCE})
}

fn canary(app: &str) -> Value {
    let metric = |name: &str| json!({"name": name, "interval": "1m", "thresholdRange": {"min": 99}});
    let hook = |name: &str, kind: &str| json!({"name": name, "type": kind, "url": "http://flagger-loadtester.test/", "timeout": "5s", "metadata": {"cmd": "hey -z 1m -q 10 -c 2 http://checkout-canary:9898/"}});
    json!({
        "metadata": {"name": app, "labels": labels(app), "annotations": {"owner": "team-checkout@example.com"}},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app},
            "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": app},
            "progressDeadlineSeconds": 600,
            "service": {"port": 9898, "targetPort": 9898, "gatewayRefs": [{"name": "gateway", "namespace": "istio-ingress"}], "hosts": [format!("{app}.example.com")]},
            "analysis": {
                "interval": "1m", "threshold": 5, "maxWeight": 50, "stepWeight": 10,
                "metrics": [metric("request-success-rate"), metric("request-duration"), metric("error-budget")],
                "webhooks": [hook("acceptance", "pre-rollout"), hook("load", "rollout"), hook("gate", "confirm-promotion")],
            },
        },
    })
}

fn analysed() -> Value {
    json!({
        "phase": "Succeeded", "canaryWeight": 0, "failedChecks": 0, "iterations": 0, "lastAppliedSpec": HASH,
        "lastPromotedSpec": HASH, "lastTransitionTime": SINCE, "conditions": [condition("Promoted")],
        "trackedConfigs": {"configmap/checkout-config": "b2f0c1d4", "secret/checkout-credentials": "91ab33e0"},
    })
}

fn template(app: &str) -> Value {
    let mut labels = labels(app);
    labels["pod-template-hash"] = json!(HASH);
    let probe = json!({"httpGet": {"path": "/readyz", "port": 9898}, "initialDelaySeconds": 5, "timeoutSeconds": 5});
    json!({
        "metadata": {"labels": labels, "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9797"}},
        "spec": {
            "containers": [{
                "name": "app", "image": format!("registry.example.com/checkout/{app}:6.1.0"), "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 9898, "name": "http", "protocol": "TCP"}, {"containerPort": 9797, "name": "http-prom", "protocol": "TCP"}],
                "command": ["./podinfo", "--port=9898", "--port-metrics=9797", "--level=info"],
                "env": [{"name": "PODINFO_UI_COLOR", "value": "#34577c"}, {"name": "CACHE", "value": "redis://cache:6379"}],
                "livenessProbe": probe, "readinessProbe": probe,
                "resources": {"limits": {"cpu": "2", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }],
            "volumes": [{"name": "data", "emptyDir": {}}],
        },
    })
}

fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "metadata": {"name": name, "labels": labels(name), "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {
            "replicas": replicas, "minReadySeconds": 5, "revisionHistoryLimit": 5, "progressDeadlineSeconds": 60,
            "selector": {"matchLabels": {"app": name}}, "template": template(name),
        },
    })
}

/// The status of a Deployment or ReplicaSet whose pods are all there.
fn scaled(replicas: &Value) -> Value {
    json!({
        "observedGeneration": 1, "replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
        "conditions": [condition("Available"), condition("Progressing")],
    })
}

fn replica_set(owner_name: &str, name: &str, replicas: u32) -> Value {
    let mut labels = labels(owner_name);
    labels["pod-template-hash"] = json!(HASH);
    json!({
        "metadata": {"name": name, "labels": labels, "annotations": {"deployment.kubernetes.io/desired-replicas": replicas.to_string()}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": owner_name, "pod-template-hash": HASH}}, "template": template(owner_name)},
    })
}

fn pod(app: &str, set: &str, number: u8) -> Value {
    let template = template(app);
    let mut spec = template["spec"].clone();
    spec["nodeName"] = json!(format!("ip-10-0-{number}-17.eu-central-1.compute.internal"));
    spec["tolerations"] = ["not-ready", "unreachable"]
        .map(|taint| json!({"key": format!("node.kubernetes.io/{taint}"), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}))
        .into();
    json!({"metadata": {"name": format!("{set}-x{number}k2p"), "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"]}, "spec": spec})
}

fn running(app: &str) -> Value {
    let image = format!("registry.example.com/checkout/{app}:6.1.0");
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    json!({
        "phase": "Running", "podIP": "10.8.3.17", "podIPs": [{"ip": "10.8.3.17"}], "hostIP": "10.0.1.17", "startTime": SINCE,
        "conditions": conditions,
        "containerStatuses": [{
            "name": "app", "image": image, "imageID": format!("{image}@sha256:{HASH}"), "containerID": format!("containerd://{HASH}{HASH}"),
            "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": SINCE}},
        }],
    })
}

fn service(name: &str, app: &str, selects: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": labels(app)},
        "spec": {"type": "ClusterIP", "selector": {"app": selects}, "ports": [{"name": "http", "port": 9898, "targetPort": 9898, "protocol": "TCP"}]},
    })
}

fn slice(service: &str) -> Value {
    let endpoint = |last: u8| json!({"addresses": [format!("10.8.3.{last}")], "conditions": {"ready": true, "serving": true, "terminating": false}, "targetRef": {"kind": "Pod", "name": format!("{service}-{last}")}});
    json!({
        "metadata": {"name": format!("{service}-4kxq7"), "labels": {"kubernetes.io/service-name": service, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
        "addressType": "IPv4", "ports": [{"name": "http", "port": 9898, "protocol": "TCP"}], "endpoints": [endpoint(17), endpoint(18)],
    })
}

fn route(app: &str) -> Value {
    let backend = |name: String, weight: u8| json!({"group": "", "kind": "Service", "name": name, "port": 9898, "weight": weight});
    json!({
        "metadata": {"name": app, "labels": labels(app)},
        "spec": {
            "hostnames": [format!("{app}.example.com")],
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway", "namespace": "istio-ingress"}],
            "rules": [{
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [backend(format!("{app}-primary"), 100), backend(format!("{app}-canary"), 0)],
            }],
        },
    })
}

fn attached() -> Value {
    json!({"parents": [{"controllerName": "istio.io/gateway-controller", "parentRef": {"name": "gateway", "namespace": "istio-ingress"}, "conditions": [condition("Accepted"), condition("ResolvedRefs")]}]})
}

fn steady() -> Value {
    let conditions = ["AbleToScale", "ScalingActive", "ScalingLimited"].map(condition);
    json!({"currentReplicas": 2, "desiredReplicas": 2, "conditions": conditions})
}

fn autoscaler(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "minReplicas": 2, "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}}}],
        },
    })
}
