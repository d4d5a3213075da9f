//! Carrying connections between the two sides, over Unix sockets.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at the same time through one door; more wait in the listener's backlog.
const CONNECTIONS: usize = 1024;

/// How long to pause when no connection can be accepted, which is when the machine has no more sockets.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(50);

/// Carries whoever connects outside to the socket, for ever.
pub(super) async fn inwards(listener: TcpListener, socket: PathBuf) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((client, _)) => {
                let socket = socket.clone();
                tokio::spawn(async move { carry(client, UnixStream::connect(socket).await, place).await });
            }
            Err(_) => tokio::time::sleep(OUT_OF_SOCKETS).await,
        }
    }
}

/// Carries whoever comes through the socket to the port inside, for ever.
pub(super) async fn onwards(listener: UnixListener, port: u16) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(async move { carry(client, TcpStream::connect(("127.0.0.1", port)).await, place).await });
            }
            Err(_) => tokio::time::sleep(OUT_OF_SOCKETS).await,
        }
    }
}

/// Listens on a path.
pub(super) fn listen(path: &Path) -> Result<UnixListener, super::Error> {
    UnixListener::bind(path).map_err(|source| super::Error::Socket { path: path.to_owned(), source })
}

/// Carries bytes in both directions until both sides have ended. To whom nobody listens, the connection is closed.
async fn carry<A, B>(mut client: A, server: io::Result<B>, place: OwnedSemaphorePermit)
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    if let Ok(mut server) = server {
        // How a connection breaks is for its two ends to say.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
    drop(place);
}
