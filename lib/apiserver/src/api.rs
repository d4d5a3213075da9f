//! From a request to a call, and from its outcome to an answer.

mod resources;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::body::BODY_MAX;
use crate::discovery;
use crate::faults::{Answered, Faults};
use crate::kinds::Kind;
use crate::openapi::{self, Described};
use crate::options::{Logs, Options};
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::reply;
use crate::route::Route;
use crate::world::World;
pub(crate) use resources::Call;

/// A handle to a server in memory; clones share the same cluster.
///
/// It is a [`tower::Service`], so a client that takes one (`kube::Client::new(api, "default")`) needs no socket.
#[derive(Clone)]
pub struct Api {
    inner: Arc<Inner>,
}

/// What all handles share.
pub(crate) struct Inner {
    world: Mutex<World>,
    pub(crate) logs: Option<Logs>,
    faults: Option<Faults>,
    token: Option<String>,
    closing: watch::Sender<bool>,
}

impl Api {
    /// A fresh cluster. Of the options, the address is not used.
    pub fn new(options: &Options) -> Api {
        Api::with(World::new(options), options)
    }

    /// A cluster that begins with the objects and kinds of this one, and goes its own way: what takes long to set up is set up
    /// once. The observer of the options does not hear of what was there before.
    #[must_use]
    pub fn copy(&self, options: &Options) -> Api {
        Api::with(self.inner.world().copy(options), options)
    }

    fn with(world: World, options: &Options) -> Api {
        Api {
            inner: Arc::new(Inner {
                world: Mutex::new(world),
                logs: options.logs.clone(),
                faults: options.faults.clone(),
                token: options.token.clone(),
                closing: watch::Sender::new(false),
            }),
        }
    }

    /// Answers one request.
    ///
    /// The body of a watch goes on until its timeout; everything else is complete. Watches need a Tokio runtime.
    pub fn call(&self, request: Request<Bytes>) -> Response<Body> {
        self.exchange(request).response
    }

    fn exchange(&self, request: Request<Bytes>) -> Answered {
        let (parts, body) = request.into_parts();
        let answer = || self.inner.answer(&parts, &body).unwrap_or_else(|refusal| reply::refusal(&refusal));
        match &self.inner.faults {
            None => Answered::at_once(answer()),
            Some(faults) => faults.meet(&self.inner, &parts, answer),
        }
    }

    /// Ends all watches, those that begin later included.
    pub(crate) fn end_watches(&self) {
        self.inner.closing.send_replace(true);
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Api").finish_non_exhaustive()
    }
}

impl<B> tower::Service<Request<B>> for Api
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // One byte more than is read, so that a body of exactly the limit passes.
            let body = match Limited::new(body, BODY_MAX + 1).collect().await {
                Ok(collected) => collected.to_bytes(),
                Err(_) => return Ok(reply::refusal(&Refusal::too_large(BODY_MAX))),
            };
            let Answered { response, late } = api.exchange(Request::from_parts(parts, body));
            if !late.is_zero() {
                sleep(late).await;
            }
            Ok(response)
        })
    }
}

impl Inner {
    /// The state; a call that panicked can't have left it worse than any call that fails half-way.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells when watches have to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    fn answer(self: &Arc<Self>, parts: &Parts, body: &Bytes) -> Answer<Response<Body>> {
        let path = parts.uri.path();
        if let "/healthz" | "/livez" | "/readyz" = path {
            return Ok(reply::text("ok"));
        }
        self.authorize(parts)?;
        if let Some(place) = path.strip_prefix("/openapi/") {
            return self.openapi(parts, place);
        }
        if path == "/version" {
            return Ok(reply::json(&discovery::version()));
        }
        match Route::parse(path).ok_or_else(Refusal::no_such_page)? {
            Route::Resource(place) => resources::answer(self, &place, parts, body),
            route if parts.method == Method::GET => self.discover(&route, parts),
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    fn authorize(&self, parts: &Parts) -> Answer<()> {
        let Some(token) = &self.token else { return Ok(()) };
        let sent = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
        if sent == Some(token) { Ok(()) } else { Err(Refusal::unauthorized()) }
    }

    fn discover(&self, route: &Route<'_>, parts: &Parts) -> Answer<Response<Body>> {
        let world = self.world();
        let kinds = &world.kinds;
        let core = *route == Route::CoreVersions;
        if let (Route::CoreVersions | Route::Groups, Some(media)) = (route, discovery::aggregated_type(&parts.headers))
        {
            let mut response = reply::json(&discovery::aggregated(kinds, core));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
            return Ok(response);
        }
        let value = match route {
            Route::CoreVersions => Some(discovery::core_versions()),
            Route::Groups => Some(discovery::groups(kinds)),
            Route::Group(group) => discovery::group(kinds, group),
            Route::GroupVersion { group, version } => discovery::resources(kinds, group, version),
            Route::Resource(_) => None,
        };
        let served = |route: &Route<'_>| match route {
            Route::GroupVersion { group, .. } => kinds.all().any(|kind| kind.group == *group),
            _ => false,
        };
        let missing = || if served(route) { Refusal::no_such_path() } else { Refusal::no_such_page() };
        value.map(|value| reply::json(&value)).ok_or_else(missing)
    }

    fn openapi(&self, parts: &Parts, place: &str) -> Answer<Response<Body>> {
        // The index carries hashes for caches only; the query is ignored.
        let world = self.world();
        let kinds: Vec<_> = world.kinds.all().filter(|kind| !kind.create_only).collect();
        let subresources: Vec<Vec<&'static str>> = kinds.iter().map(|kind| kind.subresource_names()).collect();
        let described: Vec<Described<'_>> =
            kinds.iter().zip(&subresources).map(|(kind, subresources)| describe(kind, subresources)).collect();
        let segments: Vec<&str> = place.split('/').filter(|part| !part.is_empty()).collect();
        let value = match segments.as_slice() {
            ["v2"] if openapi::wants_protobuf(&parts.headers) => return Ok(openapi::v2_protobuf()),
            ["v2"] => {
                reply::Format::of(&parts.headers, &Query::default())?;
                Some(openapi::v2(&described))
            }
            ["v3"] => Some(openapi::v3_index(&described)),
            ["v3", "api", version] => openapi::v3_group(&described, "", version),
            ["v3", "apis", group, version] => openapi::v3_group(&described, group, version),
            _ => None,
        };
        value.map(|value| reply::json(&value)).ok_or_else(Refusal::no_such_page)
    }
}

fn describe<'a>(kind: &'a Kind, subresources: &'a [&'a str]) -> Described<'a> {
    Described {
        group: &kind.group,
        version: &kind.version,
        kind: &kind.kind,
        plural: &kind.plural,
        namespaced: kind.namespaced,
        schema: kind.custom().map(|custom| &custom.openapi),
        subresources,
    }
}
