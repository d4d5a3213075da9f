//! Where a pod's address really leads.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};

/// The played pod network, and the part of it that pods get.
const NETWORK: [u8; 2] = [10, 244];
const FIRST: u16 = 2;
const LAST: u16 = u16::MAX - 1;

/// The table from played pod addresses to listeners on loopback. It is the truth; the annotation on a pod only helps people.
#[derive(Clone, Default)]
pub(crate) struct Addresses {
    table: Arc<RwLock<Table>>,
}

#[derive(Default)]
struct Table {
    listeners: HashMap<(IpAddr, u16), SocketAddr>,
    taken: BTreeSet<u16>,
    last: u16,
}

impl Addresses {
    /// An address that no pod has, not soon used again; `None` when all are taken.
    pub(crate) fn lease(&self) -> Option<IpAddr> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let from = table.last.saturating_add(1).clamp(FIRST, LAST);
        let free = (from..=LAST).chain(FIRST..from).find(|number| !table.taken.contains(number))?;
        table.taken.insert(free);
        table.last = free;
        Some(address(free))
    }

    /// Gives an address back, with all that listened on it.
    pub(crate) fn release(&self, ip: IpAddr) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.listeners.retain(|(listening, _), _| *listening != ip);
        table.taken.retain(|number| address(*number) != ip);
    }

    /// From now on these ports of an address lead to the listener.
    pub(crate) fn open(&self, ip: IpAddr, ports: &[u16], listener: SocketAddr) {
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
            None if played(ip) => None,
            None => Some(SocketAddr::new(ip, port)),
        }
    }

    /// Every listener of an address, each once.
    pub(crate) fn listeners(&self, ip: IpAddr) -> BTreeSet<SocketAddr> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.listeners.iter().filter(|((at, _), _)| *at == ip).map(|(_, listener)| *listener).collect()
    }
}

fn address(number: u16) -> IpAddr {
    let [high, low] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(NETWORK[0], NETWORK[1], high, low))
}

fn played(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets().starts_with(&NETWORK))
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
