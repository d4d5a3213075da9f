//! One request's way through the gateway.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use ports::Clock;
use rand::Rng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::stats::{GatewayStats, Passage};
use super::table::{Found, Rule, Shadow, Table, Weighted};
use crate::cluster::Tasks;
use crate::node::Addresses;
use crate::podinfo::{PLAYED, stretched};
use crate::services::{Backend, Endpoint};
use crate::wire::{Body, Failure, Pool, full, text};

/// Endpoints tried for one request.
const ATTEMPTS: usize = 4;
/// The longest body that is copied to a mirror.
const MIRRORED: usize = 1 << 20;
/// Copies in flight; more are not made.
const SHADOWS: usize = 256;
/// How long a copy may take, in real time.
const SHADOW_TIME: Duration = Duration::from_secs(30);
/// Headers that concern one connection only.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The gateway's working parts.
pub(super) struct Proxy {
    pub(super) table: RwLock<Arc<Table>>,
    pub(super) stats: GatewayStats,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) addresses: Addresses,
    pub(super) dice: Mutex<SmallRng>,
    pub(super) pool: Arc<Pool>,
    pub(super) tasks: Tasks,
    pub(super) shadows: Arc<Semaphore>,
}

/// An answer, and whom it is counted for.
struct Outcome {
    namespace: String,
    route: String,
    backend: String,
    response: Response<Body>,
}

impl Outcome {
    fn of(rule: &Rule, backend: &str, response: Response<Body>) -> Self {
        let (namespace, route) = (rule.route.namespace.clone(), rule.route.name.clone());
        Self { namespace, route, backend: backend.to_owned(), response }
    }

    fn nowhere(status: StatusCode, why: &str) -> Self {
        let response = text(status, why);
        Self { namespace: String::new(), route: String::new(), backend: String::new(), response }
    }
}

impl Proxy {
    /// The room for mirrored requests.
    pub(super) fn shadows() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(SHADOWS))
    }

    /// Answers a request, and counts it.
    pub(super) async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let outcome = self.answer(request).await;
        let played = outcome.response.headers().get(PLAYED).and_then(|value| value.to_str().ok()?.parse().ok());
        let played = played.and_then(|secs| Duration::try_from_secs_f64(secs).ok()).unwrap_or_default();
        let Outcome { namespace, route, backend, response } = outcome;
        let passage = Passage { namespace, route, backend, code: response.status().as_u16() };
        self.stats.count(passage, stretched(began.elapsed(), played, &*self.clock));
        response
    }

    async fn answer(&self, request: Request<Incoming>) -> Outcome {
        let (mut parts, body) = request.into_parts();
        let Some(authority) = authority(&parts) else {
            return Outcome::nowhere(StatusCode::BAD_REQUEST, "the request names no host");
        };
        to_origin_form(&mut parts, &authority);
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        let host = authority.host().to_ascii_lowercase();
        match table.find(&host, authority.port_u16(), &parts) {
            Found::Rule(rule, prefix) => self.by_rule(rule, prefix, &host, parts, body).await,
            Found::Service(backend) => {
                let response = self.forward(backend, parts, body.boxed_unsync()).await;
                let backend = &backend.service;
                Outcome {
                    namespace: backend.namespace.clone(),
                    route: String::new(),
                    backend: backend.name.clone(),
                    response,
                }
            }
            Found::Nothing => Outcome::nowhere(StatusCode::NOT_FOUND, "no route matches the request"),
        }
    }

    async fn by_rule(&self, rule: &Rule, prefix: &str, host: &str, mut parts: Parts, body: Incoming) -> Outcome {
        if let Some(redirect) = rule.filters.redirect(host, prefix, &parts.uri) {
            return Outcome::of(rule, "", redirect);
        }
        let Some(chosen) = self.choose(&rule.backends) else {
            let none = text(StatusCode::INTERNAL_SERVER_ERROR, "the rule has no backend with a weight");
            return Outcome::of(rule, "", none);
        };
        let backend = match &chosen.backend {
            Ok(backend) => backend,
            Err(error) => {
                return Outcome::of(rule, "", text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()));
            }
        };
        rule.filters.on_request(&mut parts.headers, &mut parts.uri, prefix);
        chosen.filters.on_request(&mut parts.headers, &mut parts.uri, prefix);
        let body = match self.mirrored(rule.mirrors.iter().chain(&chosen.mirrors), &parts, body).await {
            Ok(body) => body,
            Err(refusal) => return Outcome::of(rule, &backend.service.name, refusal),
        };
        let forwarding = self.forward(backend, parts, body);
        let mut response = match rule.timeout {
            None => forwarding.await,
            Some(timeout) => match tokio::time::timeout(self.clock.real(timeout), forwarding).await {
                Ok(response) => response,
                Err(_) => text(StatusCode::GATEWAY_TIMEOUT, "the backend did not answer in time"),
            },
        };
        chosen.filters.on_response(response.headers_mut());
        rule.filters.on_response(response.headers_mut());
        Outcome::of(rule, &backend.service.name, response)
    }

    /// Draws a backend by weight.
    fn choose<'a>(&self, backends: &'a [Weighted]) -> Option<&'a Weighted> {
        let total: u64 = backends.iter().map(|backend| u64::from(backend.weight)).sum();
        if total == 0 {
            return None;
        }
        let mut drawn = self.dice.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..total);
        backends.iter().find(|backend| {
            let weight = u64::from(backend.weight);
            let hit = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            hit
        })
    }

    /// Sends copies to the mirrors that are due; only then is the body read here.
    async fn mirrored<'a>(
        &self,
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
        let bytes = match Limited::new(body, MIRRORED).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Err(text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large to be mirrored")),
        };
        for backend in &due {
            self.shadow(backend, parts, &bytes);
        }
        Ok(full(bytes))
    }

    /// Sends one copy, and forgets about it.
    fn shadow(&self, backend: &Arc<Backend>, parts: &Parts, body: &Bytes) {
        let Ok(place) = Arc::clone(&self.shadows).try_acquire_owned() else { return };
        let Some(addr) = self.endpoints(backend).into_iter().find_map(|(ip, port)| self.addresses.resolve(ip, port))
        else {
            return;
        };
        let request = Request::from_parts(parts.clone(), full(body.clone()));
        let pool = Arc::clone(&self.pool);
        self.tasks.spawn(async move {
            let sending = async {
                if let Ok(response) = pool.send(addr, request).await {
                    // Read to its end, so that the connection can be used again.
                    let _ = response.into_body().collect().await;
                }
            };
            let _ = tokio::time::timeout(SHADOW_TIME, sending).await;
            drop(place);
        });
    }

    /// Sends the request to an endpoint of the backend, and to another one if it could not be sent.
    async fn forward(&self, backend: &Backend, parts: Parts, body: Body) -> Response<Body> {
        let endpoints = self.endpoints(backend);
        if endpoints.is_empty() {
            let why = format!("service \"{}\" has no ready endpoint", backend.service);
            return text(StatusCode::SERVICE_UNAVAILABLE, &why);
        }
        // A request without a body that only reads may be sent again even if it might have been received.
        let repeatable =
            (matches!(parts.method, Method::GET | Method::HEAD) && body.is_end_stream()).then(|| parts.clone());
        let mut request = Request::from_parts(parts, body);
        for (ip, port) in endpoints.into_iter().cycle().take(ATTEMPTS) {
            let Some(addr) = self.addresses.resolve(ip, port) else { continue };
            match self.pool.send(addr, request).await {
                Ok(response) => return passed_on(response),
                Err(Failure::NotSent(back, error)) => {
                    tracing::debug!(%error, %ip, "an endpoint can't be reached");
                    request = *back;
                }
                Err(Failure::Lost(error)) => match &repeatable {
                    Some(parts) => request = Request::from_parts(parts.clone(), full("")),
                    None => return text(StatusCode::BAD_GATEWAY, &format!("the backend broke off: {error}")),
                },
            }
        }
        text(StatusCode::SERVICE_UNAVAILABLE, &format!("no endpoint of service \"{}\" can be reached", backend.service))
    }

    /// The backend's endpoints in random order.
    fn endpoints(&self, backend: &Backend) -> Vec<Endpoint> {
        let mut endpoints = backend.endpoints.clone();
        endpoints.shuffle(&mut *self.dice.lock().unwrap_or_else(PoisonError::into_inner));
        endpoints
    }
}

/// Whom the request is for: of an absolute URI (as a proxy gets it), or of the Host header.
fn authority(parts: &Parts) -> Option<Authority> {
    let of_uri = parts.uri.authority().cloned();
    of_uri.or_else(|| parts.headers.get(header::HOST)?.to_str().ok()?.parse().ok())
}

/// Makes the request one that an origin server understands.
fn to_origin_form(parts: &mut Parts, authority: &Authority) {
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        parts.headers.insert(header::HOST, host);
    }
    parts.uri = parts.uri.path_and_query().cloned().map_or_else(|| Uri::from_static("/"), Uri::from);
    strip(&mut parts.headers);
}

fn passed_on(response: Response<Incoming>) -> Response<Body> {
    let mut response = response.map(BodyExt::boxed_unsync);
    strip(response.headers_mut());
    response
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}
