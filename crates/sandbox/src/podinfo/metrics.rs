//! What podinfo counts, under podinfo's names.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use ports::Clock;

use super::settings::Usage;
use crate::exposition::{Histogram, family, known, labels, sample};

/// Requests by method, route and status: all three are closed sets, so their number is bounded.
type Requests = BTreeMap<(&'static str, &'static str, u16), Histogram>;

/// The counters of one copy.
pub(crate) struct Metrics {
    started: Timestamp,
    usage: Usage,
    requests: Mutex<Requests>,
}

impl Metrics {
    pub(crate) fn new(started: Timestamp, usage: Usage) -> Self {
        Self { started, usage, requests: Mutex::default() }
    }

    pub(crate) fn count(&self, method: &Method, route: &'static str, status: StatusCode, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.entry((known(method), route, status.as_u16())).or_default().observe(took);
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn expose(&self, clock: &dyn Clock) -> String {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut out = String::new();
        by_status(&mut out, &requests);
        family(&mut out, "http_request_duration_seconds", "histogram", "Seconds spent serving HTTP requests.");
        for ((method, path, status), histogram) in &requests {
            let labels = labels(&[("method", method), ("path", path), ("status", &status.to_string())]);
            histogram.write(&mut out, "http_request_duration_seconds", &labels);
        }
        process(&mut out, self.usage, self.started, clock.now());
        out
    }
}

fn by_status(out: &mut String, requests: &Requests) {
    let mut totals: BTreeMap<u16, u64> = BTreeMap::new();
    for ((_, _, status), histogram) in requests {
        *totals.entry(*status).or_default() += histogram.count();
    }
    family(out, "http_requests_total", "counter", "The total number of HTTP requests.");
    for (status, total) in totals {
        sample(out, "http_requests_total", &labels(&[("status", &status.to_string())]), total);
    }
}

fn process(out: &mut String, usage: Usage, started: Timestamp, now: Timestamp) {
    let uptime = now.duration_since(started);
    family(out, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.");
    sample(out, "process_start_time_seconds", "", started.as_second());
    family(out, "process_uptime_seconds", "gauge", "Seconds since the process started.");
    sample(out, "process_uptime_seconds", "", uptime.as_secs());
    family(out, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.");
    sample(out, "process_cpu_seconds_total", "", usage.cores * uptime.as_secs_f64().max(0.0));
    family(out, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
    sample(out, "process_resident_memory_bytes", "", usage.memory_bytes);
    family(out, "go_info", "gauge", "Information about the Go environment.");
    sample(out, "go_info", "version=\"sandbox\"", 1);
}
