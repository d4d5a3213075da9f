//! How the operator's own requests get into the played cluster: names of Services have no meaning on the machine.
//!
//! Prometheus is played, too: whatever its Service is called, its queries are answered by the sandbox's own store.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use operator::web::{Carrier, ErrorKind, Network, Route};
use sandbox::{Names, Sandbox};

/// Where Prometheus answers queries, below whatever path it is served at.
const QUERY: &str = "/api/v1/query";

/// The machine's network, and in it the names of a played cluster.
pub(crate) struct Inside {
    network: Network,
    names: Names,
    gateway: String,
    /// The URL of the metrics store.
    prometheus: String,
}

impl Inside {
    /// The names of this cluster.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self {
            network: Network::default(),
            names: sandbox.names(),
            gateway: sandbox.gateway_url(),
            prometheus: sandbox.metrics_url(),
        }
    }
}

impl Carrier for Inside {
    /// Requests to Services go through the gateway as their proxy, queries to the store, all others their usual way.
    fn carry<'a>(
        &'a self,
        mut request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        if let Some(uri) = query(request.uri(), &self.prometheus) {
            *request.uri_mut() = uri;
            return self.network.carry(request, route);
        }
        let is_plain = request.uri().scheme_str() == Some("http");
        if !is_plain || !request.uri().host().is_some_and(|host| self.names.has(host)) {
            return self.network.carry(request, route);
        }
        let inside = Route { proxy: Some(self.gateway.clone()), ..route.clone() };
        async move { self.network.carry(request, &inside).await }.boxed()
    }
}

/// The same query to the store, if it is one to a Prometheus of the cluster.
fn query(uri: &Uri, store: &str) -> Option<Uri> {
    let name = uri.host()?;
    let name = name.strip_suffix(".cluster.local").unwrap_or(name);
    let labels: Vec<&str> = name.split('.').collect();
    let is_service = matches!(labels.as_slice(), [_, _] | [_, _, "svc"]);
    let words = uri.path_and_query()?.as_str();
    let asked = words.get(words.find(QUERY)?..)?;
    (is_service && uri.scheme_str() == Some("http")).then(|| format!("{store}{asked}").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_to_a_prometheus_of_the_cluster_go_to_the_store_below_whatever_path_they_are_asked() {
        let asked = |url: &str| query(&url.parse().unwrap(), "http://127.0.0.1:2").map(|uri| uri.to_string());
        for url in [
            "http://prometheus.system:9090/prom/api/v1/query?query=up",
            "http://prometheus.system.svc.cluster.local/api/v1/query?query=up",
        ] {
            assert_eq!(asked(url).as_deref(), Some("http://127.0.0.1:2/api/v1/query?query=up"), "{url}");
        }
        for url in [
            "http://tester.test/",
            "http://127.0.0.1:9090/api/v1/query?query=up",
            "https://prometheus.example/api/v1/query?query=up",
            "http://metrics.eu.example.com/api/v1/query?query=up",
        ] {
            assert_eq!(asked(url), None, "{url}");
        }
    }
}
