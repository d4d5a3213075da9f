//! HTTP requests to anything that is not the API server: metrics backends, webhooks, chats.
//!
//! [`Web::send`] performs one request under bounds (time, redirects, size) and returns the response whatever its status is;
//! whether a status is good news is for the asker to decide. Nothing is retried here. A [`Carrier`] is what takes the request
//! there: the machine's network, or whatever else a caller brings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::duration;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Method, Request, Response, Uri};
use reqwest::redirect::Policy;

use crate::cause;

/// How much of a response is read; the largest honest one (a Prometheus vector over many pods) stays far below.
const BODY_MAX: usize = 1024 * 1024;

/// As many as Go's client follows.
const REDIRECTS_MAX: usize = 10;

/// Clients with their connection pools, one for each way to connect; proxies beyond this many get a client of their own each
/// time, without a pool that lasts.
const CLIENTS_MAX: usize = 8;

/// Performs requests; cheap to clone, connections are shared.
#[derive(Clone)]
pub struct Web {
    carrier: Arc<dyn Carrier>,
}

/// Takes a request to the other side and brings the whole response back.
pub trait Carrier: Send + Sync {
    /// One exchange. Whoever asks bounds its time.
    fn carry<'a>(
        &'a self,
        request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>>;
}

/// The bounds of one request and the way that it takes.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the whole exchange may take, redirects and the reading of the body included.
    pub timeout: Duration,
    /// How to connect.
    pub route: Route,
}

impl Options {
    /// Verified TLS, the environment's proxies, and this timeout.
    pub fn within(timeout: Duration) -> Self {
        Self { timeout, route: Route::default() }
    }
}

/// How to connect to the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Accept any certificate (`disableTLS`, `insecureSkipVerify`).
    pub insecure: bool,
    /// Go through this proxy instead of those that the environment names (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`).
    pub proxy: Option<String>,
}

/// A request that got no response: what was asked of whom, and why nothing came.
///
/// Of the URL it shows scheme, host and port alone: paths and queries carry tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to {} {target}: {kind}", .method.as_str().to_ascii_lowercase())]
pub struct Error {
    /// The method of the request.
    pub method: Method,
    /// Scheme, host and port that were asked.
    pub target: String,
    /// Why there is no response.
    pub kind: ErrorKind,
}

impl Error {
    /// Whether the same request may succeed a moment later: the connection failed, or was too slow.
    pub fn retriable(&self) -> bool {
        matches!(self.kind, ErrorKind::Connection(_) | ErrorKind::TimedOut(_))
    }
}

/// Why a request got no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request can't be sent as it is: its URL, its headers, the proxy's URL.
    Invalid(String),
    /// No connection, or one that broke.
    Connection(String),
    /// Not done within this time.
    TimedOut(Duration),
    /// Sent from one address to the next without end.
    Redirects,
    /// The response is larger than anything that we asked for can be.
    TooLarge,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(cause) | Self::Connection(cause) => f.write_str(cause),
            Self::TimedOut(limit) => write!(f, "timed out after {}", duration::format(*limit)),
            Self::Redirects => write!(f, "stopped after {REDIRECTS_MAX} redirects"),
            Self::TooLarge => write!(f, "the response is larger than {} MiB", BODY_MAX / 1024 / 1024),
        }
    }
}

impl Web {
    /// Over the machine's network, without connections yet.
    pub fn new() -> Self {
        Self::over(Arc::new(Network::default()))
    }

    /// Over whatever `carrier` is.
    pub fn over(carrier: Arc<dyn Carrier>) -> Self {
        Self { carrier }
    }

    /// Sends the request and reads the whole response.
    pub async fn send(&self, request: Request<Vec<u8>>, options: &Options) -> Result<Response<Vec<u8>>, Error> {
        let (method, target) = (request.method().clone(), target_of(request.uri()));
        let exchange = self.carrier.carry(request, &options.route);
        let outcome = match tokio::time::timeout(options.timeout, exchange).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ErrorKind::TimedOut(options.timeout)),
        };
        outcome.map_err(|kind| Error { method, target, kind })
    }
}

impl Default for Web {
    fn default() -> Self {
        Self::new()
    }
}

/// The machine's network; connections are shared.
#[derive(Default)]
pub struct Network {
    clients: Mutex<BTreeMap<Route, reqwest::Client>>,
}

impl Carrier for Network {
    fn carry<'a>(
        &'a self,
        request: Request<Vec<u8>>,
        route: &'a Route,
    ) -> BoxFuture<'a, Result<Response<Vec<u8>>, ErrorKind>> {
        let exchange = async move {
            let client = self.client(route)?;
            let request = reqwest::Request::try_from(request).map_err(|error| kind_of(&error))?;
            let response = client.execute(request).await.map_err(|error| kind_of(&error))?;
            read(response).await
        };
        exchange.boxed()
    }
}

impl Network {
    fn client(&self, route: &Route) -> Result<reqwest::Client, ErrorKind> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(route) {
            return Ok(client.clone());
        }
        let client = build(route)?;
        if clients.len() < CLIENTS_MAX {
            clients.insert(route.clone(), client.clone());
        }
        Ok(client)
    }
}

/// Makes `ring` the process's cryptography, once; the HTTP libraries are built without one of their own.
pub fn install_crypto() {
    // An error means that one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn build(route: &Route) -> Result<reqwest::Client, ErrorKind> {
    install_crypto();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("flagger/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::limited(REDIRECTS_MAX))
        .referer(false)
        .tls_danger_accept_invalid_certs(route.insecure);
    if let Some(url) = &route.proxy {
        let proxy =
            reqwest::Proxy::all(url).map_err(|_| ErrorKind::Invalid("the proxy's URL is invalid".to_owned()))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| ErrorKind::Invalid(cause::innermost(&error.without_url())))
}

/// Reads the body up to the bound; a response that announces or sends more is given up at once.
async fn read(mut response: reqwest::Response) -> Result<Response<Vec<u8>>, ErrorKind> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| kind_of(&error))? {
        if BODY_MAX < body.len() + chunk.len() {
            return Err(ErrorKind::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let mut whole = Response::new(body);
    *whole.status_mut() = response.status();
    *whole.headers_mut() = std::mem::take(response.headers_mut());
    Ok(whole)
}

fn kind_of(error: &reqwest::Error) -> ErrorKind {
    if error.is_redirect() {
        ErrorKind::Redirects
    } else if error.is_builder() {
        ErrorKind::Invalid(cause::innermost(error))
    } else {
        ErrorKind::Connection(cause::innermost(error))
    }
}

/// Scheme, host and port of a URL that can be asked over HTTP: what of it may be shown.
pub fn origin(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    is_web.then(|| target_of(&uri))
}

fn target_of(uri: &Uri) -> String {
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default())
}
