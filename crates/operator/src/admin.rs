//! The HTTP server for probes and scrapes: `/healthz` and `/metrics` on all interfaces.
//!
//! It answers from memory and holds nothing that anybody could change; there is no TLS, as in the original.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::telemetry::Metrics;

/// How long a client may take to send a request's head; also how long an idle connection is kept.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// How long one connection may last; scrapers open a new one.
const CONNECTION_MAX: Duration = Duration::from_secs(10 * 60);

/// How long requests in flight get to finish when the process stops.
const GRACE: Duration = Duration::from_secs(3);

/// The wait after a connection that could not be accepted, against spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// More clients than this at once are no probes and scrapers.
const CONNECTIONS_MAX: usize = 128;

/// Why the server can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen on port {port}")]
pub struct BindError {
    /// The port that was asked for.
    pub port: u16,
    #[source]
    source: io::Error,
}

impl BindError {
    /// What to try next.
    pub fn hint(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::AddrInUse => "another process listens there; stop it or choose another port with -port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need privileges; choose a higher one with -port",
            _ => "choose another port with -port",
        }
    }
}

/// The open server.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Opens the port on all interfaces; port 0 means any free one.
    pub async fn bind(port: u16) -> Result<Self, BindError> {
        let all = match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
            // A machine without IPv6.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
            }
            bound => bound,
        };
        Self::on(all, port)
    }

    /// Opens the port on this machine's loopback alone, for whoever runs several operators or none in a cluster.
    pub async fn bind_local(port: u16) -> Result<Self, BindError> {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await, port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then lets requests in flight finish for a moment.
    pub async fn serve(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // Out of file descriptors, or the client is gone already: the next one may have more luck.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // One client too many: its connection closes.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let connection = graceful.watch(connection(stream, Arc::clone(&metrics)));
            tokio::spawn(async move {
                // What goes wrong in here is between the client and its network.
                let _ = tokio::time::timeout(CONNECTION_MAX, connection).await;
                drop(place);
            });
        }
        let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    }

    fn on(listener: io::Result<TcpListener>, port: u16) -> Result<Self, BindError> {
        let opened = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = opened.map_err(|source| BindError { port, source })?;
        Ok(Self { listener, address })
    }
}

fn connection(
    stream: TcpStream,
    metrics: Arc<Metrics>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send {
    let service = service_fn(move |request| {
        let response = answer(&request, &metrics);
        async { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
}

fn answer<B>(request: &Request<B>, metrics: &Metrics) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "method not allowed\n".to_owned());
    }
    match request.uri().path() {
        "/healthz" => plain(StatusCode::OK, "text/plain", "OK".to_owned()),
        "/metrics" => plain(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.text()),
        _ => plain(StatusCode::NOT_FOUND, "text/plain", "404 page not found\n".to_owned()),
    }
}

fn plain(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
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
