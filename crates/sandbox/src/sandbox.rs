//! Starting and stopping it all.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use apiserver::Faults;
use kube::Client;
use metricstore::Store;
use ports::Clock;

use crate::cluster::{Cluster, Tasks};
use crate::gateway::{Gateway, GatewayStats};
use crate::metrics::{Extra, Target};
use crate::node::{Addresses, Logs};
use crate::{CrdError, ScaledClock, controllers, crds, metrics, node};

/// How long a part may take to stop, in real time, before it is left to the end of the program.
const PATIENCE: Duration = Duration::from_secs(5);
/// The name of the kubeconfig in [`Options::dir`].
const KUBECONFIG: &str = "kubeconfig";

/// How a sandbox is set up; the default is one at the machine's speed on free ports.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many times faster than the machine's its clock runs.
    pub speed: f64,
    /// Where all dice start from: generated names, the splitting of requests, failing requests.
    pub seed: u64,
    /// Where the Kubernetes API listens; port 0 takes a free one.
    pub api_addr: SocketAddr,
    /// Where the gateway listens.
    pub gateway_addr: SocketAddr,
    /// Where the Prometheus API listens.
    pub metrics_addr: SocketAddr,
    /// How long metrics are kept, by its clock.
    pub retention: Duration,
    /// An existing folder to keep a `kubeconfig` in while the sandbox runs.
    pub dir: Option<PathBuf>,
    /// What goes wrong between clients and the Kubernetes API; by default nothing does.
    pub faults: Option<Faults>,
}

impl Default for Options {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let retention = Duration::from_secs(2 * 60 * 60);
        Self {
            speed: 1.0,
            seed: 0,
            api_addr: any,
            gateway_addr: any,
            metrics_addr: any,
            retention,
            dir: None,
            faults: None,
        }
    }
}

/// Why a sandbox did not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The Kubernetes API.
    #[error("failed to start the sandbox's Kubernetes API on {addr}")]
    Api {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What went wrong.
        #[source]
        source: apiserver::Error,
    },
    /// The gateway.
    #[error("failed to start the sandbox's gateway on {addr}")]
    Gateway {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The Prometheus API.
    #[error("failed to start the sandbox's Prometheus API on {addr}")]
    Metrics {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What went wrong.
        #[source]
        source: metricstore::Error,
    },
    /// The custom resource definitions.
    #[error("failed to install the sandbox's custom resource definitions")]
    Crds(#[source] CrdError),
    /// The kubeconfig file.
    #[error("failed to write {path}")]
    Kubeconfig {
        /// Where it should have been.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// A scrape target's address.
    #[error("scrape target \"{0}\" is not an address such as 127.0.0.1:8080")]
    Target(String),
}

/// A running cluster.
pub struct Sandbox {
    clock: Arc<ScaledClock>,
    tasks: Tasks,
    client: Client,
    api: apiserver::Server,
    gateway: Option<Gateway>,
    gateway_addr: SocketAddr,
    gateway_stats: GatewayStats,
    prometheus: Option<metricstore::Server>,
    metrics_url: String,
    store: Store,
    extra: Extra,
    kubeconfig_file: Option<PathBuf>,
}

impl Sandbox {
    /// Starts everything: when this returns, manifests can be applied and requests be sent.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let clock = Arc::new(ScaledClock::new(options.speed));
        let logs = Logs::default();
        let api = start_api(&options, &clock, logs.clone()).await?;
        let client = Client::new(api.api(), "default");
        let tasks = Tasks::default();
        let started = Parts { options: &options, clock: &clock, client: &client, tasks: &tasks, logs }.start().await;
        let (gateway, prometheus, store, extra) = match started {
            Ok(started) => started,
            Err(error) => {
                tasks.stop().await;
                api.stop().await;
                return Err(error);
            }
        };
        let mut sandbox = Self {
            gateway_addr: gateway.addr(),
            gateway_stats: gateway.stats(),
            metrics_url: prometheus.url(),
            gateway: Some(gateway),
            prometheus: Some(prometheus),
            kubeconfig_file: None,
            clock,
            tasks,
            client,
            api,
            store,
            extra,
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
        self.extra.add(Target::outside(job, addr, "/metrics"));
        Ok(())
    }

    /// Stops everything and waits until it has stopped: no task, socket or file is left.
    pub async fn stop(mut self) {
        if let Some(gateway) = self.gateway.take() {
            patiently("gateway", gateway.stop()).await;
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

/// What the parts of a cluster are started with.
struct Parts<'a> {
    options: &'a Options,
    clock: &'a Arc<ScaledClock>,
    client: &'a Client,
    tasks: &'a Tasks,
    logs: Logs,
}

impl Parts<'_> {
    async fn start(self) -> Result<(Gateway, metricstore::Server, Store, Extra), Error> {
        let Self { options, clock, client, tasks, logs } = self;
        crds::install(client).await.map_err(Error::Crds)?;
        let clock = Arc::clone(clock) as Arc<dyn Clock>;
        let cluster = Cluster::new(client.clone(), Arc::clone(&clock), tasks);
        let addresses = Addresses::default();
        controllers::start(&cluster, tasks);
        node::start(&cluster, addresses.clone(), logs, options.seed, tasks);
        let addr = options.gateway_addr;
        let gateway = Gateway::start(&cluster, addresses.clone(), options.seed, addr, tasks)
            .await
            .map_err(|source| Error::Gateway { addr, source })?;
        let addr = options.metrics_addr;
        let queries = metricstore::Options { addr, now: Arc::new(move || clock.now()), retention: options.retention };
        let store = queries.store();
        let prometheus = metricstore::Server::start(queries, store.clone())
            .await
            .map_err(|source| Error::Metrics { addr, source })?;
        let extra = Extra::default();
        extra.add(Target::outside("gateway", gateway.metrics_addr(), "/metrics"));
        metrics::start(&cluster, addresses, extra.clone(), store.clone(), tasks);
        cluster.follow(tasks);
        Ok((gateway, prometheus, store, extra))
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
