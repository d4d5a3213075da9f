//! The service proxy: listens on each port of each Service's address, and leads each connection to a ready endpoint.
//!
//! A port without a ready endpoint refuses connections, as on any cluster. Connections that are there outlive every change.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::address;
use crate::cluster::{Cluster, Id, Tasks};
use crate::services::{Endpoint, ports};

/// Connections at the same time; more wait in the listeners' backlogs.
const CONNECTIONS: usize = 4096;
/// How long an endpoint may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long to wait before what could not be listened on is tried again, or the machine had no more sockets.
const RETRY: Duration = Duration::from_secs(1);

/// Starts the proxy. It listens to the caches, so this comes before the caches fill.
pub(super) fn start(cluster: &Arc<Cluster>, seed: u64, tasks: &Tasks) {
    let changed = Arc::new(Notify::new());
    let tell = Arc::clone(&changed);
    cluster.services.on_change(move |_| tell.notify_one());
    let tell = Arc::clone(&changed);
    cluster.slices.on_change(move |_| tell.notify_one());
    let shared = Arc::new(Shared {
        dice: Mutex::new(SmallRng::seed_from_u64(seed)),
        room: Arc::new(Semaphore::new(CONNECTIONS)),
        tasks: tasks.clone(),
    });
    tasks.spawn(keep(Arc::clone(cluster), changed, shared));
}

/// What all listeners share.
struct Shared {
    dice: Mutex<SmallRng>,
    room: Arc<Semaphore>,
    tasks: Tasks,
}

/// The endpoints behind a listener; never none.
type Endpoints = Arc<RwLock<Vec<Endpoint>>>;

/// One port of one Service that is listened on.
struct Open {
    endpoints: Endpoints,
    close: CancellationToken,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close.cancel();
    }
}

/// Keeps the listeners as the Services and their endpoints are.
async fn keep(cluster: Arc<Cluster>, changed: Arc<Notify>, shared: Arc<Shared>) {
    let mut open: HashMap<SocketAddr, Open> = HashMap::new();
    loop {
        changed.notified().await;
        while !update(&mut open, wanted(&cluster), &shared).await {
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// What should be listened on, and the ready endpoints behind it.
fn wanted(cluster: &Cluster) -> HashMap<SocketAddr, Vec<Endpoint>> {
    let services = cluster.services.all();
    let behind = ports(&services, &cluster.slices.all());
    let each = services.iter().filter_map(|service| {
        let ip: IpAddr = address(service)?;
        let ports = behind.get(&Id::of(&service.metadata))?.iter();
        Some(ports.map(move |(port, backend)| (SocketAddr::new(ip, *port), backend.endpoints.clone())))
    });
    each.flatten().filter(|(_, endpoints)| !endpoints.is_empty()).collect()
}

/// Closes, changes and opens listeners; false when one could not be opened.
async fn update(
    open: &mut HashMap<SocketAddr, Open>,
    wanted: HashMap<SocketAddr, Vec<Endpoint>>,
    shared: &Arc<Shared>,
) -> bool {
    open.retain(|addr, _| wanted.contains_key(addr));
    let mut complete = true;
    for (addr, endpoints) in wanted {
        if let Some(open) = open.get(&addr) {
            *open.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints;
            continue;
        }
        match TcpListener::bind(addr).await {
            Ok(listener) => {
                let endpoints = Arc::new(RwLock::new(endpoints));
                let close = CancellationToken::new();
                let accepting = accept(listener, Arc::clone(&endpoints), Arc::clone(shared));
                let until = close.clone();
                shared.tasks.spawn(async move {
                    until.run_until_cancelled(accepting).await;
                });
                open.insert(addr, Open { endpoints, close });
            }
            Err(error) => {
                tracing::debug!(%error, %addr, "failed to listen on a Service's address");
                complete = false;
            }
        }
    }
    complete
}

async fn accept(listener: TcpListener, endpoints: Endpoints, shared: Arc<Shared>) {
    while let Ok(place) = Arc::clone(&shared.room).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let chosen = shared.choose(&endpoints);
                shared.tasks.spawn(async move {
                    if let Err(error) = relay(stream, chosen).await {
                        tracing::debug!(%error, "a connection to a Service broke");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "failed to accept a connection to a Service");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

impl Shared {
    /// A ready endpoint, each as likely as the others.
    fn choose(&self, endpoints: &Endpoints) -> Option<Endpoint> {
        let endpoints = endpoints.read().unwrap_or_else(PoisonError::into_inner);
        endpoints.choose(&mut *self.dice.lock().unwrap_or_else(PoisonError::into_inner)).copied()
    }
}

/// Carries bytes in both directions until both sides have ended.
async fn relay(mut client: TcpStream, endpoint: Option<Endpoint>) -> io::Result<()> {
    let Some((ip, port)) = endpoint else { return Ok(()) };
    let connecting = TcpStream::connect((ip, port));
    let mut server =
        tokio::time::timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server that says one byte to whoever comes.
    async fn endpoint(byte: u8) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                listener.accept().await.unwrap().0.write_all(&[byte]).await.unwrap();
            }
        });
        (addr.ip(), addr.port())
    }

    async fn heard(addr: SocketAddr) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        TcpStream::connect(addr).await?.read_to_end(&mut bytes).await.map(|_| bytes)
    }

    #[tokio::test]
    async fn a_port_leads_to_its_endpoints_and_refuses_without_one() {
        let tasks = Tasks::default();
        let (dice, room) = (Mutex::new(SmallRng::seed_from_u64(0)), Arc::new(Semaphore::new(8)));
        let shared = Arc::new(Shared { dice, room, tasks: tasks.clone() });
        let (first, second) = (endpoint(1).await, endpoint(2).await);
        let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut open = HashMap::new();
        assert!(update(&mut open, [(addr, vec![first])].into(), &shared).await);
        assert_eq!(heard(addr).await.unwrap(), [1]);
        assert!(update(&mut open, [(addr, vec![second])].into(), &shared).await);
        assert_eq!(heard(addr).await.unwrap(), [2], "an endpoint that is not ready any more gets no new connection");
        assert!(update(&mut open, HashMap::new(), &shared).await);
        tasks.stop().await;
        assert_eq!(heard(addr).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
