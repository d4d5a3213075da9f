//! A server that finishes what it began.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Body;

/// Connections that one server has open at once; more wait in the listener's backlog.
const CONNECTIONS: usize = 4096;
/// How long to pause when the machine has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(50);
/// How long a client may take to begin TLS.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A listening HTTP server. Dropping it closes it at once.
pub(crate) struct Server {
    addr: SocketAddr,
    close: CancellationToken,
    abort: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Serves every request on the listener with the handler.
    pub(crate) fn start<H, F>(listener: TcpListener, addr: SocketAddr, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::accepting(listener, addr, move |stream, close| connection(stream, handler.clone(), close))
    }

    /// The same over TLS; whoever does not speak it is not answered.
    pub(crate) fn start_tls<H, F>(listener: TcpListener, addr: SocketAddr, tls: TlsAcceptor, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::accepting(listener, addr, move |stream, close| {
            let (tls, handler) = (tls.clone(), handler.clone());
            async move {
                match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, handler, close).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        })
    }

    fn accepting<S, F>(listener: TcpListener, addr: SocketAddr, serve: S) -> Self
    where
        S: Fn(TcpStream, CancellationToken) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let server = Self {
            addr,
            close: CancellationToken::new(),
            abort: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let (close, abort, connections) = (server.close.clone(), server.abort.clone(), server.connections.clone());
        server.connections.spawn(async move {
            let room = Arc::new(Semaphore::new(CONNECTIONS));
            let accepting = accept(&listener, &room, |stream, place| {
                // Small answers on loopback: waiting to fill packets would only add latency.
                let _ = stream.set_nodelay(true);
                let serving = serve(stream, close.clone());
                let abort = abort.clone();
                connections.spawn(async move {
                    abort.run_until_cancelled(serving).await;
                    drop(place);
                });
            });
            close.run_until_cancelled(accepting).await;
        });
        server
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no new connection and no new request, finishes the ones in flight, and cuts those that take too long.
    pub(crate) async fn stop(self, patience: Duration) {
        self.close.cancel();
        self.connections.close();
        if tokio::time::timeout(patience, self.connections.wait()).await.is_err() {
            self.abort.cancel();
            self.connections.wait().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.close.cancel();
        self.abort.cancel();
    }
}

/// Listens on an address; port 0 means any free one.
pub(crate) async fn bind(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    Ok((listener, addr))
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    mut begin: impl FnMut(TcpStream, tokio::sync::OwnedSemaphorePermit),
) {
    while let Ok(place) = Arc::clone(room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => begin(stream, place),
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection");
                tokio::time::sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
}

async fn connection<S, H, F>(stream: S, handler: H, close: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Body>>,
{
    let service = service_fn(|request| {
        let response = handler(request);
        async move { Ok::<_, Infallible>(response.await) }
    });
    let mut serving = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = serving.as_mut() => return,
        () = close.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}
