//! From what the user said about the cluster to a client for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderValue, Uri, header};
use kube::config::{Config, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::{Cluster, Error, Mesh, Reason};

/// How long opening a TCP and TLS connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the user says about how to reach the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The kubeconfig file; without one the pod's `ServiceAccount`, or outside of a cluster the user's default kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// The API server's URL, in place of the one that was found.
    pub master: Option<String>,
}

/// Why there is no connection to a cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig can't be read or used.
    #[error("failed to load {origin}")]
    Kubeconfig {
        /// Which kubeconfig.
        origin: Origin,
        /// Why not.
        #[source]
        source: KubeconfigError,
    },
    /// We are in a pod and its `ServiceAccount` can't be used.
    #[error("failed to load the pod's ServiceAccount")]
    InCluster(#[source] InClusterError),
    /// `-master` is no URL.
    #[error("invalid value of -master: {0:?} is not a URL")]
    Master(String),
    /// The client can't be built from what was found: keys, certificates, proxies.
    #[error("failed to set up a client for the API server {server} ({origin})")]
    Client {
        /// Where the address came from.
        origin: Origin,
        /// The API server.
        server: String,
        /// Why not.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server does not answer.
    #[error("failed to reach the API server {server} ({origin})")]
    Unreachable {
        /// Where the address came from.
        origin: Origin,
        /// The API server.
        server: String,
        /// What was heard.
        #[source]
        source: Box<Error>,
    },
}

impl ConnectError {
    /// What to try next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Kubeconfig { origin: Origin::Kubeconfig { context: None, .. }, .. } => {
                "name an existing file with -kubeconfig, and choose a context: kubectl config use-context <name>"
            }
            Self::Kubeconfig { .. } => "check the file with: kubectl config view",
            Self::InCluster(_) => "check that the pod has a ServiceAccount and automountServiceAccountToken is not off",
            Self::Master(_) => "write it as https://host:port, or leave it out and use -kubeconfig",
            Self::Client { .. } => "check the certificates and keys that the kubeconfig names",
            Self::Unreachable { source, .. } if source.reason == Reason::Unauthorized => {
                "the server answers and does not accept the credentials; log in again, or check the user of the context"
            }
            Self::Unreachable { .. } => {
                "check that the cluster runs (kubectl version) and that this is the context you mean (kubectl config current-context)"
            }
        }
    }
}

/// Where the address and the credentials came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The `ServiceAccount` of the pod that we run in.
    Pod,
    /// A kubeconfig.
    Kubeconfig {
        /// The file, `None` for the user's default one.
        path: Option<PathBuf>,
        /// The context used, as far as it is known.
        context: Option<String>,
    },
    /// `-master` alone, without credentials.
    Master,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod => f.write_str("from the pod's ServiceAccount"),
            Self::Master => f.write_str("from -master"),
            Self::Kubeconfig { path, context } => {
                match path {
                    Some(path) => write!(f, "kubeconfig {}", path.display())?,
                    None => f.write_str("the default kubeconfig ($KUBECONFIG or ~/.kube/config)")?,
                }
                context.as_ref().map_or(Ok(()), |context| write!(f, ", context {context}"))
            }
        }
    }
}

/// Opens a connection and asks the API server for its version, so that a wrong address is found here and not later.
pub async fn connect(access: &Access) -> Result<kube::Client, ConnectError> {
    crate::web::install_crypto();
    let (config, origin) = configure(access).await?;
    let server = config.cluster_url.to_string();
    let client = kube::Client::try_from(config).map_err(|source| ConnectError::Client {
        origin: origin.clone(),
        server: server.clone(),
        source: Box::new(source),
    })?;
    match Cluster::new(client.clone()).version().await {
        Ok(_) => Ok(client),
        Err(source) => Err(ConnectError::Unreachable { origin, server, source: Box::new(source) }),
    }
}

/// Opens the connection to the cluster with the routing objects; `home` is how the cluster of the canaries is reached.
pub async fn connect_mesh(home: &Access, kubeconfig: &Path) -> Result<Mesh, ConnectError> {
    let access = Access { kubeconfig: Some(kubeconfig.to_owned()), master: None };
    let client = connect(&access).await?;
    let address = |config: Config| config.cluster_url.authority().cloned();
    let foreign = address(configure(home).await?.0) != address(configure(&access).await?.0);
    Ok(Mesh { client, foreign })
}

async fn configure(access: &Access) -> Result<(Config, Origin), ConnectError> {
    let (mut config, origin) = find(access).await?;
    if let Some(master) = &access.master {
        config.cluster_url = parse_master(master)?;
    }
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // Who asked knows better whether repeating a write is safe, and when it is too late.
    config.default_retry = false;
    let agent = HeaderValue::from_static(concat!("flagger/", env!("CARGO_PKG_VERSION")));
    config.headers.push((header::USER_AGENT, agent));
    Ok((config, origin))
}

/// The first that there is: the named kubeconfig, the pod's `ServiceAccount`, the user's kubeconfig, the bare `-master`.
async fn find(access: &Access) -> Result<(Config, Origin), ConnectError> {
    if let Some(path) = &access.kubeconfig {
        return from_kubeconfig(Some(path.clone())).await;
    }
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Config::incluster().map(|config| (config, Origin::Pod)).map_err(ConnectError::InCluster);
    }
    match (from_kubeconfig(None).await, &access.master) {
        (Err(ConnectError::Kubeconfig { .. }), Some(master)) => {
            Ok((Config::new(parse_master(master)?), Origin::Master))
        }
        (found, _) => found,
    }
}

async fn from_kubeconfig(path: Option<PathBuf>) -> Result<(Config, Origin), ConnectError> {
    let read = match &path {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let unread = |source| {
        let origin = Origin::Kubeconfig { path: path.clone(), context: None };
        ConnectError::Kubeconfig { origin, source }
    };
    let kubeconfig = read.map_err(unread)?;
    let origin = Origin::Kubeconfig { path, context: kubeconfig.current_context.clone() };
    match Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await {
        Ok(config) => Ok((config, origin)),
        Err(source) => Err(ConnectError::Kubeconfig { origin, source }),
    }
}

fn parse_master(master: &str) -> Result<Uri, ConnectError> {
    let uri = master.parse::<Uri>().ok().filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
    uri.ok_or_else(|| ConnectError::Master(master.to_owned()))
}
