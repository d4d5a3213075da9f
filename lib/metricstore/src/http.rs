//! Prometheus' HTTP query API over a [`Store`].

mod answer;
mod api;
mod parameters;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::store::Store;
use api::Api;

/// What time it is for the caller.
type Clock = Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// Where to listen, and by which clock.
#[derive(Clone)]
pub struct Options {
    /// The address to listen on; port 0 takes a free one.
    pub addr: SocketAddr,
    /// The moment that a query without a time is about.
    pub now: Clock,
    /// How long the [`store`](Options::store) of these options keeps samples.
    pub retention: Duration,
}

impl Default for Options {
    /// A free port of the loopback device, the machine's clock, two hours.
    fn default() -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { addr, now: Arc::new(jiff::Timestamp::now), retention: Duration::from_secs(2 * 60 * 60) }
    }
}

impl Options {
    /// An empty store with the retention of these options.
    pub fn store(&self) -> Store {
        Store::new(self.retention)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("addr", &self.addr).field("retention", &self.retention).finish_non_exhaustive()
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be listened on.
    #[error("failed to listen on {addr}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// A running server. It stops when it is [stopped](Server::stop) or dropped.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Server {
    /// Listens, and answers from then on.
    pub async fn start(options: Options, store: Store) -> Result<Self, Error> {
        let addr = options.addr;
        let failed = |source| Error::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let router = Api::new(store, options.now).router();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async move {
            let until_stopped = async move { drop(stopped.await) };
            // Serving ends without an error: failed connections are dropped one by one.
            drop(axum::serve(listener, router).with_graceful_shutdown(until_stopped).await);
        });
        Ok(Self { addr, stop, serving })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base of the API's addresses, such as `http://127.0.0.1:9090`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops listening and waits for answers that are under way.
    pub async fn stop(self) {
        drop(self.stop);
        // The only error is a panic of the serving task, which is over then as well.
        drop(self.serving.await);
    }
}
