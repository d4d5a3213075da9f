//! What a service finds around it: this machine, or a container that somebody plays.
//!
//! In a played container nothing is known of the machine: it has no files of it, and requests find the names of its cluster by
//! a proxy.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use ports::{Clock, RealClock};
use process::server::{BindError, Server};
use process::web::{Options, Route};
use tokio::net::TcpListener;

use crate::cluster;

/// The surroundings of one service.
pub(crate) struct World {
    /// Sockets that are open already; the service takes the one of its port, or else the first.
    listeners: Vec<TcpListener>,
    /// A client that is there already.
    client: Option<Client>,
    /// What all requests go through.
    proxy: Option<String>,
    clock: Arc<dyn Clock>,
}

impl World {
    /// This machine.
    pub(crate) fn machine() -> Self {
        Self { listeners: Vec::new(), client: None, proxy: None, clock: Arc::new(RealClock) }
    }

    /// A played container.
    pub(crate) fn played(
        listeners: Vec<TcpListener>,
        client: Client,
        proxy: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { listeners, client: Some(client), proxy, clock }
    }

    /// The server of this port.
    pub(crate) async fn open(&mut self, port: u16) -> Result<Server, BindError> {
        let is_asked_for = |listener: &TcpListener| listener.local_addr().is_ok_and(|address| address.port() == port);
        let given = self.listeners.iter().position(is_asked_for).unwrap_or_default();
        if given < self.listeners.len() {
            Server::of(self.listeners.swap_remove(given))
        } else {
            Server::bind(port).await
        }
    }

    /// A client for the cluster.
    pub(crate) async fn client(&self, kubeconfig: Option<&Path>) -> Result<Client, cluster::Error> {
        match &self.client {
            Some(client) => Ok(client.clone()),
            None => cluster::client(kubeconfig).await,
        }
    }

    /// What all requests go through.
    pub(crate) fn proxy(&self) -> Option<&str> {
        self.proxy.as_deref()
    }

    /// The bounds and the way of a request that may take so long.
    pub(crate) fn within(&self, timeout: Duration) -> Options {
        Options { timeout, route: Route { proxy: self.proxy.clone(), ..Route::default() } }
    }

    /// How long a stretch of time in there lasts on the machine.
    pub(crate) fn real(&self, stretch: Duration) -> Duration {
        self.clock.real(stretch)
    }
}
