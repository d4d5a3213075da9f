//! Where a pod's address really leads.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

/// The part of the pod network that pods get.
const FIRST: u16 = 2;
const LAST: u16 = u16::MAX - 1;

/// The addresses that pods have in a network namespace of the sandbox's own, where all of them have to be local.
///
/// Endpoints refuse addresses of loopback, which is why there are others at all.
pub const POD_RANGE: &str = "10.64.0.0/16";

/// What the pod network is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Network {
    /// Addresses exist only in the API, and lead to listeners on loopback. It needs no privileges.
    #[default]
    Played,
    /// Addresses are local to the network namespace that this process is in, and servers listen on them.
    Local,
}

impl Network {
    /// The node's own address.
    pub(crate) fn host(self) -> IpAddr {
        match self {
            Self::Played => [172, 18, 0, 2].into(),
            Self::Local => self.address(1),
        }
    }

    /// The first half of a pod's address; the second is its number.
    fn prefix(self) -> [u8; 2] {
        match self {
            Self::Played => [10, 244],
            Self::Local => [10, 64],
        }
    }

    fn address(self, number: u16) -> IpAddr {
        let ([first, second], [third, fourth]) = (self.prefix(), number.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(first, second, third, fourth))
    }

    /// Whether only the table knows where the address leads.
    fn plays(self, ip: IpAddr) -> bool {
        self == Self::Played && matches!(ip, IpAddr::V4(ip) if ip.octets().starts_with(&self.prefix()))
    }
}

/// Which pod has which address, and the table from played addresses to listeners on loopback. It is the truth; the annotation
/// on a pod only helps people.
#[derive(Clone, Default)]
pub(crate) struct Addresses {
    network: Network,
    table: Arc<RwLock<Table>>,
}

#[derive(Default)]
struct Table {
    listeners: HashMap<(IpAddr, u16), SocketAddr>,
    taken: BTreeSet<u16>,
    last: u16,
}

impl Addresses {
    pub(crate) fn of(network: Network) -> Self {
        Self { network, table: Arc::default() }
    }

    /// The node's own address.
    pub(crate) fn host(&self) -> IpAddr {
        self.network.host()
    }

    /// Where a container that serves these ports of an address has to listen.
    pub(super) fn listen_at(&self, ip: IpAddr, ports: &[u16]) -> Vec<SocketAddr> {
        match self.network {
            Network::Played => vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
            Network::Local => ports.iter().map(|port| SocketAddr::new(ip, *port)).collect(),
        }
    }

    /// An address that no pod has, not soon used again; `None` when all are taken.
    pub(crate) fn lease(&self) -> Option<IpAddr> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let from = table.last.saturating_add(1).clamp(FIRST, LAST);
        let free = (from..=LAST).chain(FIRST..from).find(|number| !table.taken.contains(number))?;
        table.taken.insert(free);
        table.last = free;
        Some(self.network.address(free))
    }

    /// Gives an address back, with all that listened on it.
    pub(crate) fn release(&self, ip: IpAddr) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.listeners.retain(|(listening, _), _| *listening != ip);
        table.taken.retain(|number| self.network.address(*number) != ip);
    }

    /// From now on these ports of an address lead to the listener, if it is not what they are.
    pub(crate) fn open(&self, ip: IpAddr, ports: &[u16], listener: SocketAddr) {
        if self.network == Network::Local {
            return;
        }
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.listeners.extend(ports.iter().map(|port| ((ip, *port), listener)));
    }

    /// From now on nothing leads to the listener.
    pub(crate) fn close(&self, listener: SocketAddr) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.listeners.retain(|_, open| *open != listener);
    }

    /// What to connect to for a port of an address: `None` for a played address where nothing listens, the address itself
    /// when it is not of the played network.
    pub(crate) fn resolve(&self, ip: IpAddr, port: u16) -> Option<SocketAddr> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        match table.listeners.get(&(ip, port)) {
            Some(listener) => Some(*listener),
            None if self.network.plays(ip) => None,
            None => Some(SocketAddr::new(ip, port)),
        }
    }

    /// Every listener of an address, each once.
    pub(crate) fn listeners(&self, ip: IpAddr) -> BTreeSet<SocketAddr> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.listeners.iter().filter(|((at, _), _)| *at == ip).map(|(_, listener)| *listener).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_address_leads_nowhere_and_is_not_the_next_one_leased() {
        let addresses = Addresses::default();
        let first = addresses.lease().unwrap();
        let listener: SocketAddr = "127.0.0.1:4242".parse().unwrap();
        addresses.open(first, &[9898], listener);
        assert_eq!(addresses.resolve(first, 9898), Some(listener));
        assert_eq!(addresses.resolve(first, 80), None);
        addresses.release(first);
        assert_eq!(addresses.resolve(first, 9898), None);
        assert_ne!(addresses.lease(), Some(first));
    }
}
