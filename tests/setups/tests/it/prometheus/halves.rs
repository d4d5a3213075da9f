//! Releases that stand still: both halves of every canary of the set-ups, side by side, each under a load of its own.
//!
//! No dice: a header leads to the canary, so that all counters grow at rates that are known, and whoever scrapes at whichever
//! moment sees the same. Requests that take a second are the slow ones, whatever else the machine does.

use std::time::Duration;

use api::Canary;
use http::{HeaderMap, HeaderName, HeaderValue};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Client, ResourceExt};
use meters::Names;
use meters::builtin;
use sandbox::{Load, LoadOptions, Sandbox};
use serde_json::{Value, json};
use setups::{manifests, root};
use tokio::time::{sleep, timeout};

use super::routes::{self, INSIDER};
use crate::examples::{all, apply};

/// The provider of canaries that name none.
pub(super) const MESH: &str = "istio";

/// The set-ups, and the namespace in which one of them is here, as another one has its own.
const SETUPS: [(&str, Option<&str>); 5] = [
    ("tenants/manifests", None),
    ("environments/development.yaml", None),
    ("load-harness/manifests", None),
    ("istio/manifests", None),
    ("nginx/manifests", Some("ingress")),
];

/// What is asked of each half, and how often in a second: so often that a request more or less between two scrapes is nothing,
/// and so many slow ones that every quantile is among them.
const REQUESTS: [(&str, f64); 3] = [("/", 2.0), ("/status/500", 4.0), ("/delay/1", 8.0)];

/// Until pods are ready and the gateway obeys, on a machine that builds at the same time.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Halves {
    pub(super) canaries: Vec<Canary>,
    visits: Vec<Visit>,
}

/// Requests for a host, and the workload that has to answer them.
struct Visit {
    host: String,
    insider: bool,
    workload: String,
}

impl Halves {
    /// Applies the set-ups and, for each of their canaries, what the operator would add.
    pub(super) async fn stand(sandbox: &Sandbox) -> Self {
        let client = sandbox.client();
        let mut hosts = Vec::new();
        for (setup, namespace) in SETUPS {
            for mut object in manifests(&root().join("examples").join(setup)).unwrap() {
                place(&mut object, namespace);
                hosts.extend(ingress_host(&object));
                apply(&client, &object).await;
            }
        }
        let deployments: Vec<Deployment> = all(&client).await;
        let canaries: Vec<Canary> = all(&client).await;
        let mut visits = Vec::new();
        for canary in &canaries {
            let names = Names::of(canary);
            let is_target = |deployment: &&Deployment| {
                deployment.namespace().as_ref() == Some(&names.namespace) && deployment.name_any() == names.target
            };
            let deployment = deployments.iter().find(is_target).unwrap();
            workloads(&client, canary, &names, deployment).await;
            let own = format!("{}.{}.example.com", names.target, names.namespace);
            let ingress = hosts.iter().find(|(namespace, _)| *namespace == names.namespace);
            let provider = builtin::provider(canary, MESH);
            let front = if provider == "nginx" { ingress.unwrap().1.clone() } else { own };
            let port = canary.spec.service.port;
            let routes = match provider.as_str() {
                "istio" => routes::istio(&names, &front),
                "nginx" => routes::nginx(&names, &front, port),
                _ => routes::gateway_api(&names, &front, port),
            };
            for route in routes {
                apply(&client, &route).await;
            }
            let primary = format!("{}-primary", names.target);
            visits.push(Visit { host: front.clone(), insider: false, workload: primary.clone() });
            visits.push(Visit { host: front, insider: true, workload: names.target });
            // Where somebody else than the operator lets requests in.
            if let Some((_, host)) = ingress.filter(|_| provider != "nginx") {
                visits.push(Visit { host: host.clone(), insider: false, workload: primary });
            }
        }
        Self { canaries, visits }
    }

    /// Sends all requests, from when the gateway leads all of them to where they belong.
    pub(super) async fn load(&self, sandbox: &Sandbox) -> Vec<Load> {
        for visit in &self.visits {
            let probe = visit.send(sandbox, "/", 20.0);
            let arriving = async {
                while probe.stats().snapshot().share(&visit.workload) <= 0.0 {
                    sleep(PAUSE).await;
                }
            };
            let arrived = timeout(PATIENCE, arriving).await;
            assert!(
                arrived.is_ok(),
                "{} never answers for {}: {:?}",
                visit.workload,
                visit.host,
                probe.stats().snapshot()
            );
            probe.stop().await;
        }
        let loads = self.visits.iter().flat_map(|visit| REQUESTS.map(|(path, rate)| visit.send(sandbox, path, rate)));
        loads.collect()
    }
}

impl Visit {
    fn send(&self, sandbox: &Sandbox, path: &str, per_second: f64) -> Load {
        let insider = (HeaderName::from_static(INSIDER.0), HeaderValue::from_static(INSIDER.1));
        let headers: HeaderMap = self.insider.then_some(insider).into_iter().collect();
        let options = LoadOptions::new(sandbox.gateway_addr(), &self.host);
        let options = LoadOptions { path: path.to_owned(), per_second, headers, ..options };
        Load::start(&options, sandbox.clock()).unwrap()
    }
}

/// Puts an object into a namespace, and takes all pods but one from a Deployment.
fn place(object: &mut Value, namespace: Option<&str>) {
    if let Some(namespace) = namespace {
        let field = if object["kind"] == "Namespace" { "name" } else { "namespace" };
        object["metadata"][field] = namespace.into();
    }
    if object["kind"] == "Deployment" {
        object["spec"]["replicas"] = 1.into();
    }
}

/// The namespace and the host of an Ingress.
fn ingress_host(object: &Value) -> Option<(String, String)> {
    let host = object.pointer("/spec/rules/0/host").filter(|_| object["kind"] == "Ingress")?.as_str()?;
    Some((object["metadata"]["namespace"].as_str()?.to_owned(), host.to_owned()))
}

/// The primary's Deployment, and the three Services.
async fn workloads(client: &Client, canary: &Canary, names: &Names, deployment: &Deployment) {
    let Names { namespace, target, service, .. } = names;
    let primary = format!("{target}-primary");
    let mut copy = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": primary, "namespace": namespace},
        "spec": {"replicas": 1, "template": deployment.spec.template},
    });
    let labels = json!({"app": primary});
    copy["spec"]["selector"] = json!({"matchLabels": labels});
    copy["spec"]["template"]["metadata"]["labels"] = labels.clone();
    apply(client, &copy).await;
    let own = &deployment.spec.selector.match_labels;
    let port = json!([{"name": "http", "port": canary.spec.service.port, "targetPort": port(deployment)}]);
    for (name, selector) in [
        (service.clone(), &labels),
        (format!("{service}-primary"), &labels),
        (format!("{service}-canary"), &json!(own)),
    ] {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
            "spec": {"selector": selector, "ports": port},
        });
        apply(client, &service).await;
    }
}

/// The port of the first container.
fn port(deployment: &Deployment) -> i32 {
    let pod = deployment.spec.template.spec.as_ref().unwrap();
    pod.containers[0].ports.as_ref().unwrap()[0].container_port
}
