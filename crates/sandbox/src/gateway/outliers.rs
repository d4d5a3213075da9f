//! Endpoints that are left alone for a while because they fail: what a `DestinationRule` calls outlier detection.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;

use crate::services::Endpoint;

/// When an endpoint is ejected, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detection {
    /// Server errors in a row; `None` when they do not matter.
    pub(super) server_errors: Option<u32>,
    /// 502, 503 and 504 in a row; `None` when they do not matter.
    pub(super) gateway_errors: Option<u32>,
    /// Times the number of ejections.
    pub(super) ejection: Duration,
    /// The share of a Service's endpoints that may be ejected at the same time; one may be in any case.
    pub(super) percent_max: usize,
}

/// How the endpoints fare.
#[derive(Default)]
pub(super) struct Outliers(Mutex<HashMap<Endpoint, Record>>);

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    server_errors: u32,
    gateway_errors: u32,
    ejections: u32,
    until: Option<Timestamp>,
}

/// Endpoints that are remembered; beyond them all is forgotten, as after a restart of a proxy.
const REMEMBERED: usize = 10_000;

impl Outliers {
    /// The endpoints that may be asked now.
    pub(super) fn healthy(&self, endpoints: &[Endpoint], now: Timestamp) -> Vec<Endpoint> {
        self.with(|records| {
            let out = |endpoint: &&Endpoint| !records.get(endpoint).is_some_and(|record| record.is_out(now));
            endpoints.iter().filter(out).copied().collect()
        })
    }

    /// Takes in how one of a Service's endpoints answered.
    pub(super) fn note(
        &self,
        detection: &Detection,
        among: &[Endpoint],
        endpoint: Endpoint,
        status: StatusCode,
        now: Timestamp,
    ) {
        self.with(|records| {
            if REMEMBERED <= records.len() {
                records.clear();
            }
            let out = among.iter().filter(|other| records.get(other).is_some_and(|record| record.is_out(now))).count();
            let record = records.entry(endpoint).or_default();
            let streak = |before: u32, failed: bool| if failed { before.saturating_add(1) } else { 0 };
            record.server_errors = streak(record.server_errors, status.is_server_error());
            record.gateway_errors = streak(record.gateway_errors, matches!(status.as_u16(), 502..=504));
            let reached = |limit: Option<u32>, count: u32| limit.is_some_and(|limit| 0 < limit && limit <= count);
            let failing = reached(detection.server_errors, record.server_errors)
                || reached(detection.gateway_errors, record.gateway_errors);
            let room = out == 0 || out * 100 < among.len() * detection.percent_max;
            if failing && room && !record.is_out(now) {
                let ejections = record.ejections.saturating_add(1);
                let until = now.checked_add(detection.ejection.saturating_mul(ejections)).ok();
                *record = Record { ejections, until, ..Record::default() };
            }
        });
    }

    fn with<T>(&self, look: impl FnOnce(&mut HashMap<Endpoint, Record>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Record {
    fn is_out(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_fails_in_a_row_is_left_alone_for_longer_each_time() {
        let detection = Detection {
            server_errors: Some(2),
            gateway_errors: None,
            ejection: Duration::from_secs(30),
            percent_max: 10,
        };
        let all: Vec<Endpoint> = [1, 2].map(|last| ([10, 0, 0, last].into(), 80)).to_vec();
        let outliers = Outliers::default();
        let at = |secs: i64| Timestamp::from_second(secs).unwrap();
        let fail = |endpoint: Endpoint, secs: i64| {
            outliers.note(&detection, &all, endpoint, StatusCode::INTERNAL_SERVER_ERROR, at(secs));
        };
        fail(all[0], 0);
        outliers.note(&detection, &all, all[0], StatusCode::OK, at(0));
        fail(all[0], 0);
        assert_eq!(outliers.healthy(&all, at(0)), all, "an answer in between starts the count again");
        fail(all[0], 0);
        assert_eq!(outliers.healthy(&all, at(29)), all[1..]);
        fail(all[1], 1);
        fail(all[1], 1);
        assert_eq!(outliers.healthy(&all, at(29)), all[1..], "not both at once");
        assert_eq!(outliers.healthy(&all, at(30)), all);
        fail(all[0], 31);
        fail(all[0], 31);
        assert_eq!(outliers.healthy(&all, at(90)), all[1..], "the second time counts double");
    }
}
