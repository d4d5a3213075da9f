//! Names of Services, which no resolver of this machine knows, in the requests of an operator on the played control plane.
//!
//! The gateway is a proxy for them, so that a webhook reaches the pods of the Service that it names. Prometheus is played, too:
//! whatever its Service is called, its queries are answered by the sandbox's own store.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use operator::web::{Carrier, ErrorKind, Network, Route};
use sandbox::Sandbox;

/// Where Prometheus answers queries, below whatever path it is served at.
const QUERY: &str = "/api/v1/query";

/// The machine's network, with the names of a cluster.
pub(crate) struct Names {
    network: Network,
    /// The URL of the gateway.
    gateway: String,
    /// The URL of the metrics store.
    prometheus: String,
}

impl Names {
    /// Those of a sandbox.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self { network: Network::default(), gateway: sandbox.gateway_url(), prometheus: sandbox.metrics_url() }
    }

    /// The same request to the metrics store, if it is a query.
    fn query(&self, uri: &Uri) -> Option<Uri> {
        let words = uri.path_and_query()?.as_str();
        format!("{}{}", self.prometheus, words.get(words.find(QUERY)?..)?).parse().ok()
    }
}

impl Carrier for Names {
    fn carry<'a>(
        &'a self,
        mut request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        if !is_of_cluster(request.uri()) {
            return self.network.carry(request, route);
        }
        if let Some(uri) = self.query(request.uri()) {
            *request.uri_mut() = uri;
            return self.network.carry(request, route);
        }
        let route = Route { proxy: Some(self.gateway.clone()), ..route.clone() };
        async move { self.network.carry(request, &route).await }.boxed()
    }
}

/// Whether this is a Service's URL: `NAME.NAMESPACE`, alone or with `svc` or `svc.cluster.local` behind it, without TLS.
fn is_of_cluster(uri: &Uri) -> bool {
    let host = uri.authority().map(Authority::host).unwrap_or_default();
    let name = host.strip_suffix(".cluster.local").unwrap_or(host);
    let labels: Vec<&str> = name.split('.').collect();
    let named = matches!(labels.as_slice(), [_, _] | [_, _, "svc"]);
    uri.scheme() == Some(&Scheme::HTTP) && named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_are_told_from_addresses_and_names_of_the_world() {
        let of_cluster = |url: &str| is_of_cluster(&url.parse().unwrap());
        for url in ["http://tester.test/", "http://a.b.svc:8080/x", "http://a.b.svc.cluster.local/"] {
            assert!(of_cluster(url), "{url}");
        }
        for url in ["http://127.0.0.1:9090/", "http://localhost:1/", "https://a.b/", "http://hooks.slack.com/x"] {
            assert!(!of_cluster(url), "{url}");
        }
    }

    #[test]
    fn queries_go_to_the_store_below_whatever_path_they_are_asked() {
        let names = Names {
            network: Network::default(),
            gateway: "http://127.0.0.1:1".to_owned(),
            prometheus: "http://127.0.0.1:2".to_owned(),
        };
        let query = |url: &str| names.query(&url.parse().unwrap()).map(|uri| uri.to_string());
        let asked = query("http://prometheus.system:9090/prom/api/v1/query?query=up");
        assert_eq!(asked.as_deref(), Some("http://127.0.0.1:2/api/v1/query?query=up"));
        assert_eq!(query("http://tester.test/"), None);
    }
}
