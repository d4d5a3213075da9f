//! One request's way through the gateway: which rule, which backend, and who has to count it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ports::Clock;
use rand::Rng;
use rand::rngs::SmallRng;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::address::{self, Addressed};
use super::counts::istio::{Flag, Report, Reporter};
use super::counts::{Counts, Passage};
use super::forward::{Sent, Way};
use super::matching::Asked;
use super::outliers::Outliers;
use super::peers::Peer;
use super::rule::{Origin, Rule, Weighted};
use super::table::{Found, Table};
use crate::cluster::{Id, Tasks};
use crate::exposition::known;
use crate::node::Addresses;
use crate::podinfo::{PLAYED, stretched};
use crate::services::Backend;
use crate::wire::{Body, Pool, text};

/// The gateway's working parts.
pub(super) struct Proxy {
    pub(super) table: RwLock<Arc<Table>>,
    pub(super) counts: Counts,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) addresses: Addresses,
    pub(super) dice: Mutex<SmallRng>,
    pub(super) pool: Arc<Pool>,
    pub(super) tasks: Tasks,
    pub(super) shadows: Arc<Semaphore>,
    pub(super) outliers: Outliers,
}

/// An answer, and whom it is counted for.
struct Outcome {
    origin: Option<Origin>,
    service: Option<Id>,
    /// The canary's backend, when it got the request instead of the Ingress's own.
    alternative: String,
    sent: Sent,
}

impl Outcome {
    fn of(rule: &Rule, service: Option<&Id>, sent: Sent) -> Self {
        Self { origin: Some(rule.origin.clone()), service: service.cloned(), alternative: String::new(), sent }
    }

    fn nowhere(status: StatusCode, why: &str) -> Self {
        Self { origin: None, service: None, alternative: String::new(), sent: Sent::ours(status, why, Flag::None) }
    }
}

/// Who gets a request.
struct Chosen<'a> {
    backend: Result<&'a Arc<Backend>, String>,
    /// The backend in the rule, with what it adds to it; a canary's is not in the rule.
    weighted: Option<&'a Weighted>,
    alternative: &'a str,
}

impl Proxy {
    /// Answers a request, and counts it.
    pub(super) async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        let method = known(request.method());
        let (mut parts, body) = request.into_parts();
        let source = address::source(&parts.headers).and_then(|id| table.peers().named(&id).cloned());
        let way = Way { table: &table, source: source.as_ref() };
        let outcome = match address::of(&mut parts) {
            Some(addressed) => self.answer(&way, &addressed, parts, body).await,
            None => Outcome::nowhere(StatusCode::BAD_REQUEST, "the request names no host"),
        };
        let took = took(began, outcome.sent.response.headers(), &*self.clock);
        self.count(&way, &outcome, method, took);
        outcome.sent.response
    }

    fn count(&self, way: &Way<'_>, outcome: &Outcome, method: &'static str, took: Duration) {
        let Outcome { origin, service, alternative, sent } = outcome;
        let code = sent.response.status().as_u16();
        let named = |id: Option<&Id>, name: fn(&Id) -> &String| id.map(name).cloned().unwrap_or_default();
        let owner = origin.as_ref().map(Origin::id);
        let passage = Passage {
            namespace: named(owner.or(service.as_ref()), |id| &id.namespace),
            route: named(owner, |id| &id.name),
            backend: named(service.as_ref(), |id| &id.name),
            code,
        };
        self.counts.gateway.count(passage, took);
        match (origin, service) {
            (Some(Origin::Ingress(location)), _) => {
                self.counts.nginx.count(location, alternative, method, code, took);
            }
            (_, Some(service)) if way.table.has_sidecars() => {
                let source = way.source.map(AsRef::as_ref);
                let destination = sent.peer.as_deref();
                let report = Report { reporter: Reporter::Source, source, destination, service, code, flag: sent.flag };
                self.counts.istio.count(&report, took);
            }
            _ => {}
        }
    }

    async fn answer(&self, way: &Way<'_>, addressed: &Addressed, parts: Parts, body: Incoming) -> Outcome {
        let source = way.source.map(AsRef::<Peer>::as_ref);
        let asked = Asked {
            parts: &parts,
            host: &addressed.host,
            port: addressed.port,
            is_proxied: addressed.is_proxied,
            source,
        };
        match way.table.find(&asked) {
            Found::Rule(rule, prefix) => self.by_rule(way, rule, prefix, &addressed.host, parts, body).await,
            Found::Service(backend) => {
                let sent = self.once(way, backend, parts, body.boxed_unsync()).await;
                let service = Some(backend.service.clone());
                Outcome { origin: None, service, alternative: String::new(), sent }
            }
            Found::Nothing => Outcome::nowhere(StatusCode::NOT_FOUND, "no route matches the request"),
        }
    }

    async fn by_rule(
        &self,
        way: &Way<'_>,
        rule: &Rule,
        prefix: &str,
        host: &str,
        mut parts: Parts,
        body: Incoming,
    ) -> Outcome {
        let origin = rule.cors.as_ref().and_then(|cors| Some((cors, cors.origin(&parts)?)));
        let preflight = origin.as_ref().and_then(|(cors, origin)| cors.preflight(&parts, origin));
        let by_rule = || rule.filters.redirect(host, prefix, &parts.uri).or_else(|| rule.filters.direct());
        if let Some(answer) = preflight.or_else(by_rule) {
            return Outcome::of(rule, None, Sent::by_us(answer));
        }
        let Some(chosen) = self.choose(rule, &parts) else {
            let why = "the rule has no backend with a weight";
            return Outcome::of(rule, None, Sent::ours(StatusCode::INTERNAL_SERVER_ERROR, why, Flag::NoCluster));
        };
        let backend = match chosen.backend {
            Ok(backend) => backend,
            Err(why) => return Outcome::of(rule, None, Sent::ours(rule.origin.unresolved(), &why, Flag::NoCluster)),
        };
        let drawn = rule.faults.draw(&mut *self.dice.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(delay) = drawn.delay {
            tokio::time::sleep(self.clock.real(delay)).await;
        }
        if let Some(status) = drawn.abort {
            let mut sent = Sent::ours(status, "fault filter abort", Flag::FaultInjected);
            sent.delayed(drawn.delay);
            return Outcome::of(rule, Some(&backend.service), sent);
        }
        rule.filters.on_request(&mut parts.headers, &mut parts.uri, prefix);
        if let Some(weighted) = chosen.weighted {
            weighted.filters.on_request(&mut parts.headers, &mut parts.uri, prefix);
        }
        let mirrors = rule.mirrors.iter().chain(chosen.weighted.iter().flat_map(|weighted| &weighted.mirrors));
        let body = match self.mirrored(way, mirrors, &parts, body).await {
            Ok(body) => body,
            Err(refusal) => return Outcome::of(rule, Some(&backend.service), Sent::by_us(refusal)),
        };
        let sending = self.deliver(way, rule.retries.as_ref(), backend, parts, body);
        let mut sent = match rule.timeout {
            None => sending.await,
            Some(timeout) => match tokio::time::timeout(self.clock.real(timeout), sending).await {
                Ok(sent) => sent,
                Err(_) => Sent::late(),
            },
        };
        sent.delayed(drawn.delay);
        let headers = sent.response.headers_mut();
        if let Some(weighted) = chosen.weighted {
            weighted.filters.on_response(headers);
        }
        rule.filters.on_response(headers);
        if let Some((cors, origin)) = &origin {
            cors.on_response(headers, origin);
        }
        let outcome = Outcome::of(rule, Some(&backend.service), sent);
        Outcome { alternative: chosen.alternative.to_owned(), ..outcome }
    }

    /// The canary if it is the request's, else a backend drawn by weight.
    fn choose<'a>(&self, rule: &'a Rule, request: &Parts) -> Option<Chosen<'a>> {
        let draw = |below: u64| self.dice.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..below);
        // A canary without endpoints is none, as in ingress-nginx.
        if let Some(alternative) = rule.alternative.as_ref().filter(|canary| !canary.backend.endpoints.is_empty())
            && alternative.policy.takes(request, |total| u32::try_from(draw(u64::from(total))).unwrap_or(u32::MAX))
        {
            return Some(Chosen { backend: Ok(&alternative.backend), weighted: None, alternative: &alternative.name });
        }
        let total: u64 = rule.backends.iter().map(|backend| u64::from(backend.weight)).sum();
        if total == 0 {
            return None;
        }
        let mut drawn = draw(total);
        let weighted = rule.backends.iter().find(|backend| {
            let weight = u64::from(backend.weight);
            let hit = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            hit
        })?;
        let backend = weighted.backend.as_ref().map_err(ToString::to_string);
        Some(Chosen { backend, weighted: Some(weighted), alternative: "" })
    }
}

/// How long an answer took, with the part that was played as long as it was played.
pub(super) fn took(began: Instant, headers: &HeaderMap, clock: &dyn Clock) -> Duration {
    stretched(began.elapsed(), played(headers), clock)
}

/// The part of an answer's time that was played.
fn played(headers: &HeaderMap) -> Duration {
    let secs = headers.get(PLAYED).and_then(|value| value.to_str().ok()?.parse().ok());
    secs.and_then(|secs| Duration::try_from_secs_f64(secs).ok()).unwrap_or_default()
}

impl Origin {
    /// What whoever serves such an object answers when its backend is not there.
    fn unresolved(&self) -> StatusCode {
        match self {
            Self::HttpRoute(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::VirtualService(_) | Self::Ingress(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Sent {
    /// An answer of the gateway's own.
    pub(super) fn ours(status: StatusCode, why: &str, flag: Flag) -> Self {
        Self { response: text(status, why), peer: None, flag }
    }

    fn by_us(response: Response<Body>) -> Self {
        Self { response, peer: None, flag: Flag::None }
    }

    /// The same after it was held back for so long, which counts as long as it was played.
    fn delayed(&mut self, delay: Option<Duration>) {
        let Some(delay) = delay else { return };
        let headers = self.response.headers_mut();
        let secs = (played(headers) + delay).as_secs_f64();
        if let Ok(value) = HeaderValue::try_from(secs.to_string()) {
            headers.insert(PLAYED, value);
        }
        if self.flag == Flag::None {
            self.flag = Flag::DelayInjected;
        }
    }

    pub(super) fn late() -> Self {
        Self::ours(StatusCode::GATEWAY_TIMEOUT, "the backend did not answer in time", Flag::UpstreamTimeout)
    }
}
