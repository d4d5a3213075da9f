//! Requests to the services that tests are left to.

use std::time::Duration;

use http::{Method, Request, Uri};
use process::web::{Options, Web};
use serde_json::Value;

use crate::caller::Refusal;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an answer goes into a message.
const ANSWER_CHARS_MAX: usize = 500;

/// A service, as the metadata names it.
#[derive(Clone, Debug)]
pub(super) struct Server(String);

impl Server {
    /// The service at this URL.
    pub(super) fn read(url: &str) -> Result<Self, Refusal> {
        let is_absolute = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        match url.parse::<Uri>() {
            Ok(uri) if is_absolute(&uri) => Ok(Self(url.trim_end_matches('/').to_owned())),
            _ => Err(Refusal::bad_request(format!("server {url:?} in metadata is not an http or https URL"))),
        }
    }

    /// Asks for JSON; anything but a success is an error.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Value, String> {
        let url = format!("{}{path}", self.0);
        let mut request = Request::builder().method(method).uri(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).map_err(|error| format!("failed to ask {url}: {error}"))?;
        let response = Web::new().send(request, &Options::within(REQUEST_TIMEOUT)).await;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        let text = String::from_utf8_lossy(response.body());
        if !status.is_success() {
            let answer: String = text.trim().chars().take(ANSWER_CHARS_MAX).collect();
            return Err(format!("{url} answered {status}: {answer}"));
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| format!("{url} answered something that is no JSON: {error}"))
    }
}
