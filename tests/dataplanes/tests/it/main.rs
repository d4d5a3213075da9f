//! Releases of real requests through data planes of others, on a real control plane: Contour and Envoy for the Gateway API,
//! Services of Kubernetes without a mesh; measured by a real Prometheus.
//!
//! What is played: the machine that pods run on, the application in them, and the service proxy, all of `flagger-sandbox`.
//! Each test runs in namespaces of its own, see `namespace`. Where the programs are not there, what needs them is left out
//! and said; `DATAPLANES=required` makes that a failure.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails right there")]

#[cfg(test)]
mod browser;
#[cfg(test)]
mod gatewayapi;
#[cfg(test)]
mod kubernetes;
#[cfg(test)]
mod namespace;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod release;
#[cfg(test)]
mod stack;
#[cfg(test)]
mod visitors;
