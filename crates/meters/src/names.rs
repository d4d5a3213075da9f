//! The names that queries are about.

use api::{Canary, names};

/// What the functions of a query template stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The canary.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The target workload.
    pub target: String,
    /// The apex Service.
    pub service: String,
    /// The Ingress of the canary, or else the target's name.
    pub ingress: String,
    /// The APISIX route of the canary, or else the target's name. For Knative it is the revision under test, which the caller
    /// has to set.
    pub route: String,
}

impl Names {
    /// The names of a canary.
    pub fn of(canary: &Canary) -> Self {
        let target = canary.spec.target_ref.name.clone();
        let route = canary.spec.route_ref.as_ref().map_or(&target, |reference| &reference.name);
        Self {
            name: canary.metadata.name.clone().unwrap_or_default(),
            namespace: canary.metadata.namespace.clone().unwrap_or_default(),
            service: names::apex_service(canary).to_owned(),
            ingress: names::ingress(canary).to_owned(),
            route: route.clone(),
            target,
        }
    }
}
