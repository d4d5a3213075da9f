//! Starting and stopping it all.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use metricstore::Store;
use ports::Clock;

use crate::clock::Hurried;
use crate::cluster::{Cluster, Tasks};
use crate::gateway::{Gateway, GatewayStats};
use crate::metrics::{ScrapeTarget, Targets};
use crate::node::{Addresses, Kubelet, Logs, Network, Surroundings};
use crate::options::{Error, Given, Kubernetes, Options};
use crate::prometheus::and_prometheus;
use crate::{ScaledClock, controllers, crds, metrics, network, node};

/// How long a part may take to stop, in real time, before it is left to the end of the program.
const PATIENCE: Duration = Duration::from_secs(5);
/// The name of the kubeconfig in [`Options::dir`].
const KUBECONFIG: &str = "kubeconfig";

/// A running cluster.
pub struct Sandbox {
    clock: Arc<ScaledClock>,
    tasks: Tasks,
    client: Client,
    api: Api,
    kubelet: Option<Kubelet>,
    gateway: Option<Gateway>,
    gateway_addr: SocketAddr,
    gateway_stats: GatewayStats,
    prometheus: Option<metricstore::Server>,
    metrics_url: String,
    store: Store,
    targets: Targets,
    kubeconfig_file: Option<PathBuf>,
}

impl Sandbox {
    /// Starts everything: when this returns, manifests can be applied and requests be sent.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let logs = Logs::default();
        let (clock, api) = match &options.kubernetes {
            Kubernetes::Played => {
                let clock = Arc::new(ScaledClock::new(options.speed));
                let api = Api::Played(start_api(&options, &clock, logs.clone()).await?);
                (clock, api)
            }
            Kubernetes::Given(given) => (Arc::new(ScaledClock::behind(options.speed)), Api::Given(given.clone())),
        };
        let client = api.client();
        let tasks = Tasks::default();
        let parts = Parts { options: &options, clock: &clock, client: &client, tasks: &tasks, logs };
        let started = match parts.start().await {
            Ok(started) => started,
            Err(error) => {
                tasks.stop().await;
                api.stop().await;
                return Err(error);
            }
        };
        let Started { kubelet, gateway, prometheus, store, targets } = started;
        let mut sandbox = Self {
            gateway_addr: gateway.addr(),
            gateway_stats: gateway.stats(),
            metrics_url: prometheus.url(),
            gateway: Some(gateway),
            prometheus: Some(prometheus),
            kubeconfig_file: None,
            kubelet,
            clock,
            tasks,
            client,
            api,
            store,
            targets,
        };
        if let Some(dir) = options.dir {
            match write_kubeconfig(&dir.join(KUBECONFIG), &sandbox.kubeconfig()) {
                Ok(path) => sandbox.kubeconfig_file = Some(path),
                Err(error) => {
                    sandbox.stop().await;
                    return Err(error);
                }
            }
        }
        Ok(sandbox)
    }

    /// The time in it, which an operator should follow too.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// Lets its time run this many times as fast as the machine's from now on.
    pub fn set_speed(&self, speed: f64) {
        self.clock.set_speed(speed);
    }

    /// A kubeconfig for any Kubernetes client, as YAML.
    pub fn kubeconfig(&self) -> String {
        self.api.kubeconfig()
    }

    /// Where the kubeconfig file is, if one was asked for.
    pub fn kubeconfig_file(&self) -> Option<&std::path::Path> {
        self.kubeconfig_file.as_deref()
    }

    /// A client that needs no socket.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where the Kubernetes API is.
    pub fn api_url(&self) -> String {
        self.api.url()
    }

    /// Where the gateway is: an HTTP server for hosts, and an HTTP proxy for cluster names.
    pub fn gateway_url(&self) -> String {
        format!("http://{}", self.gateway_addr)
    }

    /// Where the gateway is, for [`LoadOptions::new`](crate::LoadOptions::new).
    pub fn gateway_addr(&self) -> SocketAddr {
        self.gateway_addr
    }

    /// The gateway's own count of requests.
    pub fn gateway_stats(&self) -> GatewayStats {
        self.gateway_stats.clone()
    }

    /// Where the Prometheus API is.
    pub fn metrics_url(&self) -> String {
        self.metrics_url.clone()
    }

    /// The metrics themselves.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Scrapes `http://<addr>/metrics` too, as the job `job`.
    pub fn add_scrape_target(&self, job: &str, addr: &str) -> Result<(), Error> {
        let addr: SocketAddr = addr.parse().map_err(|_| Error::Target(addr.to_owned()))?;
        self.targets.add(ScrapeTarget::outside(job, addr, "/metrics"));
        Ok(())
    }

    /// Everything that it scrapes at the moment, every five seconds of its time, for whoever wants to scrape it too.
    pub fn scrape_targets(&self) -> Vec<ScrapeTarget> {
        self.targets.all().into_iter().collect()
    }

    /// Stops everything and waits until it has stopped: no task, socket or file is left.
    pub async fn stop(mut self) {
        if let Some(gateway) = self.gateway.take() {
            patiently("gateway", gateway.stop()).await;
        }
        if let Some(kubelet) = self.kubelet.take() {
            patiently("node's agent", kubelet.stop()).await;
        }
        patiently("controllers", self.tasks.stop()).await;
        if let Some(prometheus) = self.prometheus.take() {
            patiently("Prometheus API", prometheus.stop()).await;
        }
        drop(self.client);
        patiently("Kubernetes API", self.api.stop()).await;
        if let Some(path) = &self.kubeconfig_file
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(path = %path.display(), %error, "failed to remove the kubeconfig");
        }
    }
}

/// The API server.
enum Api {
    Played(apiserver::Server),
    Given(Given),
}

impl Api {
    fn client(&self) -> Client {
        match self {
            Self::Played(server) => Client::new(server.api(), "default"),
            Self::Given(given) => given.client.clone(),
        }
    }

    fn kubeconfig(&self) -> String {
        match self {
            Self::Played(server) => server.kubeconfig(),
            Self::Given(given) => given.kubeconfig.clone(),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Played(server) => server.url(),
            Self::Given(given) => given.url.clone(),
        }
    }

    /// Stops what is ours.
    async fn stop(self) {
        match self {
            Self::Played(server) => server.stop().await,
            Self::Given(_) => {}
        }
    }
}

/// What the parts of a cluster are started with.
struct Parts<'a> {
    options: &'a Options,
    clock: &'a Arc<ScaledClock>,
    client: &'a Client,
    tasks: &'a Tasks,
    logs: Logs,
}

/// The parts that have to be stopped one by one, and what there is to look at.
struct Started {
    kubelet: Option<Kubelet>,
    gateway: Gateway,
    prometheus: metricstore::Server,
    store: Store,
    targets: Targets,
}

impl Parts<'_> {
    async fn start(self) -> Result<Started, Error> {
        crds::install(self.client).await.map_err(Error::Crds)?;
        let clock = Arc::clone(self.clock) as Arc<dyn Clock>;
        let (cluster, addresses, kubelet) = match &self.options.kubernetes {
            Kubernetes::Played => self.play(&clock),
            Kubernetes::Given(given) => self.join(&clock, given).await?,
        };
        let Self { options, tasks, .. } = &self;
        let addr = options.gateway_addr;
        let gateway = Gateway::start(&cluster, addresses.clone(), options, tasks)
            .await
            .map_err(|source| Error::Gateway { addr, source })?;
        let addr = options.metrics_addr;
        let queries = metricstore::Options { addr, now: Arc::new(move || clock.now()), retention: options.retention };
        let store = queries.store();
        let prometheus = metricstore::Server::start(queries, store.clone())
            .await
            .map_err(|source| Error::Metrics { addr, source })?;
        let kubelet_port = kubelet.as_ref().map(Kubelet::port);
        // Where names are resolved, nobody needs a proxy for them.
        let proxy = matches!(options.kubernetes, Kubernetes::Played).then(|| gateway.addr());
        let programs = and_prometheus(options.programs.clone(), prometheus.addr());
        let around = Surroundings { kubelet_port, proxy, programs };
        node::start(&cluster, addresses.clone(), self.logs.clone(), options.seed, around, tasks);
        let targets = Targets::of(&cluster, addresses);
        targets.add(ScrapeTarget::outside("gateway", gateway.metrics_addr(), "/metrics"));
        metrics::start(targets.clone(), store.clone(), tasks);
        cluster.follow(tasks);
        Ok(Started { kubelet, gateway, prometheus, store, targets })
    }

    /// Controllers of our own, and addresses for a node without privileges.
    fn play(&self, clock: &Arc<dyn Clock>) -> (Arc<Cluster>, Addresses, Option<Kubelet>) {
        let cluster = Cluster::new(self.client.clone(), Arc::clone(clock), Arc::clone(clock), self.tasks);
        let addresses = Addresses::of(Network::Played);
        controllers::start(&cluster, self.tasks);
        (cluster, addresses, None)
    }

    /// The network for pods and Services of somebody else's controllers, and an agent that they can ask.
    async fn join(
        &self,
        clock: &Arc<dyn Clock>,
        given: &Given,
    ) -> Result<(Arc<Cluster>, Addresses, Option<Kubelet>), Error> {
        let (options, tasks) = (self.options, self.tasks);
        let stamps: Arc<dyn Clock> = Arc::new(Hurried(Arc::clone(self.clock)));
        let tls = Kubelet::acceptor(&given.certificate, &given.key).map_err(Error::Certificate)?;
        let cluster = Cluster::new(self.client.clone(), Arc::clone(clock), Arc::clone(&stamps), tasks);
        let addresses = Addresses::of(Network::Local);
        let addr = SocketAddr::new(addresses.host(), 0);
        let kubelet = Kubelet::start(addr, tls, self.logs.clone(), stamps)
            .await
            .map_err(|source| Error::Kubelet { addr, source })?;
        network::start(&cluster, given.dns, options.seed, tasks)
            .await
            .map_err(|source| Error::Dns { addr: given.dns, source })?;
        Ok((cluster, addresses, Some(kubelet)))
    }
}

async fn start_api(options: &Options, clock: &Arc<ScaledClock>, logs: Logs) -> Result<apiserver::Server, Error> {
    let (addr, clock) = (options.api_addr, Arc::clone(clock));
    let set_up = apiserver::Options {
        addr,
        now: Arc::new(move || clock.now()),
        seed: options.seed,
        logs: Some(Arc::new(move |namespace, pod| logs.read(namespace, pod))),
        faults: options.faults.clone(),
        ..apiserver::Options::default()
    };
    apiserver::Server::start(set_up).await.map_err(|source| Error::Api { addr, source })
}

/// Writes a file whole or not at all.
fn write_kubeconfig(path: &std::path::Path, kubeconfig: &str) -> Result<PathBuf, Error> {
    let half = path.with_extension("tmp");
    let written = std::fs::write(&half, kubeconfig).and_then(|()| std::fs::rename(&half, path));
    written.map(|()| path.to_owned()).map_err(|source| {
        drop(std::fs::remove_file(&half));
        Error::Kubeconfig { path: path.to_owned(), source }
    })
}

async fn patiently(part: &str, stopping: impl Future<Output = ()>) {
    if tokio::time::timeout(PATIENCE, stopping).await.is_err() {
        tracing::warn!(part, "a part of the sandbox takes long to stop");
    }
}
