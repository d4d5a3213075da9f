//! The HTTP server for probes and scrapes: `/healthz` and `/metrics` on all interfaces.
//!
//! It answers from memory and holds nothing that anybody could change; there is no TLS, as in the original.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use process::server::{Limits, Server, plain};
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

pub use process::server::BindError;

/// More clients than this at once are no probes and scrapers, which open a new connection after ten minutes. Requests in
/// flight are answered from memory, so that they need no long grace.
const LIMITS: Limits =
    Limits { connections: 128, connection: Duration::from_secs(10 * 60), grace: Duration::from_secs(3) };

/// The open server.
#[derive(Debug)]
pub struct Admin(Server);

impl Admin {
    /// Opens the port on all interfaces; port 0 means any free one.
    pub async fn bind(port: u16) -> Result<Self, BindError> {
        Server::bind(port).await.map(Self)
    }

    /// Opens the port on this machine's loopback alone, for whoever runs several operators or none in a cluster.
    pub async fn bind_local(port: u16) -> Result<Self, BindError> {
        Server::bind_local(port).await.map(Self)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Serves until `stop` is cancelled, then lets requests in flight finish for a moment.
    pub async fn serve(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let answer = move |request| {
            let response = answer(&request, &metrics);
            async { response }
        };
        self.0.serve(LIMITS, stop, answer).await;
    }
}

fn answer<B>(request: &Request<B>, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "method not allowed\n");
    }
    match request.uri().path() {
        "/healthz" => plain(StatusCode::OK, "text/plain", "OK"),
        "/metrics" => plain(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.text()),
        _ => plain(StatusCode::NOT_FOUND, "text/plain", "404 page not found\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use http::Request;

    use super::*;
    use crate::web::{Options, Web};

    async fn get(address: SocketAddr, path: &str) -> Response<Vec<u8>> {
        let request = Request::get(format!("http://{address}{path}")).body(Vec::new()).unwrap();
        Web::new().send(request, &Options::within(Duration::from_secs(10))).await.unwrap()
    }

    #[tokio::test]
    async fn it_answers_probes_and_scrapes_until_it_is_told_to_stop() {
        let admin = Admin::bind_local(0).await.unwrap();
        let (address, stop) = (admin.address(), CancellationToken::new());
        let serving = tokio::spawn(admin.serve(Arc::new(Metrics::new("1", "istio")), stop.clone()));

        let health = get(address, "/healthz").await;
        assert_eq!((health.status(), health.body().as_slice()), (StatusCode::OK, b"OK".as_slice()));
        let metrics = get(address, "/metrics").await;
        assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
        assert!(String::from_utf8_lossy(metrics.body()).contains("\nflagger_info{"));
        assert_eq!(get(address, "/debug").await.status(), StatusCode::NOT_FOUND);

        stop.cancel();
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_explained() {
        let first = Admin::bind_local(0).await.unwrap();
        let port = first.address().port();
        let error = Admin::bind_local(port).await.unwrap_err();
        assert_eq!(error.to_string(), format!("failed to listen on port {port}"));
        assert!(error.source().is_some());
        assert!(error.hint().contains("-port"));
    }
}
