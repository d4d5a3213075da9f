//! Requests over HTTP/1.1, as browsers and services make them: connections are kept, redirects followed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use process::cause;
use reqwest::redirect::Policy;
use reqwest::{Client, Proxy};

use super::{Shot, wrong};
use crate::tasks::Metadata;

/// As many redirects as Go's client follows.
const REDIRECTS_MAX: usize = 10;

/// The largest answer that is read to its end.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Whom to ask what.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Uri,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Of one request.
    pub(super) timeout: Duration,
    /// Accept any certificate.
    pub(super) insecure: bool,
    pub(super) redirects: bool,
}

impl Target {
    /// A plain GET.
    pub(super) fn new(url: Uri, timeout: Duration) -> Self {
        let (method, headers) = (Method::GET, HeaderMap::new());
        Self { url, method, headers, body: Vec::new(), timeout, insecure: false, redirects: true }
    }

    pub(super) fn read(metadata: &Metadata, timeout: Duration) -> Result<Self, String> {
        let url = metadata.get("url").ok_or("url not found in metadata")?;
        let mut target = Self::new(url_of(url).ok_or_else(|| wrong("url", url))?, timeout);
        if let Some(method) = metadata.get("method") {
            target.method = method_of(method).ok_or_else(|| wrong("method", method))?;
        }
        for line in metadata.get("headers").map_or("", String::as_str).lines().filter(|line| !line.trim().is_empty()) {
            target.header(line).map_err(|reason| format!("headers in metadata: {reason}"))?;
        }
        if let Some(host) = metadata.get("host") {
            target.host(host)?;
        }
        if let Some(body) = metadata.get("body") {
            target.body.extend_from_slice(body.as_bytes());
        }
        target.insecure = match metadata.get("insecure") {
            Some(text) => process::flags::parse_bool(text).ok_or_else(|| wrong("insecure", text))?,
            None => false,
        };
        Ok(target)
    }

    /// Adds a header, written as `Name: value`.
    pub(super) fn header(&mut self, line: &str) -> Result<(), String> {
        let invalid = || format!("{line:?} is not a header, such as Name: value");
        let (name, value) = line.split_once(':').ok_or_else(invalid)?;
        let name: HeaderName = name.trim().parse().map_err(|_| invalid())?;
        self.headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| invalid())?);
        Ok(())
    }

    /// Asks for this host, wherever the URL leads.
    pub(super) fn host(&mut self, host: &str) -> Result<(), String> {
        let value = HeaderValue::from_str(host).map_err(|_| format!("{host:?} is not a host"))?;
        self.headers.insert(HOST, value);
        Ok(())
    }

    /// What kind of body it is, unless a header says so.
    pub(super) fn content_type(&mut self, kind: &str) -> Result<(), String> {
        let value = HeaderValue::from_str(kind).map_err(|_| format!("{kind:?} is not a content type"))?;
        self.headers.entry(CONTENT_TYPE).or_insert(value);
        Ok(())
    }
}

/// Without what may be secret: user and password, the query.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, .. } = self;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let (scheme, host) = (url.scheme_str().unwrap_or("http"), url.host().unwrap_or_default());
        write!(f, "{method} {scheme}://{host}{port}{}", url.path())
    }
}

/// An http or https URL.
pub(super) fn url_of(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_absolute =
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    is_absolute.then_some(uri)
}

pub(super) fn method_of(text: &str) -> Option<Method> {
    text.to_ascii_uppercase().parse().ok()
}

/// A client for so many requests at once, which go through the proxy if there is one.
pub(super) fn client(target: &Target, concurrency: usize, proxy: Option<&str>) -> Result<Client, String> {
    process::web::install_crypto();
    let redirects = if target.redirects { Policy::limited(REDIRECTS_MAX) } else { Policy::none() };
    let client = Client::builder()
        .user_agent(concat!("flagger-loadtester/", env!("CARGO_PKG_VERSION")))
        .redirect(redirects)
        .referer(false)
        // Load is for who is named, not for a proxy of the environment.
        .no_proxy()
        .pool_max_idle_per_host(concurrency)
        .timeout(target.timeout)
        .tls_danger_accept_invalid_certs(target.insecure);
    let client = match proxy.map(Proxy::all).transpose() {
        Ok(None) => client,
        Ok(Some(proxy)) => client.proxy(proxy),
        Err(error) => return Err(cause::innermost(&error)),
    };
    client.build().map_err(|error| cause::innermost(&error))
}

/// Sends one request after another.
pub(super) struct Gun {
    pub(super) client: Client,
    pub(super) target: Arc<Target>,
}

impl Gun {
    /// One request, whose answer is read to its end.
    pub(super) async fn shoot(&self) -> Shot {
        match self.exchange().await {
            Ok(status) => {
                let succeeded = status.as_u16() < StatusCode::BAD_REQUEST.as_u16();
                Shot { answer: status.to_string(), succeeded }
            }
            Err(answer) => Shot { answer, succeeded: false },
        }
    }

    async fn exchange(&self) -> Result<StatusCode, String> {
        let Target { url, method, headers, body, .. } = &*self.target;
        let request = self.client.request(method.clone(), url.to_string()).headers(headers.clone());
        let request = if body.is_empty() { request } else { request.body(body.clone()) };
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        let mut read = 0;
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            read += chunk.len();
            if ANSWER_MAX < read {
                return Err("the answer is too large".to_owned());
            }
        }
        Ok(response.status())
    }
}

fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() { "timed out".to_owned() } else { cause::innermost(error) }
}
