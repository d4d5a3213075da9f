//! How a sandbox is set up, and why there is none.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use apiserver::Faults;
use kube::Client;

use crate::CrdError;
use crate::node::BadPair;
use crate::programs::Programs;

/// How a sandbox is set up; the default is one at the machine's speed on free ports.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many times faster than the machine's its clock runs.
    pub speed: f64,
    /// Where all dice start from: generated names, the splitting of requests, failing requests.
    pub seed: u64,
    /// Whose API server and controllers it has.
    pub kubernetes: Kubernetes,
    /// Where the played Kubernetes API listens; port 0 takes a free one.
    pub api_addr: SocketAddr,
    /// Where the gateway listens.
    pub gateway_addr: SocketAddr,
    /// Whether the gateway obeys routing objects and writes their status; not where somebody else's gateway does.
    pub routes: bool,
    /// Where the Prometheus API listens.
    pub metrics_addr: SocketAddr,
    /// How long metrics are kept, by its clock.
    pub retention: Duration,
    /// An existing folder to keep a `kubeconfig` in while the sandbox runs.
    pub dir: Option<PathBuf>,
    /// What containers of some images run.
    pub programs: Programs,
    /// What goes wrong between clients and the played Kubernetes API; by default nothing does.
    pub faults: Option<Faults>,
}

impl Default for Options {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let retention = Duration::from_secs(2 * 60 * 60);
        Self {
            speed: 1.0,
            seed: 0,
            kubernetes: Kubernetes::Played,
            api_addr: any,
            gateway_addr: any,
            routes: true,
            metrics_addr: any,
            retention,
            dir: None,
            programs: Programs::default(),
            faults: None,
        }
    }
}

/// Whose API server and controllers a sandbox has.
#[derive(Clone, Debug, Default)]
pub enum Kubernetes {
    /// Its own, in memory.
    #[default]
    Played,
    /// Somebody else's.
    Given(Given),
}

/// An API server with the controllers of Kubernetes, but without any node.
///
/// *Assumptions.* This process is in a network namespace in which [`POD_RANGE`](crate::POD_RANGE) and the addresses of Services
/// are local: there the sandbox's node listens on the addresses of pods, and on those of Services.
#[derive(Clone)]
pub struct Given {
    /// A client that may do everything.
    pub client: Client,
    /// Where it is.
    pub url: String,
    /// A kubeconfig for a user who may do everything.
    pub kubeconfig: String,
    /// What the node's agent is known by, as PEM.
    pub certificate: String,
    /// The key of that certificate, as PEM.
    pub key: String,
    /// An address for DNS: of the range of Services, and given to none.
    pub dns: Ipv4Addr,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest opens everything.
        f.debug_struct("Given").field("url", &self.url).finish_non_exhaustive()
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
    /// The agent of its node.
    #[error("failed to start the agent of the sandbox's node on {addr}; are its addresses local here?")]
    Kubelet {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
    /// The certificate of the agent of its node.
    #[error("failed to use the certificate for the agent of the sandbox's node")]
    Certificate(#[source] BadPair),
    /// DNS.
    #[error("failed to start the sandbox's DNS on {addr}; are the addresses of Services local here?")]
    Dns {
        /// Where it should have listened.
        addr: Ipv4Addr,
        /// What went wrong.
        #[source]
        source: io::Error,
    },
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
