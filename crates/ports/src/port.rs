//! Ports of workloads and Services.

/// A container port for a Service to offer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// The port's name in the Service.
    pub name: String,
    /// The port's number, in the container and in the Service.
    pub number: i64,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}
