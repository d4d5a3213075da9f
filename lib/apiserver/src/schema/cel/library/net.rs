//! URLs, IP addresses and their ranges.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::eval::Failure;
use super::super::value::{Key, Val};
use super::{Row, function, method, mismatch};
use crate::schema::formats;
use crate::schema::url::Url;

pub(super) const ROWS: &[Row] = &[
    function("url", "string", "url", url),
    function("isURL", "string", "bool", |arguments| Ok(Val::Bool(url(arguments).is_ok()))),
    method("getScheme", "url", "string", |arguments| of_url(arguments, |url| Val::text(url.scheme.as_str()))),
    method("getHost", "url", "string", |arguments| of_url(arguments, |url| Val::text(url.host.as_str()))),
    method("getHostname", "url", "string", |arguments| of_url(arguments, |url| Val::text(url.host_name()))),
    method("getPort", "url", "string", |arguments| of_url(arguments, |url| Val::text(url.port()))),
    method("getEscapedPath", "url", "string", |arguments| {
        of_url(arguments, |url| Val::text(url.escaped_path.as_str()))
    }),
    method("getQuery", "url", "map(string, list(string))", |arguments| of_url(arguments, query)),
    function("ip", "string", "ip", ip),
    function("isIP", "string", "bool", |arguments| Ok(Val::Bool(ip(arguments).is_ok()))),
    function("ip.isCanonical", "string", "bool", is_canonical),
    method("family", "ip", "int", |arguments| {
        of_ip(arguments, |address| Val::Int(if address.is_ipv4() { 4 } else { 6 }))
    }),
    method("isUnspecified", "ip", "bool", |arguments| of_ip(arguments, |address| Val::Bool(address.is_unspecified()))),
    method("isLoopback", "ip", "bool", |arguments| of_ip(arguments, |address| Val::Bool(address.is_loopback()))),
    method("isLinkLocalMulticast", "ip", "bool", |arguments| {
        of_ip(arguments, |address| Val::Bool(link_local_multicast(address)))
    }),
    method("isLinkLocalUnicast", "ip", "bool", |arguments| {
        of_ip(arguments, |address| Val::Bool(link_local_unicast(address)))
    }),
    method("isGlobalUnicast", "ip", "bool", |arguments| of_ip(arguments, |address| Val::Bool(global_unicast(address)))),
    function("cidr", "string", "cidr", cidr),
    function("isCIDR", "string", "bool", |arguments| Ok(Val::Bool(cidr(arguments).is_ok()))),
    method("ip", "cidr", "ip", |arguments| of_cidr(arguments, |address, _| Val::Ip(address))),
    method("prefixLength", "cidr", "int", |arguments| of_cidr(arguments, |_, length| Val::Int(length.into()))),
    method("masked", "cidr", "cidr", |arguments| {
        of_cidr(arguments, |address, length| Val::Cidr(masked(address, length), length))
    }),
    method("containsIP", "cidr, string", "bool", contains_ip),
    method("containsIP", "cidr, ip", "bool", contains_ip),
    method("containsCIDR", "cidr, string", "bool", contains_cidr),
    method("containsCIDR", "cidr, cidr", "bool", contains_cidr),
];

const INVALID_URL: &str = "URL parse error during conversion from string";

fn url(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text)] = arguments else { return Err(mismatch()) };
    let url = Url::parse(text)
        .ok_or_else(|| Failure::new(format!("{INVALID_URL}: parse {text:?}: invalid URI for request")))?;
    Ok(Val::Url(Arc::new(url)))
}

fn of_url(arguments: &[Val], part: fn(&Url) -> Val) -> Result<Val, Failure> {
    match arguments {
        [Val::Url(url)] => Ok(part(url)),
        _ => Err(mismatch()),
    }
}

fn query(url: &Url) -> Val {
    let mut values: BTreeMap<&str, Vec<Val>> = BTreeMap::new();
    for (key, value) in &url.query {
        values.entry(key).or_default().push(Val::text(value.as_str()));
    }
    let entries = values.into_iter().map(|(key, values)| (Key::Text(key.into()), Val::list(values)));
    Val::Map(Arc::new(entries.collect()))
}

fn ip(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text)] = arguments else { return Err(mismatch()) };
    let mapped = |address: &IpAddr| matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    match text.parse::<IpAddr>() {
        Ok(address) if !mapped(&address) => Ok(Val::Ip(address)),
        _ => Err(Failure::new(format!("IP Address {text:?} parse error during conversion from string"))),
    }
}

fn is_canonical(arguments: &[Val]) -> Result<Val, Failure> {
    match (arguments, ip(arguments)?) {
        ([Val::Text(text)], Val::Ip(address)) => Ok(Val::Bool(address.to_string() == **text)),
        _ => Err(mismatch()),
    }
}

fn of_ip(arguments: &[Val], part: fn(IpAddr) -> Val) -> Result<Val, Failure> {
    match arguments {
        [Val::Ip(address)] => Ok(part(*address)),
        _ => Err(mismatch()),
    }
}

fn link_local_multicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [224, 0, 0, _]),
        IpAddr::V6(address) => address.segments().first().is_some_and(|first| first & 0xff0f == 0xff02),
    }
}

fn link_local_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn global_unicast(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !(broadcast
        || address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || link_local_unicast(address))
}

fn cidr(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Text(text)] = arguments else { return Err(mismatch()) };
    let (address, length) = formats::cidr(text)
        .ok_or_else(|| Failure::new(format!("network address parse error during conversion from string: {text:?}")))?;
    Ok(Val::Cidr(address, length))
}

fn of_cidr(arguments: &[Val], part: fn(IpAddr, u8) -> Val) -> Result<Val, Failure> {
    match arguments {
        [Val::Cidr(address, length)] => Ok(part(*address, *length)),
        _ => Err(mismatch()),
    }
}

fn contains_ip(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Cidr(range, length), address] = arguments else { return Err(mismatch()) };
    let address = match address {
        Val::Text(_) => ip(std::slice::from_ref(address))?,
        other => other.clone(),
    };
    let Val::Ip(address) = address else { return Err(mismatch()) };
    Ok(Val::Bool(range.is_ipv4() == address.is_ipv4() && masked(address, *length) == masked(*range, *length)))
}

fn contains_cidr(arguments: &[Val]) -> Result<Val, Failure> {
    let [Val::Cidr(range, length), inner] = arguments else { return Err(mismatch()) };
    let inner = match inner {
        Val::Text(_) => cidr(std::slice::from_ref(inner))?,
        other => other.clone(),
    };
    let Val::Cidr(address, inner_length) = inner else { return Err(mismatch()) };
    let inside = range.is_ipv4() == address.is_ipv4() && masked(address, *length) == masked(*range, *length);
    Ok(Val::Bool(inside && *length <= inner_length))
}

/// The address with everything behind its first `length` bits cleared.
fn masked(address: IpAddr, length: u8) -> IpAddr {
    let cleared = |width: u32| width.saturating_sub(u32::from(length));
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(cleared(32)).unwrap_or_default();
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(cleared(128)).unwrap_or_default();
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}
