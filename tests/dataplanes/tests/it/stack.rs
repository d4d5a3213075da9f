//! A cluster with a gateway of others, the operator at work in it, and what the test does there.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use controlplane::ControlPlane;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::pinned_kind;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use operator::admin::Admin;
use operator::cluster::connect;
use operator::web::Web;
use operator::{args, run};
use sandbox::{Given, Kubernetes, Options, Sandbox};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::browser::Browser;
use crate::programs::Programs;

/// Far more than anything takes, on a machine that builds at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Where requests from outside come in.
pub(crate) const ENVOY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Where the real Prometheus is.
pub(crate) const PROMETHEUS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// An address for DNS in the range of Services that is given to none.
pub(crate) const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 10);

/// Where Contour tells Envoy what to do, and where Envoy's own metrics are.
const XDS_PORT: &str = "8001";
const ENVOY_METRICS: &str = "127.0.0.1:8002";

/// Everything at work; all of it ends with the namespace.
pub(crate) struct Stack {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    folder: PathBuf,
    plane: ControlPlane,
    children: Mutex<Vec<(&'static str, Child)>>,
}

impl Stack {
    /// A control plane, a node and its network, Prometheus and the operator.
    pub(crate) async fn start(programs: &Programs) -> Self {
        let plane = ControlPlane::start(controlplane::Options::new(programs.plane.clone())).await.unwrap();
        let client = plane.client().unwrap();
        let given = Given {
            client: client.clone(),
            url: plane.url(),
            kubeconfig: plane.kubeconfig().unwrap(),
            certificate: plane.certificate().unwrap(),
            key: plane.key().unwrap(),
            dns: DNS,
        };
        let options = Options { kubernetes: Kubernetes::Given(given), routes: false, ..Options::default() };
        let sandbox = Sandbox::start(options).await.unwrap();
        let folder = plane.folder().to_owned();
        fs::write(folder.join("kubeconfig"), plane.kubeconfig().unwrap()).unwrap();
        let stack = Self { sandbox, client, folder, plane, children: Mutex::default() };
        stack.prometheus(&programs.prometheus);
        stack
    }

    /// Contour with Envoy, for a Gateway called `contour` in the namespace `projectcontour`.
    pub(crate) async fn contour(&self, programs: &Programs) {
        for file in fs::read_dir(&programs.kinds).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let kinds: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            for kind in kinds.iter().filter(|kind| kind["kind"] == "CustomResourceDefinition") {
                self.put_kind(kind).await;
            }
        }
        let config = self.folder.join("contour.yaml");
        fs::write(&config, "gateway: {gatewayRef: {name: contour, namespace: projectcontour}}\n").unwrap();
        let manifest = include_str!("contour.yaml");
        for object in serde_saphyr::from_multiple::<Value>(manifest).unwrap() {
            self.apply(&object).await;
        }
        let mut contour = Command::new(&programs.contour);
        contour.args(["serve", "--insecure", "--no-incluster", "--disable-leader-election", "--xds-address=127.0.0.1"]);
        contour.arg("--envoy-service-http-port=8080");
        // Its release knows older versions of these kinds than the one that is published now.
        contour.args(["tlsroutes", "backendtlspolicies", "tcproutes"].map(|kind| format!("--disable-feature={kind}")));
        contour.arg(format!("--xds-port={XDS_PORT}")).arg("--kubeconfig").arg(self.folder.join("kubeconfig"));
        self.spawn("contour", contour.arg("--config-path").arg(&config));

        let bootstrap = self.folder.join("envoy.json");
        let mut write = Command::new(&programs.contour);
        write.args(["bootstrap", "--xds-address=127.0.0.1"]).arg(format!("--xds-port={XDS_PORT}"));
        let admin = format!("--admin-address={}", self.folder.join("envoy.sock").display());
        let written = write.arg(admin).arg(&bootstrap).output().unwrap();
        assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
        let mut envoy = Command::new(&programs.envoy);
        envoy.args([
            "--service-node",
            "envoy",
            "--service-cluster",
            "contour",
            "--disable-hot-restart",
            "-l",
            "warning",
        ]);
        self.spawn("envoy", envoy.args(["--concurrency", "1"]).arg("-c").arg(bootstrap));
    }

    /// The operator, for as long as the namespace is there.
    pub(crate) async fn operator(&self, provider: &str) {
        let flags = [
            format!("-kubeconfig={}", self.folder.join("kubeconfig").display()),
            format!("-metrics-server=http://{PROMETHEUS}"),
            format!("-mesh-provider={provider}"),
        ];
        let settings = args::parse(flags.into_iter(), |_| None).unwrap();
        let client = connect(&settings.access).await.unwrap();
        let admin = Admin::bind_local(0).await.unwrap();
        let clock = self.sandbox.clock();
        tokio::spawn(async move {
            let ended = run::serve(client, Web::new(), settings, clock, admin, CancellationToken::new()).await;
            panic!("the operator ended by itself: {ended:?}");
        });
    }

    /// A real Prometheus that asks Envoy and every pod each second.
    fn prometheus(&self, program: &Path) {
        let config = self.folder.join("prometheus.yaml");
        let pods = self.folder.join("pods.json");
        fs::write(&pods, "[]").unwrap();
        let scrapes = json!({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "envoy", "metrics_path": "/stats/prometheus",
                    "static_configs": [{"targets": [ENVOY_METRICS]}]},
                {"job_name": "kubernetes-pods", "file_sd_configs": [{"files": [pods], "refresh_interval": "1s"}]},
            ],
        });
        fs::write(&config, scrapes.to_string()).unwrap();
        let mut prometheus = Command::new(program);
        prometheus.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={PROMETHEUS}"));
        prometheus.arg(format!("--storage.tsdb.path={}", self.folder.join("prometheus").display()));
        self.spawn("prometheus", &mut prometheus);
        tokio::spawn(targets(self.client.clone(), pods));
    }

    /// Starts a program whose output goes to a log.
    fn spawn(&self, name: &'static str, command: &mut Command) {
        let log = File::create(self.folder.join(format!("{name}.log"))).unwrap();
        let child = command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap();
        self.children.lock().unwrap().push((name, child));
    }

    /// No program has ended by itself.
    fn assert_at_work(&self) {
        for (name, child) in self.children.lock().unwrap().iter_mut() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} ended: {ended:?}\n{}", self.logs());
        }
    }

    /// Puts the definition of a kind in the place of one that may be there, and waits until it is served.
    async fn put_kind(&self, kind: &Value) {
        let resource = kube::core::ApiResource::erase::<
            k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
        >(&());
        let kinds: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let mut kind: DynamicObject = serde_json::from_value(kind.clone()).unwrap();
        let name = kind.name_any();
        if let Some(before) = kinds.get_opt(&name).await.unwrap() {
            kind.metadata.resource_version = before.metadata.resource_version;
            kinds.replace(&name, &PostParams::default(), &kind).await.unwrap();
        } else {
            kinds.create(&PostParams::default(), &kind).await.unwrap();
        }
        let established = kube::runtime::conditions::is_crd_established();
        let waiting = kube::runtime::wait::await_condition(Api::all(self.client.clone()), &name, established);
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
    }

    /// Applies an object, as `kubectl apply --server-side` does.
    pub(crate) async fn apply(&self, object: &Value) {
        let api = self.api(object).await;
        let name = object["metadata"]["name"].as_str().unwrap();
        let params = PatchParams::apply("test").force().validation_strict();
        api.patch(name, &params, &Patch::Apply(object)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// An object as it is now, by its kind, namespace and name in `object`.
    pub(crate) async fn get(&self, object: &Value) -> Value {
        let found = self.api(object).await.get(object["metadata"]["name"].as_str().unwrap()).await.unwrap();
        serde_json::to_value(found).unwrap()
    }

    async fn api(&self, object: &Value) -> Api<DynamicObject> {
        let api_version = object["apiVersion"].as_str().unwrap();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, object["kind"].as_str().unwrap());
        let (resource, _) = pinned_kind(&self.client, &kind).await.unwrap();
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    /// Waits until a host is served from outside.
    pub(crate) async fn served(&self, host: &str) {
        let waiting = async {
            loop {
                let page = Browser::default().visit(ENVOY, host, "/").await;
                if page.is_some_and(|page| page.status == 200) {
                    return;
                }
                self.assert_at_work();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let served = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(served.is_ok(), "{host} is not served:\n{}", self.logs());
    }

    /// The ends of the logs, for a test that fails.
    pub(crate) fn logs(&self) -> String {
        let mut logs = String::new();
        for name in ["contour", "envoy", "prometheus"] {
            let log = fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default();
            logs += &format!("--- {name}\n{}\n", end.join("\n"));
        }
        logs
    }

    /// Ends the parts that write into folders, so that none is left.
    pub(crate) async fn stop(self) {
        self.sandbox.stop().await;
        drop(self.plane);
    }
}

/// Keeps the list of pods for Prometheus, with the labels by which built-in queries know them.
async fn targets(client: Client, file: PathBuf) {
    let pods: Api<Pod> = Api::all(client);
    let mut changes =
        std::pin::pin!(watcher(pods.clone(), watcher::Config::default()).default_backoff().touched_objects());
    while futures::StreamExt::next(&mut changes).await.is_some() {
        let Ok(all) = pods.list(&ListParams::default()).await else { continue };
        let targets: Vec<Value> = all.iter().filter_map(target).collect();
        // Whole or not at all, as it is read at any time.
        let half = file.with_extension("tmp");
        fs::write(&half, Value::from(targets).to_string()).unwrap();
        fs::rename(&half, &file).unwrap();
    }
}

fn target(pod: &Pod) -> Option<Value> {
    let address = pod.status.as_ref()?.pod_ip.as_ref()?;
    let container = pod.spec.as_ref()?.containers.first()?;
    let port = container.ports.as_ref()?.first()?.container_port;
    Some(json!({
        "targets": [format!("{address}:{port}")],
        "labels": {"kubernetes_namespace": pod.namespace(), "kubernetes_pod_name": pod.name_any()},
    }))
}
