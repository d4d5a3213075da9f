//! Names of Services, which no resolver of this machine knows, in the requests of an operator on the played control plane.
//!
//! The gateway is a proxy for them, so that a webhook reaches the pods of the Service that it names. Prometheus is played, too:
//! whatever its Service is called, its queries are answered by the sandbox's own store.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use operator::web::{Carrier, ErrorKind, Network, Route};
use sandbox::Sandbox;

/// Where Prometheus answers queries, below whatever path it is served at.
const QUERY: &str = "/api/v1/query";

/// The machine's network, with the names of a cluster.
pub(crate) struct Names {
    network: Network,
    client: Client,
    /// The URL of the gateway.
    gateway: String,
    /// The URL of the metrics store.
    prometheus: String,
}

impl Names {
    /// Those of a sandbox.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self {
            network: Network::default(),
            client: sandbox.client(),
            gateway: sandbox.gateway_url(),
            prometheus: sandbox.metrics_url(),
        }
    }

    /// Whether it is the cluster's. Where its namespace can't be looked up, nothing leaves this machine.
    async fn is_known(&self, named: &Named<'_>) -> bool {
        match named {
            Named::Service => true,
            Named::Perhaps(namespace) => {
                let found = Api::<Namespace>::all(self.client.clone()).get_opt(namespace).await;
                !matches!(found, Ok(None))
            }
        }
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
        async move {
            if let Some(named) = named(request.uri()) {
                if let Some(uri) = self.query(request.uri()) {
                    *request.uri_mut() = uri;
                } else if self.is_known(&named).await {
                    let route = Route { proxy: Some(self.gateway.clone()), ..route.clone() };
                    return self.network.carry(request, &route).await;
                }
            }
            self.network.carry(request, route).await
        }
        .boxed()
    }
}

/// What a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named<'a> {
    /// A Service, with `svc` or `svc.cluster.local` behind its namespace.
    Service,
    /// A Service in this namespace, or a host of the world such as `example.com`.
    Perhaps(&'a str),
}

/// The Service that a URL without TLS names, if it may be one.
fn named(uri: &Uri) -> Option<Named<'_>> {
    let host = uri.authority().map(Authority::host).filter(|_| uri.scheme() == Some(&Scheme::HTTP))?;
    let name = host.strip_suffix(".cluster.local").unwrap_or(host);
    match name.split('.').collect::<Vec<_>>().as_slice() {
        [_, namespace] => Some(Named::Perhaps(namespace)),
        [_, _, "svc"] => Some(Named::Service),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_services_are_told_from_addresses_and_names_of_the_world() {
        let kind = |url: &'static str| named(&url.parse().unwrap()).map(|named| named == Named::Service);
        for (url, expected) in [
            ("http://a.b.svc:8080/x", Some(true)),
            ("http://a.b.svc.cluster.local/", Some(true)),
            ("http://tester.test/", Some(false)),
            ("http://127.0.0.1:9090/", None),
            ("http://localhost:1/", None),
            ("https://a.b/", None),
            ("http://hooks.slack.com/x", None),
        ] {
            assert_eq!(kind(url), expected, "{url}");
        }
    }

    #[tokio::test]
    async fn two_words_are_a_service_where_the_second_is_a_namespace() {
        let sandbox = Sandbox::start(sandbox::Options::default()).await.unwrap();
        let names = Names::of(&sandbox);
        for (host, expected) in [("tester.default", true), ("example.com", false)] {
            let uri = format!("http://{host}/").parse().unwrap();
            assert_eq!(names.is_known(&named(&uri).unwrap()).await, expected, "{host}");
        }
        let query = |url: &str| names.query(&url.parse().unwrap()).map(|uri| uri.to_string());
        let expected = format!("{}/api/v1/query?query=up", names.prometheus);
        assert_eq!(query("http://prometheus.system:9090/prom/api/v1/query?query=up"), Some(expected));
        assert_eq!(query("http://tester.test/"), None);
        sandbox.stop().await;
    }
}
