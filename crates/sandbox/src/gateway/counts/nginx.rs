//! The dialect of ingress-nginx: requests by Ingress, and by the canary that got them.
//!
//! The application's namespace is in `namespace`, where ingress-nginx itself writes it, and in `exported_namespace` as well,
//! where it is found after a Prometheus that has a `namespace` of its own for every target (prometheus-operator's). So queries
//! written for either find their series, and none is there twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::ingress::Location;
use crate::exposition::{Histogram, family, labels, sample};

/// Ingress-nginx's histograms. It measures the second until its own answer is complete, which is the same here.
const DURATIONS: [(&str, &str); 2] = [
    ("nginx_ingress_controller_request_duration_seconds", "Seconds that requests took."),
    ("nginx_ingress_controller_response_duration_seconds", "Seconds until the response of the upstream."),
];

/// What is counted apart: locations that exist, known methods and status codes, so the number is bounded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: String,
    ingress: String,
    service: String,
    host: String,
    path: String,
    canary: String,
    method: &'static str,
    status: u16,
}

/// All requests. Clones share the numbers.
#[derive(Clone, Debug, Default)]
pub(in crate::gateway) struct Requests(Arc<Mutex<BTreeMap<Key, Histogram>>>);

impl Requests {
    /// Counts a request; `canary` names the canary's backend, and is empty when the Ingress's own got it.
    pub(in crate::gateway) fn count(
        &self,
        location: &Location,
        canary: &str,
        method: &'static str,
        status: u16,
        took: Duration,
    ) {
        let key = Key {
            namespace: location.ingress.namespace.clone(),
            ingress: location.ingress.name.clone(),
            service: location.service.clone(),
            host: location.host.clone(),
            path: location.path.clone(),
            canary: canary.to_owned(),
            method,
            status,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().observe(took);
    }

    pub(super) fn write(&self, out: &mut String) {
        let requests = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if requests.is_empty() {
            return;
        }
        let labelled: Vec<(String, &Histogram)> = requests.iter().map(|(key, took)| (labels_of(key), took)).collect();
        family(out, "nginx_ingress_controller_requests", "counter", "The total number of client requests.");
        for (labels, took) in &labelled {
            sample(out, "nginx_ingress_controller_requests", labels, took.count());
        }
        for (name, help) in DURATIONS {
            family(out, name, "histogram", help);
            for (labels, took) in &labelled {
                took.write(out, name, labels);
            }
        }
    }
}

fn labels_of(key: &Key) -> String {
    labels(&[
        ("controller_class", "k8s.io/ingress-nginx"),
        ("controller_namespace", "ingress-nginx"),
        ("controller_pod", "ingress-nginx-controller"),
        ("namespace", &key.namespace),
        ("exported_namespace", &key.namespace),
        ("ingress", &key.ingress),
        ("service", &key.service),
        ("host", &key.host),
        ("path", &key.path),
        ("canary", &key.canary),
        ("method", key.method),
        ("status", &key.status.to_string()),
    ])
}
