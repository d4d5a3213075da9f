//! Which other sites' pages may read the answers: Cross-Origin Resource Sharing, as Envoy does it.

use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};

use super::matching::Test;
use crate::wire::{Body, full};

/// The policy of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Cors {
    pub(super) origins: Vec<Test>,
    pub(super) methods: Vec<String>,
    pub(super) headers: Vec<String>,
    pub(super) exposed: Vec<String>,
    pub(super) max_age: Option<Duration>,
    pub(super) credentials: bool,
}

impl Cors {
    /// The origin of a request, if the policy allows it.
    pub(super) fn origin(&self, request: &Parts) -> Option<HeaderValue> {
        let origin = request.headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?;
        self.origins.iter().any(|test| test.accepts(text)).then(|| origin.clone())
    }

    /// The answer to a browser that asks whether it may ask.
    pub(super) fn preflight(&self, request: &Parts, origin: &HeaderValue) -> Option<Response<Body>> {
        if request.method != Method::OPTIONS || !request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        self.allow(headers, origin);
        list(headers, ACCESS_CONTROL_ALLOW_METHODS, &self.methods);
        list(headers, ACCESS_CONTROL_ALLOW_HEADERS, &self.headers);
        if let Some(age) = self.max_age {
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(age.as_secs()));
        }
        Some(response)
    }

    /// Says on an answer that the origin may read it.
    pub(super) fn on_response(&self, headers: &mut HeaderMap, origin: &HeaderValue) {
        self.allow(headers, origin);
        list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed);
    }

    fn allow(&self, headers: &mut HeaderMap, origin: &HeaderValue) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if let (false, Ok(value)) = (values.is_empty(), HeaderValue::try_from(values.join(","))) {
        headers.insert(name, value);
    }
}
