//! An HTTP server under bounds: so many connections, each for so long, and an orderly end.
//!
//! There is no TLS. What is answered is the business of whoever serves.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send a request's head; also how long an idle connection is kept.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// The wait after a connection that could not be accepted, against spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Clients at once; the connection of one more closes.
    pub connections: usize,
    /// How long one connection may last.
    pub connection: Duration,
    /// How long requests in flight get to finish at the end.
    pub grace: Duration,
}

/// Why a server can't be opened.
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

/// An open server.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
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

    /// Opens the port on this machine's loopback alone.
    pub async fn bind_local(port: u16) -> Result<Self, BindError> {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await, port)
    }

    /// Serves on a socket that is open already.
    pub fn of(listener: TcpListener) -> Result<Self, BindError> {
        let port = listener.local_addr().map_or(0, |address| address.port());
        Self::on(Ok(listener), port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `stop` is cancelled, then lets those in flight finish for a moment.
    pub async fn serve<A, F>(self, limits: Limits, stop: CancellationToken, answer: A)
    where
        A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(limits.connections));
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
            let connection = graceful.watch(connection(stream, answer.clone()));
            tokio::spawn(async move {
                // What goes wrong in here is between the client and its network.
                let _ = tokio::time::timeout(limits.connection, connection).await;
                drop(place);
            });
        }
        // Nobody new is let in meanwhile.
        drop(self.listener);
        let _ = tokio::time::timeout(limits.grace, graceful.shutdown()).await;
    }

    fn on(listener: io::Result<TcpListener>, port: u16) -> Result<Self, BindError> {
        let opened = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = opened.map_err(|source| BindError { port, source })?;
        Ok(Self { listener, address })
    }
}

/// An answer of one text.
pub fn plain(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn connection<A, F>(stream: TcpStream, answer: A) -> impl GracefulConnection<Error = hyper::Error> + Send
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
}
