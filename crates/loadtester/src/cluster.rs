//! A client for the cluster, for what is kept in or read from it.

use std::path::Path;
use std::time::Duration;

use kube::Client;
use kube::config::{Config, InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("failed to load the kubeconfig {path}")]
    Kubeconfig { path: String, source: Box<KubeconfigError> },
    #[error("failed to find a cluster: there is no kubeconfig and no ServiceAccount")]
    Find(#[source] Box<InferConfigError>),
    #[error("failed to set up a client for the API server")]
    Client(#[source] Box<kube::Error>),
}

/// By the kubeconfig, or else by what the machine has: the user's kubeconfig, or the pod's `ServiceAccount`.
pub(crate) async fn client(kubeconfig: Option<&Path>) -> Result<Client, Error> {
    process::web::install_crypto();
    let mut config = match kubeconfig {
        Some(path) => named(path).await?,
        None => Config::infer().await.map_err(|source| Error::Find(Box::new(source)))?,
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Client::try_from(config).map_err(|source| Error::Client(Box::new(source)))
}

async fn named(path: &Path) -> Result<Config, Error> {
    let failed = |source| Error::Kubeconfig { path: path.display().to_string(), source: Box::new(source) };
    let kubeconfig = Kubeconfig::read_from(path).map_err(failed)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(failed)
}
