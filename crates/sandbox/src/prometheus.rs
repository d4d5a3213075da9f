//! Prometheus as a container: its pods answer what the sandbox's own Prometheus API answers.
//!
//! So manifests that name a Prometheus in the cluster find one, with everything that the sandbox has scraped in it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::programs::{Ended, Process, Programs};

/// What its image is called.
const REPOSITORIES: [&str; 3] = ["prom/prometheus", "docker.io/prom/prometheus", "quay.io/prometheus/prometheus"];
/// Connections at the same time; more wait in the listener's backlog.
const CONNECTIONS: usize = 256;
/// How long to pause when the machine has no more sockets to give.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(50);

/// These programs and Prometheus, whose API is at `api`; a program of the same image stays.
pub(crate) fn and_prometheus(programs: Programs, api: SocketAddr) -> Programs {
    let missing = REPOSITORIES.into_iter().filter(|repository| programs.of(repository).is_none());
    missing
        .collect::<Vec<_>>()
        .into_iter()
        .fold(programs, |programs, repository| programs.with(repository, move |process| serve(process, api)))
}

async fn serve(process: Process, api: SocketAddr) -> Ended {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut listening = JoinSet::new();
    for listener in process.listeners {
        listening.spawn(accept(listener, api, Arc::clone(&room)));
    }
    process.stop.cancelled().await;
    Ok(())
}

async fn accept(listener: TcpListener, api: SocketAddr, room: Arc<Semaphore>) {
    // They end with this task.
    let mut relays = JoinSet::new();
    while let Ok(place) = Arc::clone(&room).acquire_owned().await {
        while relays.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                relays.spawn(async move {
                    if let Err(error) = relay(stream, api).await {
                        tracing::debug!(%error, "a connection to Prometheus broke");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection to Prometheus");
                tokio::time::sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
}

async fn relay(mut client: TcpStream, api: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(api).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}
