//! What a release may not get past: vulnerable images, routes that lead nowhere, and a version that does not work.

use std::fs;

use http::{Request, StatusCode};
use process::web::{Options, Web};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::remotes::Remote;
use crate::tester::{PATIENCE, Tester, folder, payload};

/// An API server in memory, with what a test puts there.
struct Cluster {
    runtime: Runtime,
    server: Option<apiserver::Server>,
    kubeconfig: String,
}

impl Cluster {
    fn start(name: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(apiserver::Server::start(apiserver::Options::default())).unwrap();
        let kubeconfig = folder(name).join("kubeconfig");
        fs::write(&kubeconfig, server.kubeconfig()).unwrap();
        let cluster = Self { runtime, server: Some(server), kubeconfig: kubeconfig.display().to_string() };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        cluster.create("/api/v1/namespaces", &namespace);
        cluster
    }

    fn create(&self, path: &str, object: &Value) {
        let url = format!("{}{path}", self.server.as_ref().unwrap().url());
        let request = Request::post(url).header("content-type", "application/json");
        let request = request.body(object.to_string().into_bytes()).unwrap();
        let response = self.runtime.block_on(Web::new().send(request, &Options::within(PATIENCE))).unwrap();
        let text = String::from_utf8_lossy(response.body());
        assert_eq!(response.status(), StatusCode::CREATED, "{path}: {text}");
    }

    /// A kind of Istio, with whatever fields.
    fn define(&self, kind: &str, plural: &str) {
        let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let version = json!({"name": "v1", "served": true, "storage": true, "schema": schema});
        let names =
            json!({"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")});
        let definition = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.networking.istio.io")},
            "spec": {"group": "networking.istio.io", "scope": "Namespaced", "names": names, "versions": [version]},
        });
        self.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
    }

    fn route(&self, name: &str, hosts: [&str; 2]) {
        let share = |(host, weight): (&str, i64)| json!({"destination": {"host": host}, "weight": weight});
        let route: Vec<Value> = hosts.into_iter().zip([90, 10]).map(share).collect();
        let object = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name},
            "spec": {"hosts": ["cart"], "http": [{ "route": route }]},
        });
        self.create("/apis/networking.istio.io/v1/namespaces/shop/virtualservices", &object);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

fn trivy(image: &str, severity: &str) -> String {
    let found = json!([{"VulnerabilityID": "CVE-2026-1", "Severity": severity}]);
    json!({"SchemaVersion": 2, "ArtifactName": image, "Results": [{"Target": "os", "Vulnerabilities": found}]})
        .to_string()
}

#[test]
fn images_of_a_canary_are_held_against_the_reports_that_were_handed_in() {
    let cluster = Cluster::start("images");
    for definition in api::crds() {
        cluster.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &json!(definition));
    }
    let pod = json!({
        "metadata": {"labels": {"app": "cart"}},
        "spec": {"initContainers": [{"name": "a", "image": "init:1"}], "containers": [{"name": "b", "image": "cart:2"}]},
    });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
        "spec": {"selector": {"matchLabels": {"app": "cart"}}, "template": pod},
    });
    cluster.create("/apis/apps/v1/namespaces/shop/deployments", &deployment);
    let canary = json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "cart"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"},
            "service": {"port": 80}, "analysis": {"interval": "1m", "threshold": 1, "stepWeight": 10},
        },
    });
    cluster.create("/apis/flagger.app/v1beta1/namespaces/shop/canaries", &canary);

    let reports = folder("reports");
    let words =
        ["security-validator", "-reports-dir", &reports.display().to_string(), "-kubeconfig", &cluster.kubeconfig];
    let validator = Tester::start(&words);
    fs::write(reports.join("init.json"), trivy("docker.io/library/init:1", "LOW")).unwrap();
    let missing = (403, "there is no report about the image cart:2".to_owned());
    assert_eq!(validator.hook("/validate", &json!({})), missing);
    fs::write(reports.join("cart.json"), trivy("cart:2", "CRITICAL")).unwrap();
    let vulnerable = "the image cart:2 has 1 critical vulnerabilities, 0 may be: CVE-2026-1";
    assert_eq!(validator.hook("/validate", &json!({})), (403, vulnerable.to_owned()));
    assert_eq!(validator.get("/verify-deployment"), (403, vulnerable.to_owned()), "without a canary all reports count");
    fs::write(reports.join("cart.json"), trivy("cart:2", "MEDIUM")).unwrap();
    assert_eq!(validator.hook("/validate", &json!({})), (200, "cart:2, init:1 may run\n".to_owned()));
    assert_eq!(validator.get("/verify-deployment").0, 200);

    let (status, reason) = validator.hook("/verify-deployment", &json!({}));
    assert_eq!(status, 500, "what can't be found out is not allowed");
    assert!(reason.starts_with("failed to read the Deployment cart-primary.shop: "), "{reason}");
    let named = json!({"image": "init:1"});
    assert_eq!(validator.hook("/verify-deployment", &named), (200, "init:1 may run\n".to_owned()));
    let (status, reason) = validator.post("/validate", "");
    assert_eq!(status, 400);
    assert!(reason.starts_with("the body is not the payload of a webhook"), "{reason}");
}

#[test]
fn reports_may_be_in_a_config_map_and_limits_are_flags() {
    let cluster = Cluster::start("report-map");
    let reports = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "reports"},
        "data": {"cart.json": trivy("cart:2", "HIGH"), "notes": "not a report"},
    });
    cluster.create("/api/v1/namespaces/shop/configmaps", &reports);
    let validate = |words: &[&str]| {
        let place = ["security-validator", "-reports-configmap", "shop/reports", "-kubeconfig", &cluster.kubeconfig];
        Tester::start(&[&place[..], words].concat()).hook("/validate", &json!({"image": "cart:2"})).0
    };
    assert_eq!(validate(&[]), 403);
    assert_eq!(validate(&["-max-high=1"]), 200);
    assert_eq!(validate(&["-ignore=CVE-2026-1"]), 200);
}

#[test]
fn routes_that_lead_nowhere_hold_a_release() {
    let cluster = Cluster::start("routes");
    let validator = Tester::start(&["istio-validator", "-kubeconfig", &cluster.kubeconfig]);
    let (status, reason) = validator.hook("/validate-config", &json!({}));
    assert_eq!((status, reason.as_str()), (500, "the cluster has no VirtualService of networking.istio.io"));
    for (kind, plural) in [("VirtualService", "virtualservices"), ("DestinationRule", "destinationrules")] {
        cluster.define(kind, plural);
    }
    let empty = (200, "0 VirtualServices and 0 DestinationRules fit\n".to_owned());
    assert_eq!(validator.hook("/validate-config", &json!({})), empty, "not every mesh has gateways and entries");
    for (kind, plural) in [("Gateway", "gateways"), ("ServiceEntry", "serviceentries")] {
        cluster.define(kind, plural);
    }
    for name in ["cart-primary", "cart-canary"] {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"port": 80}], "selector": {"app": name}},
        });
        cluster.create("/api/v1/namespaces/shop/services", &service);
    }
    cluster.route("cart", ["cart-primary", "cart-canary"]);
    let fine = (200, "1 VirtualServices and 0 DestinationRules fit\n".to_owned());
    assert_eq!(validator.hook("/validate-config", &json!({})), fine);
    cluster.route("till", ["cart-primary", "till-canary"]);
    let problem = r#"VirtualService till: http[0]: no Service of the host "till-canary""#;
    assert_eq!(validator.hook("/validate-config", &json!({})), (403, problem.to_owned()));
    let elsewhere = payload("bank", &json!({})).to_string();
    assert_eq!(
        validator.post("/validate-config", &elsewhere).0,
        200,
        "routes of other namespaces are others' business"
    );
}

#[test]
fn what_was_released_is_verified_by_its_health_and_its_answers() {
    let tester = Tester::start(&[]);
    let service = |broken: &'static str| {
        Remote::start(move |request| {
            let status = if request.uri().path() == broken { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            (status, json!({}))
        })
    };
    let verify = |remote: &Remote| {
        let hook = json!({
            "type": "verify", "healthUrl": remote.url("/healthz"), "url": remote.url("/"), "count": "20", "rate": "0",
        });
        tester.hook("/", &hook)
    };
    let (status, report) = verify(&service("/nothing"));
    assert_eq!(status, 200);
    assert!(report.starts_with("healthy\n") && report.contains("20 × 200 OK"), "{report}");
    assert_eq!(
        verify(&service("/healthz")),
        (403, "not healthy: 127.0.0.1 answered 503 Service Unavailable".to_owned())
    );
    let (status, report) = verify(&service("/"));
    assert_eq!(status, 403);
    assert!(report.starts_with("no request succeeded"), "{report}");
}
