//! The server on a socket.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api::Api;
use crate::options::Options;

/// How long running requests are waited for when the server stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken or not ours.
    #[error("failed to listen on {addr}")]
    Listen {
        /// Where it wanted to listen.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// An API server that listens on a socket.
///
/// Dropping it without [`Server::stop`] leaves it serving until the runtime ends.
#[derive(Debug)]
pub struct Server {
    api: Api,
    addr: SocketAddr,
    token: Option<String>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Binds the address and serves from then on.
    pub async fn start(options: Options) -> Result<Server, Error> {
        let failed = |source| Error::Listen { addr: options.addr, source };
        let listener = TcpListener::bind(options.addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let api = Api::new(&options);
        let (stop, mut stopped) = watch::channel(false);
        let serve = axum::serve(listener, axum::Router::new().fallback_service(api.clone()));
        let serve = serve.with_graceful_shutdown(async move { drop(stopped.changed().await) });
        // Errors of single connections end those connections; the accept loop itself never fails.
        let task = tokio::spawn(async move { drop(serve.into_future().await) });
        Ok(Server { api, addr, token: options.token, stop, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A kubeconfig for it as YAML; its context is called `sandbox`.
    pub fn kubeconfig(&self) -> String {
        let user = self.token.as_ref().map_or_else(|| json!({}), |token| json!({"token": token}));
        // JSON is YAML, but people read this one.
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n  cluster:\n    server: {}\nusers:\n- name: sandbox\n  user: {user}\ncontexts:\n- name: sandbox\n  context:\n    cluster: sandbox\n    user: sandbox\n    namespace: default\n",
            self.url()
        )
    }

    /// A handle that needs no socket.
    pub fn api(&self) -> Api {
        self.api.clone()
    }

    /// Ends watches, finishes running requests and closes the socket.
    pub async fn stop(self) {
        self.api.end_watches();
        self.stop.send_replace(true);
        let abort = self.task.abort_handle();
        if timeout(STOP_MAX, self.task).await.is_err() {
            abort.abort();
        }
    }
}
