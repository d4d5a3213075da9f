//! How the operator's own requests get into the played cluster: names of Services have no meaning on the machine.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use operator::web::{Carrier, ErrorKind, Network, Route};
use sandbox::{Names, Sandbox};

/// The machine's network, and in it the names of a played cluster.
pub(crate) struct Inside {
    network: Network,
    names: Names,
    gateway: String,
}

impl Inside {
    /// The names of this cluster.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self { network: Network::default(), names: sandbox.names(), gateway: sandbox.gateway_url() }
    }
}

impl Carrier for Inside {
    /// Requests to Services go through the gateway as their proxy, all others their usual way.
    fn carry<'a>(
        &'a self,
        request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        let is_plain = request.uri().scheme_str() == Some("http");
        if !is_plain || !request.uri().host().is_some_and(|host| self.names.has(host)) {
            return self.network.carry(request, route);
        }
        let inside = Route { proxy: Some(self.gateway.clone()), ..route.clone() };
        async move { self.network.carry(request, &inside).await }.boxed()
    }
}
