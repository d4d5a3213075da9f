//! What went through the gateway, counted in every dialect that somebody may ask in.

mod gateway;
pub(super) mod istio;
pub(super) mod nginx;

pub use gateway::{GatewayStats, Passage};

/// All counts. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) gateway: GatewayStats,
    pub(super) istio: istio::Requests,
    pub(super) nginx: nginx::Requests,
}

impl Counts {
    /// The numbers in Prometheus' text format.
    pub(super) fn expose(&self) -> String {
        let mut out = String::new();
        self.gateway.write(&mut out);
        self.istio.write(&mut out);
        self.nginx.write(&mut out);
        out
    }
}
