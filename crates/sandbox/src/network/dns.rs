//! DNS for the names of Services: `name.namespace.svc.cluster.local` over UDP.
//!
//! A Service with an address of its own has that one, a headless one those of its ready endpoints. There are only IPv4
//! addresses, and nothing outside of the cluster: every other name does not exist. The search list that makes short names
//! work is the resolver's, as in pods: [`resolv_conf`].

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use tokio::net::UdpSocket;

use super::address;
use crate::cluster::{Cluster, Tasks};
use crate::services::{named, ports};

/// The port of DNS.
const PORT: u16 = 53;
/// The longest message over UDP.
const MESSAGE: usize = 512;
/// The fixed beginning of a message.
const HEADER: usize = 12;
/// Answers in one message, so that it stays short enough.
const ANSWERS: usize = 12;
/// How long an answer holds, in seconds.
const TTL: u32 = 5;
/// Kinds of records: an IPv4 address, and any.
const A: u16 = 1;
const ANY: u16 = 255;
/// The class of the internet.
const INTERNET: u16 = 1;

/// Answers on this address from now on.
pub(super) async fn start(cluster: &Arc<Cluster>, ip: Ipv4Addr, tasks: &Tasks) -> io::Result<()> {
    let socket = UdpSocket::bind(SocketAddr::from((ip, PORT))).await?;
    let cluster = Arc::clone(cluster);
    tasks.spawn(async move {
        let mut buffer = [0; MESSAGE];
        loop {
            // An error is about one client that has gone.
            let Ok((length, client)) = socket.recv_from(&mut buffer).await else { continue };
            let message = buffer.get(..length).unwrap_or_default();
            if let Some(answer) = answer(message, |name| addresses(&cluster, name)) {
                let _ = socket.send_to(&answer, client).await;
            }
        }
    });
    Ok(())
}

/// The configuration of a resolver that looks names up as a pod of this namespace does.
pub fn resolv_conf(dns: Ipv4Addr, namespace: &str) -> String {
    format!("nameserver {dns}\nsearch {namespace}.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
}

/// The addresses of a Service by its full name; `None` when there is none of this name.
fn addresses(cluster: &Cluster, name: &str) -> Option<Vec<Ipv4Addr>> {
    let name = name.to_ascii_lowercase();
    let id = name.strip_suffix(".svc.cluster.local").and_then(named)?;
    let service = cluster.services.get(&id)?;
    let addresses = match address(&service) {
        Some(ip) => vec![ip],
        None => pods(cluster, service),
    };
    let v4 = addresses.into_iter().filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    Some(v4.collect())
}

/// The addresses of a Service's ready endpoints.
fn pods(cluster: &Cluster, service: Arc<Service>) -> Vec<IpAddr> {
    let behind = ports(&[service], &cluster.slices.all());
    let backends = behind.values().flatten().flat_map(|(_, backend)| &backend.endpoints);
    let pods: BTreeSet<IpAddr> = backends.map(|(ip, _)| *ip).collect();
    pods.into_iter().collect()
}

/// The answer to a message (RFC 1035); `None` to one that is no question.
fn answer(message: &[u8], lookup: impl Fn(&str) -> Option<Vec<Ipv4Addr>>) -> Option<Vec<u8>> {
    let (id, flags) = (message.get(..2)?, message.get(2..4)?);
    let is_query = flags.first()? & 0x80 == 0;
    if !is_query || message.get(4..6)? != [0, 1] {
        return None;
    }
    let (name, length) = name(message.get(HEADER..)?)?;
    let question = message.get(HEADER..HEADER + length + 4)?;
    let (kind, class) = (number(question, length)?, number(question, length + 2)?);
    let found = lookup(&name);
    let code: u8 = if found.is_some() { 0 } else { 3 };
    let mut addresses = found.unwrap_or_default();
    if !matches!(kind, A | ANY) || class != INTERNET {
        addresses.clear();
    }
    addresses.truncate(ANSWERS);

    let mut out = Vec::with_capacity(MESSAGE);
    out.extend_from_slice(id);
    // An authoritative answer; whether recursion is wanted is repeated, and it is to be had, as there is nothing to recurse to.
    out.extend([0x84 | (flags.first()? & 0x01), 0x80 | code]);
    out.extend([0, 1, 0, u8::try_from(addresses.len()).ok()?, 0, 0, 0, 0]);
    out.extend_from_slice(question);
    for address in addresses {
        // The name is the one at the beginning of the question.
        out.extend([0xc0, u8::try_from(HEADER).ok()?]);
        out.extend(A.to_be_bytes());
        out.extend(INTERNET.to_be_bytes());
        out.extend(TTL.to_be_bytes());
        out.extend([0, 4]);
        out.extend(address.octets());
    }
    Some(out)
}

/// The name at the beginning of the bytes, and how many of them it takes.
fn name(bytes: &[u8]) -> Option<(String, usize)> {
    const LABEL: usize = 63;
    let (mut labels, mut at) = (Vec::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        // Anything longer refers to another place, which the name of a question never does.
        if LABEL < length {
            return None;
        }
        labels.push(std::str::from_utf8(bytes.get(at..at + length)?).ok()?.to_owned());
        at += length;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| two.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07podinfo\x04test\x00\x00\x01\x00\x01";

    fn lookup(name: &str) -> Option<Vec<Ipv4Addr>> {
        (name == "podinfo.test").then(|| vec![Ipv4Addr::new(10, 0, 0, 7)])
    }

    #[test]
    fn a_name_is_answered_with_its_address() {
        let answer = answer(QUESTION, lookup).unwrap();
        assert_eq!(answer.get(..8).unwrap(), b"\x12\x34\x85\x80\x00\x01\x00\x01");
        assert!(answer.ends_with(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\x0a\x00\x00\x07"));
    }

    #[test]
    fn an_unknown_name_does_not_exist_and_a_known_one_has_no_other_addresses() {
        let unknown = answer(QUESTION, |_| None).unwrap();
        assert_eq!(unknown.get(2..8).unwrap(), b"\x85\x83\x00\x01\x00\x00");
        let mut v6 = QUESTION.to_vec();
        let at = v6.len() - 3;
        v6[at] = 28;
        assert_eq!(answer(&v6, lookup).unwrap().get(2..8).unwrap(), b"\x85\x80\x00\x01\x00\x00");
    }

    #[test]
    fn what_is_no_question_is_not_answered() {
        for length in 0..QUESTION.len() {
            assert_eq!(answer(&QUESTION[..length], lookup), None, "{length}");
        }
        let mut response = QUESTION.to_vec();
        response[2] |= 0x80;
        assert_eq!(answer(&response, lookup), None);
        let mut pointer = QUESTION.to_vec();
        pointer[HEADER] = 0xc0;
        assert_eq!(answer(&pointer, lookup), None);
    }
}
