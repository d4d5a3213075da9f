//! Kept-alive connections to loopback servers, and whether a request that failed had been sent.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Body;

/// How long a loopback connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// Idle connections kept for each address.
const IDLE: usize = 128;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The request never left, so it can go somewhere else.
    #[error("failed to connect")]
    NotSent(Box<Request<Body>>, #[source] io::Error),
    /// The request may have been acted upon.
    #[error("failed to get a response")]
    Lost(#[source] hyper::Error),
}

/// Connections by address. A connection whose last response is still arriving waits in it too.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<SocketAddr, Vec<SendRequest<Body>>>>,
}

impl Pool {
    /// Sends the request, on a connection at hand if there is one.
    pub(crate) async fn send(
        &self,
        addr: SocketAddr,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, Failure> {
        while let Some(connection) = self.take(addr) {
            match self.exchange(addr, connection, request).await {
                Err(Failure::NotSent(back, _)) => request = *back,
                done => return done,
            }
        }
        match tokio::time::timeout(CONNECT, connect(addr)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        {
            Ok(connection) => self.exchange(addr, connection, request).await,
            Err(error) => Err(Failure::NotSent(Box::new(request), error)),
        }
    }

    async fn exchange(
        &self,
        addr: SocketAddr,
        mut connection: SendRequest<Body>,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Failure> {
        match connection.try_send_request(request).await {
            Ok(response) => {
                self.put(addr, connection);
                Ok(response)
            }
            Err(mut error) => Err(match error.take_message() {
                Some(request) => Failure::NotSent(Box::new(request), io::Error::other(error.into_error())),
                None => Failure::Lost(error.into_error()),
            }),
        }
    }

    fn take(&self, addr: SocketAddr) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.get_mut(&addr)?;
        connections.retain(|connection| !connection.is_closed());
        let ready = connections.iter().rposition(SendRequest::is_ready);
        let taken = ready.map(|at| connections.swap_remove(at));
        if taken.is_none() {
            idle.retain(|_, connections| connections.iter().any(|connection| !connection.is_closed()));
        }
        taken
    }

    fn put(&self, addr: SocketAddr, connection: SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let connections = idle.entry(addr).or_default();
        if connections.len() < IDLE {
            connections.push(connection);
        }
    }
}

/// The connection's own task ends when the connection is closed by either side.
async fn connect(addr: SocketAddr) -> io::Result<SendRequest<Body>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::trace!(%error, "a connection broke");
        }
    });
    sender.ready().await.map_err(io::Error::other)?;
    Ok(sender)
}
