//! Sending requests to the endpoints of a backend, and copies to mirrors.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use rand::Rng;
use rand::seq::SliceRandom;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::address::strip;
use super::counts::istio::{Flag, Report, Reporter};
use super::peers::Peer;
use super::proxy::{Proxy, took};
use super::retries::Retries;
use super::rule::Shadow;
use super::table::Table;
use crate::services::{Backend, Endpoint};
use crate::wire::{Body, Failure, full, text};

/// Endpoints tried for one request.
const ATTEMPTS: usize = 4;
/// The longest body that is copied to a mirror, or kept for another attempt.
const KEPT: usize = 1 << 20;
/// Copies in flight; more are not made.
const SHADOWS: usize = 256;
/// How long a copy may take, in real time.
const SHADOW_TIME: Duration = Duration::from_secs(30);

/// What is known on the way: the table that the request goes by, and who sent it.
pub(super) struct Way<'a> {
    pub(super) table: &'a Table,
    pub(super) source: Option<&'a Arc<Peer>>,
}

/// An answer, and who gave it.
pub(super) struct Sent {
    pub(super) response: Response<Body>,
    /// The pod that it was sent to, if it was sent and the pod is known.
    pub(super) peer: Option<Arc<Peer>>,
    pub(super) flag: Flag,
}

impl Proxy {
    /// The room for mirrored requests.
    pub(super) fn shadows() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(SHADOWS))
    }

    /// Sends copies to the mirrors that are due; only then is the body read here.
    pub(super) async fn mirrored<'a>(
        &self,
        way: &Way<'_>,
        shadows: impl Iterator<Item = &'a Shadow>,
        parts: &Parts,
        body: Incoming,
    ) -> Result<Body, Response<Body>> {
        let due: Vec<Arc<Backend>> = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            shadows.filter(|shadow| dice.random_bool(shadow.share)).map(|shadow| Arc::clone(&shadow.backend)).collect()
        };
        if due.is_empty() {
            return Ok(body.boxed_unsync());
        }
        let bytes = match Limited::new(body, KEPT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large to be mirrored")),
        };
        for backend in &due {
            self.shadow(way, backend, parts, &bytes);
        }
        Ok(full(bytes))
    }

    /// Sends one copy, and forgets about it; the pod that gets it counts it.
    fn shadow(&self, way: &Way<'_>, backend: &Arc<Backend>, parts: &Parts, body: &Bytes) {
        let Ok(place) = Arc::clone(&self.shadows).try_acquire_owned() else { return };
        let reachable = |(ip, port): Endpoint| Some((ip, self.addresses.resolve(ip, port)?));
        let Some((ip, addr)) = self.endpoints(way, backend).into_iter().find_map(reachable) else { return };
        let request = Request::from_parts(parts.clone(), full(body.clone()));
        let (pool, counts, clock) = (Arc::clone(&self.pool), self.counts.clone(), Arc::clone(&self.clock));
        let (source, peer) = (way.source.cloned(), way.table.peers().at(ip).cloned());
        let (backend, is_counted) = (Arc::clone(backend), way.table.has_sidecars());
        self.tasks.spawn(async move {
            let sending = async {
                let began = Instant::now();
                let Ok(response) = pool.send(addr, request).await else { return };
                if is_counted {
                    let report = Report {
                        reporter: Reporter::Destination,
                        source: source.as_deref(),
                        destination: peer.as_deref(),
                        service: &backend.service,
                        code: response.status().as_u16(),
                        flag: Flag::None,
                    };
                    counts.istio.count(&report, took(began, response.headers(), &*clock));
                }
                // Read to its end, so that the connection can be used again.
                let _ = response.into_body().collect().await;
            };
            let _ = tokio::time::timeout(SHADOW_TIME, sending).await;
            drop(place);
        });
    }

    /// Sends the request, again if the policy says so and its body is short enough to be kept.
    pub(super) async fn deliver(
        &self,
        way: &Way<'_>,
        retries: Option<&Retries>,
        backend: &Backend,
        parts: Parts,
        body: Body,
    ) -> Sent {
        let is_kept = body.size_hint().upper().is_some_and(|size| size <= KEPT as u64);
        let Some(retries) = retries.filter(|retries| 0 < retries.attempts && is_kept) else {
            return self.once(way, backend, parts, body).await;
        };
        let Ok(body) = body.collect().await else {
            return Sent::ours(StatusCode::BAD_REQUEST, "the request broke off", Flag::None);
        };
        let bytes = body.to_bytes();
        let mut left = retries.attempts;
        loop {
            let sending = self.once(way, backend, parts.clone(), full(bytes.clone()));
            let sent = match retries.timeout {
                None => sending.await,
                Some(limit) => {
                    let limit = self.clock.real(limit);
                    tokio::time::timeout(limit, sending).await.unwrap_or_else(|_| Sent::late())
                }
            };
            if left == 0 || !retries.wants(sent.response.status()) {
                return sent;
            }
            left -= 1;
        }
    }

    /// Sends the request to an endpoint of the backend, and to another one if it could not be sent.
    pub(super) async fn once(&self, way: &Way<'_>, backend: &Backend, parts: Parts, body: Body) -> Sent {
        let endpoints = self.endpoints(way, backend);
        if endpoints.is_empty() {
            let why = format!("service \"{}\" has no ready endpoint", backend.service);
            return Sent::ours(StatusCode::SERVICE_UNAVAILABLE, &why, Flag::NoHealthyUpstream);
        }
        // A request without a body that only reads may be sent again even if it might have been received.
        let repeatable =
            (matches!(parts.method, Method::GET | Method::HEAD) && body.is_end_stream()).then(|| parts.clone());
        let mut request = Request::from_parts(parts, body);
        for (ip, port) in endpoints.into_iter().cycle().take(ATTEMPTS) {
            let Some(addr) = self.addresses.resolve(ip, port) else { continue };
            let began = Instant::now();
            match self.pool.send(addr, request).await {
                Ok(response) => return self.answered(way, backend, (ip, port), began, response),
                Err(Failure::NotSent(back, error)) => {
                    tracing::debug!(%error, %ip, "an endpoint can't be reached");
                    request = *back;
                }
                Err(Failure::Lost(error)) => {
                    let Some(parts) = &repeatable else {
                        let why = format!("the backend broke off: {error}");
                        return Sent::ours(StatusCode::BAD_GATEWAY, &why, Flag::UpstreamFailure);
                    };
                    request = Request::from_parts(parts.clone(), full(""));
                }
            }
        }
        let why = format!("no endpoint of service \"{}\" can be reached", backend.service);
        Sent::ours(StatusCode::SERVICE_UNAVAILABLE, &why, Flag::UpstreamFailure)
    }

    /// An endpoint's answer, which its sidecar counts and its record remembers.
    fn answered(
        &self,
        way: &Way<'_>,
        backend: &Backend,
        endpoint: Endpoint,
        began: Instant,
        response: Response<Incoming>,
    ) -> Sent {
        let mut response = response.map(BodyExt::boxed_unsync);
        strip(response.headers_mut());
        let (peer, status) = (way.table.peers().at(endpoint.0).cloned(), response.status());
        if way.table.has_sidecars() {
            let report = Report {
                reporter: Reporter::Destination,
                source: way.source.map(AsRef::as_ref),
                destination: peer.as_deref(),
                service: &backend.service,
                code: status.as_u16(),
                flag: Flag::None,
            };
            self.counts.istio.count(&report, took(began, response.headers(), &*self.clock));
        }
        if let Some(detection) = way.table.detection(&backend.service) {
            self.outliers.note(detection, &backend.endpoints, endpoint, status, self.clock.now());
        }
        Sent { response, peer, flag: Flag::None }
    }

    /// The backend's endpoints that may be asked, in random order.
    fn endpoints(&self, way: &Way<'_>, backend: &Backend) -> Vec<Endpoint> {
        let mut endpoints = match way.table.detection(&backend.service) {
            Some(_) => self.outliers.healthy(&backend.endpoints, self.clock.now()),
            None => backend.endpoints.clone(),
        };
        endpoints.shuffle(&mut *self.dice.lock().unwrap_or_else(PoisonError::into_inner));
        endpoints
    }
}
