//! Istio's dialect: what the sidecars of both sides of a request report.
//!
//! The client's side (`reporter="source"`) counts what it got, the server's (`reporter="destination"`) what reached a pod, each
//! retry and each mirrored copy included.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::peers::Peer;
use crate::cluster::Id;
use crate::exposition::{Histogram, family, labels, sample};

/// What stands for somebody of whom nothing is known.
const UNKNOWN: &str = "unknown";

/// Who counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::gateway) enum Reporter {
    /// The one that asked.
    Source,
    /// The one that was asked.
    Destination,
}

/// How a request ended, for those who read Envoy's response flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::gateway) enum Flag {
    /// As it should.
    #[default]
    None,
    /// No endpoint was ready.
    NoHealthyUpstream,
    /// No endpoint could be reached, or it broke off.
    UpstreamFailure,
    /// It took too long.
    UpstreamTimeout,
    /// The destination does not exist.
    NoCluster,
    /// It was held back.
    DelayInjected,
    /// It was answered in the backend's place.
    FaultInjected,
}

impl Flag {
    fn word(self) -> &'static str {
        match self {
            Self::None => "-",
            Self::NoHealthyUpstream => "UH",
            Self::UpstreamFailure => "UF",
            Self::UpstreamTimeout => "UT",
            Self::NoCluster => "NC",
            Self::DelayInjected => "DI",
            Self::FaultInjected => "FI",
        }
    }
}

/// One request as one side saw it.
pub(in crate::gateway) struct Report<'a> {
    pub(in crate::gateway) reporter: Reporter,
    pub(in crate::gateway) source: Option<&'a Peer>,
    pub(in crate::gateway) destination: Option<&'a Peer>,
    pub(in crate::gateway) service: &'a Id,
    pub(in crate::gateway) code: u16,
    pub(in crate::gateway) flag: Flag,
}

/// What is counted apart: pairs of workloads that exist, and status codes, so the number is bounded.
type Key = (Reporter, Side, Side, Id, u16, Flag);

/// A workload as labels name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    workload: String,
    namespace: String,
    app: String,
    version: String,
}

impl Side {
    fn of(peer: Option<&Peer>) -> Self {
        let unknown = || UNKNOWN.to_owned();
        let label = |peer: &Peer, keys: [&str; 2]| keys.iter().find_map(|key| peer.labels.get(*key)).cloned();
        match peer {
            None => Self { workload: unknown(), namespace: unknown(), app: unknown(), version: unknown() },
            Some(peer) => Self {
                workload: peer.workload.clone(),
                namespace: peer.namespace.clone(),
                app: label(peer, ["app", "app.kubernetes.io/name"]).unwrap_or_else(|| peer.workload.clone()),
                version: label(peer, ["version", "app.kubernetes.io/version"]).unwrap_or_else(unknown),
            },
        }
    }
}

/// All requests. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(in crate::gateway) struct Requests(Arc<Mutex<BTreeMap<Key, Histogram>>>);

impl Requests {
    pub(in crate::gateway) fn count(&self, report: &Report<'_>, took: Duration) {
        let sides = (Side::of(report.source), Side::of(report.destination));
        let key = (report.reporter, sides.0, sides.1, report.service.clone(), report.code, report.flag);
        let mut requests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        requests.entry(key).or_insert_with(Histogram::in_milliseconds).observe(took);
    }

    pub(super) fn write(&self, out: &mut String) {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if requests.is_empty() {
            return;
        }
        let labelled: Vec<(String, &Histogram)> = requests.iter().map(|(key, took)| (labels_of(key), took)).collect();
        family(out, "istio_requests_total", "counter", "Requests by source, destination and status code.");
        for (labels, took) in &labelled {
            sample(out, "istio_requests_total", labels, took.count());
        }
        family(out, "istio_request_duration_milliseconds", "histogram", "Milliseconds until the response's headers.");
        for (labels, took) in &labelled {
            took.write(out, "istio_request_duration_milliseconds", labels);
        }
    }
}

fn labels_of((reporter, source, destination, service, code, flag): &Key) -> String {
    let reporter = match reporter {
        Reporter::Source => "source",
        Reporter::Destination => "destination",
    };
    let host = format!("{}.{}.svc.cluster.local", service.name, service.namespace);
    labels(&[
        ("reporter", reporter),
        ("source_workload", &source.workload),
        ("source_workload_namespace", &source.namespace),
        ("source_app", &source.app),
        ("source_version", &source.version),
        ("destination_workload", &destination.workload),
        ("destination_workload_namespace", &destination.namespace),
        ("destination_app", &destination.app),
        ("destination_version", &destination.version),
        ("destination_service", &host),
        ("destination_service_name", &service.name),
        ("destination_service_namespace", &service.namespace),
        ("request_protocol", "http"),
        ("response_code", &code.to_string()),
        ("response_flags", flag.word()),
        ("connection_security_policy", "none"),
    ])
}
