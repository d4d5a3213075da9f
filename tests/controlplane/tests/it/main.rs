//! The operator on a real control plane, and the control plane itself.
//!
//! Where its programs are not there, what needs them is left out and said; `CONTROLPLANE=required` makes that a failure.

#[cfg(test)]
mod clock;
#[cfg(test)]
mod configs;
#[cfg(test)]
mod daemons;
#[cfg(test)]
mod deletion;
#[cfg(test)]
mod istio;
#[cfg(test)]
mod keda;
#[cfg(test)]
mod knative;
#[cfg(test)]
mod left;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod nginx;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod prometheus;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod waiting;
