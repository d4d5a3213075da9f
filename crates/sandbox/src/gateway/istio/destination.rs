//! `DestinationRul`s, and the destinations that routes name.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt;
use kube::core::DynamicObject;

use super::super::outliers::Detection;
use super::super::rule::Unresolved;
use super::Known;
use super::spec::{Destination, DestinationRule, OutlierDetection};
use crate::cluster::Id;
use crate::duration;
use crate::services::{Backend, named};

/// Istio's own: five server errors in a row, out for half a minute, one endpoint in ten.
const DEFAULT_ERRORS: u32 = 5;
const DEFAULT_EJECTION: Duration = Duration::from_secs(30);
const DEFAULT_PERCENT: u8 = 10;

/// Parts of Services, by the labels of their pods.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Subsets(HashMap<(Id, String), BTreeMap<String, String>>);

impl Subsets {
    pub(in crate::gateway) fn of(rules: &[Arc<DynamicObject>]) -> Self {
        let each = rules.iter().filter_map(|rule| read(rule)).flat_map(|(service, rule)| {
            let subset = move |subset: super::spec::Subset| ((service.clone(), subset.name), subset.labels);
            rule.subsets.into_iter().map(subset)
        });
        Self(each.collect())
    }
}

/// When endpoints of which Services are left alone.
pub(in crate::gateway) fn detections(rules: &[Arc<DynamicObject>]) -> HashMap<Id, Detection> {
    let each = rules.iter().filter_map(|rule| read(rule)).filter_map(|(service, rule)| {
        let detection = rule.traffic_policy.outlier_detection?;
        Some((service, of(&detection)))
    });
    each.collect()
}

fn of(written: &OutlierDetection) -> Detection {
    let ejection = written.base_ejection_time.as_deref().and_then(duration::parse);
    let errors = written.consecutive_5xx_errors.or(written.consecutive_errors);
    Detection {
        server_errors: Some(errors.unwrap_or(DEFAULT_ERRORS)).filter(|limit| 0 < *limit),
        gateway_errors: written.consecutive_gateway_errors.filter(|limit| 0 < *limit),
        ejection: ejection.unwrap_or(DEFAULT_EJECTION),
        percent_max: usize::from(written.max_ejection_percent.unwrap_or(DEFAULT_PERCENT)),
    }
}

/// A rule and the Service that it is about; rules for other hosts concern nobody here.
fn read(rule: &DynamicObject) -> Option<(Id, DestinationRule)> {
    let spec: DestinationRule = serde_json::from_value(rule.data.get("spec")?.clone()).ok()?;
    Some((service(&rule.namespace().unwrap_or_default(), &spec.host)?, spec))
}

/// The Service that a host means to an object of this namespace.
pub(super) fn service(namespace: &str, host: &str) -> Option<Id> {
    if host.contains('.') { named(host) } else { Some(Id::new(namespace, host)) }
}

/// Looks a destination up; `asked` is the port that the client asked for.
pub(super) fn resolve(
    namespace: &str,
    destination: &Destination,
    asked: u16,
    known: &Known<'_>,
) -> Result<Arc<Backend>, Unresolved> {
    let missing = || Unresolved::NoService(destination.host.clone());
    let id = service(namespace, &destination.host).ok_or_else(missing)?;
    let ports = known.services.get(&id).ok_or_else(missing)?;
    let backend = match (&destination.port, ports.as_slice()) {
        (None, [(_, only)]) => only,
        (written, _) => {
            let wanted = written.as_ref().map_or(asked, |port| port.number);
            let found = ports.iter().find(|(number, _)| *number == wanted);
            &found.ok_or_else(|| Unresolved::NotFound(id.clone(), wanted))?.1
        }
    };
    let Some(name) = &destination.subset else { return Ok(Arc::clone(backend)) };
    let labels = known.subsets.0.get(&(id.clone(), name.clone()));
    let labels = labels.ok_or_else(|| Unresolved::NoSubset(id.clone(), name.clone()))?;
    let belongs = |ip: &std::net::IpAddr| known.peers.at(*ip).is_some_and(|peer| peer.has(labels));
    let endpoints = backend.endpoints.iter().filter(|(ip, _)| belongs(ip)).copied().collect();
    Ok(Arc::new(Backend { service: id, port: backend.port.clone(), endpoints }))
}
