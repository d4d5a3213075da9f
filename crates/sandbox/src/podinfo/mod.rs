//! The application that every played container runs.
//!
//! It answers as the podinfo demo application does, whatever the image is called: `/`, `/version`, `/healthz`, `/readyz`
//! (`POST /readyz/enable` and `/disable`), `/status/{code}`, `/delay/{seconds}`, `/token`, `/echo`, `/headers`, `/metrics`.
//! Each answer names the pod and the version in its headers, so that a client can count who served it.

mod metrics;
mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use ports::Clock;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::clock::sleep;
use crate::node::Log;
use crate::wire::{Body, full, respond, text};
use metrics::Metrics;
pub(crate) use settings::Settings;

/// The response header that names the pod.
pub(crate) const HOSTNAME: &str = "x-podinfo-hostname";
/// The response header that names the version.
pub(crate) const VERSION: &str = "x-podinfo-version";
/// The response header that says how many seconds of the answer's time were played, not the machine's.
pub(crate) const PLAYED: &str = "x-sandbox-played";

/// The longest body that is read.
const BODY: usize = 1 << 20;
/// The longest played delay.
const DELAY: Duration = Duration::from_secs(3600);

/// One running copy.
pub(crate) struct App {
    settings: Settings,
    clock: Arc<dyn Clock>,
    ready: AtomicBool,
    dice: Mutex<SmallRng>,
    metrics: Metrics,
    log: Log,
}

/// What an answer was made of: the route's name for the metrics, and the stretch that was played.
struct Answer {
    route: &'static str,
    played: Duration,
    response: Response<Body>,
}

impl App {
    pub(crate) fn new(settings: Settings, clock: Arc<dyn Clock>, seed: u64, log: Log) -> Self {
        log.write(clock.now(), "info", "Starting podinfo", &settings.version);
        let metrics = Metrics::new(clock.now(), settings.usage);
        let dice = Mutex::new(SmallRng::seed_from_u64(seed));
        Self { settings, clock, ready: AtomicBool::new(true), dice, metrics, log }
    }

    /// Answers a request, and counts it.
    pub(crate) async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let method = request.method().clone();
        let Answer { route, played, mut response } = self.answer(request).await;
        let took = stretched(began.elapsed(), played, &*self.clock);
        self.metrics.count(&method, route, response.status(), took);
        let headers = response.headers_mut();
        for (name, value) in [(HOSTNAME, &self.settings.hostname), (VERSION, &self.settings.version)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        if Duration::ZERO < played
            && let Ok(value) = HeaderValue::from_str(&played.as_secs_f64().to_string())
        {
            headers.insert(PLAYED, value);
        }
        response
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match (request.method(), parts.as_slice()) {
            (&Method::GET | &Method::HEAD, ["healthz"]) => at_once("healthz", ok()),
            (&Method::GET | &Method::HEAD, ["readyz"]) => at_once("readyz", self.readiness()),
            (&Method::POST, ["readyz", "enable"]) => at_once("readyz_enable", self.set_ready(true)),
            (&Method::POST, ["readyz", "disable"]) => at_once("readyz_disable", self.set_ready(false)),
            (&Method::GET | &Method::HEAD, ["metrics"]) => at_once(
                "metrics",
                respond(StatusCode::OK, "text/plain; version=0.0.4", self.metrics.expose(&*self.clock)),
            ),
            (_, parts) => self.application(parts, request).await,
        }
    }

    /// What users ask for: late by the configured latency, and failing at the configured rate.
    async fn application(&self, parts: &[&str], request: Request<Incoming>) -> Answer {
        let delay = match parts {
            ["delay", seconds] => seconds.parse().map_or(Duration::ZERO, Duration::from_secs).min(DELAY),
            _ => Duration::ZERO,
        };
        let played = self.settings.latency.saturating_add(delay);
        if Duration::ZERO < played {
            sleep(&*self.clock, played).await;
        }
        let (route, response) = self.route(parts, request).await;
        let response = if self.unlucky() {
            self.log.write(self.clock.now(), "error", "failing as FAIL_RATE says", route);
            text(StatusCode::INTERNAL_SERVER_ERROR, "failing as FAIL_RATE says")
        } else {
            response
        };
        Answer { route, played, response }
    }

    async fn route(&self, parts: &[&str], request: Request<Incoming>) -> (&'static str, Response<Body>) {
        match parts {
            [] => ("root", json(StatusCode::OK, &self.settings.about())),
            ["api", "info"] => ("api_info", json(StatusCode::OK, &self.settings.about())),
            ["version"] => {
                ("version", json(StatusCode::OK, &json!({"version": self.settings.version, "commit": "sandbox"})))
            }
            ["headers"] => ("headers", json(StatusCode::OK, &headers(&request))),
            ["status", code] => {
                let status = code.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
                ("status_code_0_9", status.filter(|status| 200 <= status.as_u16()).map_or_else(not_found, status_only))
            }
            ["delay", seconds] => {
                let seconds: Option<u64> = seconds.parse().ok();
                ("delay_wait_0_9", seconds.map_or_else(not_found, |secs| json(StatusCode::OK, &json!({"delay": secs}))))
            }
            ["token"] if request.method() == Method::POST => ("token", self.token(request).await),
            ["echo"] | ["api", "echo"] => ("echo", echo(request).await),
            _ => ("notfound", not_found()),
        }
    }

    async fn token(&self, request: Request<Incoming>) -> Response<Body> {
        const LASTS: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);
        let body = match Limited::new(request.into_body(), BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB"),
        };
        let now = self.clock.now();
        let digest =
            Sha256::new().chain_update(&self.settings.hostname).chain_update(now.to_string()).chain_update(body);
        let expires = now.checked_add(LASTS).unwrap_or(now);
        json(StatusCode::OK, &json!({"token": format!("{:x}", digest.finalize()), "expires_at": expires.to_string()}))
    }

    fn readiness(&self) -> Response<Body> {
        if self.ready.load(Ordering::Relaxed) { ok() } else { status_only(StatusCode::SERVICE_UNAVAILABLE) }
    }

    fn set_ready(&self, ready: bool) -> Response<Body> {
        self.ready.store(ready, Ordering::Relaxed);
        json(StatusCode::ACCEPTED, &json!({"status": "OK"}))
    }

    fn unlucky(&self) -> bool {
        let rate = self.settings.fail_rate;
        0.0 < rate && self.dice.lock().unwrap_or_else(PoisonError::into_inner).random_bool(rate)
    }
}

/// How long something took when a part of it was played: the machine's own work counts as long as it really took, so that
/// a fast clock does not turn it into latency.
pub(crate) fn stretched(real: Duration, played: Duration, clock: &dyn Clock) -> Duration {
    real.saturating_sub(clock.real(played)).saturating_add(played)
}

fn at_once(route: &'static str, response: Response<Body>) -> Answer {
    Answer { route, played: Duration::ZERO, response }
}

fn headers(request: &Request<Incoming>) -> Value {
    let mut named = serde_json::Map::new();
    for name in request.headers().keys() {
        let values = request.headers().get_all(name).iter();
        named.insert(name.to_string(), values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect());
    }
    Value::Object(named)
}

async fn echo(request: Request<Incoming>) -> Response<Body> {
    match Limited::new(request.into_body(), BODY).collect().await {
        Ok(body) => {
            let mut response = Response::new(full(body.to_bytes()));
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(_) => text(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB"),
    }
}

fn ok() -> Response<Body> {
    json(StatusCode::OK, &json!({"status": "OK"}))
}

fn status_only(status: StatusCode) -> Response<Body> {
    json(status, &json!({"status": status.as_u16()}))
}

fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "404 page not found")
}

fn json(status: StatusCode, value: &Value) -> Response<Body> {
    respond(status, "application/json; charset=utf-8", value.to_string())
}
