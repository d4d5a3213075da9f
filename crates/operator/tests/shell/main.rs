//! The shell's dealings with the outside: an API server, web servers, kubeconfigs.

#[cfg(test)]
mod cluster;
#[cfg(test)]
mod connect;
#[cfg(test)]
mod guarded;
#[cfg(test)]
mod recorder;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod shutdown;
#[cfg(test)]
mod stub;
#[cfg(test)]
mod web;
