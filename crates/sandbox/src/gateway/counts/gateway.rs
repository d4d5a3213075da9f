//! What went through the gateway, in its own words.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::exposition::{Histogram, family, labels, sample};

/// What is counted apart: routes and Services that exist, and status codes, so the number is bounded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The namespace of the route, or of the Service when there was no route.
    pub namespace: String,
    /// The HTTPRoute, `VirtualService` or Ingress; empty when the host named a Service.
    pub route: String,
    /// The Service that the request was sent to, empty when none was found.
    pub backend: String,
    /// The status that the client got.
    pub code: u16,
}

/// The gateway's own count of requests. Clones show the same numbers.
#[derive(Clone, Debug, Default)]
pub struct GatewayStats {
    passages: Arc<Mutex<BTreeMap<Passage, Histogram>>>,
}

impl GatewayStats {
    /// How many requests have passed, by where they went and how they ended.
    pub fn requests(&self) -> BTreeMap<Passage, u64> {
        let passages = self.passages.lock().unwrap_or_else(PoisonError::into_inner);
        passages.iter().map(|(passage, took)| (passage.clone(), took.count())).collect()
    }

    pub(in crate::gateway) fn count(&self, passage: Passage, took: Duration) {
        self.passages.lock().unwrap_or_else(PoisonError::into_inner).entry(passage).or_default().observe(took);
    }

    /// The numbers in Prometheus' text format.
    pub(super) fn write(&self, out: &mut String) {
        let passages = self.passages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        family(out, "gateway_requests_total", "counter", "Requests by route, backend and status code.");
        for (passage, took) in &passages {
            sample(out, "gateway_requests_total", &passage.labels(), took.count());
        }
        family(out, "gateway_request_duration_seconds", "histogram", "Seconds until the response's headers.");
        for (passage, took) in &passages {
            took.write(out, "gateway_request_duration_seconds", &passage.labels());
        }
    }
}

impl Passage {
    fn labels(&self) -> String {
        let code = self.code.to_string();
        let Self { namespace, route, backend, .. } = self;
        labels(&[("namespace", namespace), ("route", route), ("backend", backend), ("code", &code)])
    }
}
