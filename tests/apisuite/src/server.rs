//! One server, spoken to in plain HTTP and JSON.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WARNING};
use reqwest::{Client, Method, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::fault::Error;

/// Every request is over by then; the longest are watches.
const REQUEST_MAX: Duration = Duration::from_secs(90);
/// How long a watch is read that brings fewer events than it should, on a machine that builds at the same time.
const WATCH_MAX: Duration = Duration::from_secs(60);
/// More than any watch of the suite brings.
const WATCH_BYTES_MAX: usize = 1 << 20;

/// A server to play cases on.
#[derive(Clone, Debug)]
pub struct Server {
    client: Client,
    url: String,
    token: String,
}

/// What it said.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) warnings: Vec<String>,
    /// The body as JSON, or as a text if it is none; of a watch a list of events.
    pub(crate) body: Value,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) content_type: &'static str,
    pub(crate) accept: &'static str,
    pub(crate) body: Option<String>,
}

impl Server {
    /// A server at a URL such as `https://127.0.0.1:6443`, with a bearer token. Its certificate is not checked: servers for
    /// tests sign their own.
    pub fn new(url: &str, token: &str) -> Result<Server, Error> {
        // Whoever came first chose the provider, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .user_agent("suite/1.0")
            .danger_accept_invalid_certs(true)
            .no_proxy()
            .timeout(REQUEST_MAX)
            .build()
            .map_err(Error::Client)?;
        Ok(Server { client, url: url.trim_end_matches('/').to_owned(), token: token.to_owned() })
    }

    /// The same server with another token.
    pub(crate) fn for_user(&self, token: &str) -> Result<Server, Error> {
        Server::new(&self.url, token)
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Answer, Error> {
        let response = self.send(request).await?;
        let (code, warnings) = (response.status().as_u16(), warnings(&response));
        let text = response.text().await.map_err(|source| unreachable(request, source))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { code, warnings, body })
    }

    /// Reads a watch until so many events came, it ended, or nothing comes any more.
    pub(crate) async fn watch(&self, request: &Request, events: usize) -> Result<Answer, Error> {
        let deadline = Instant::now() + WATCH_MAX;
        let mut response = self.send(request).await?;
        let (code, warnings) = (response.status().as_u16(), warnings(&response));
        let mut text = Vec::new();
        while lines(&text) < events && text.len() < WATCH_BYTES_MAX {
            let Ok(chunk) = timeout_at(deadline, response.chunk()).await else { break };
            let Some(chunk) = chunk.map_err(|source| unreachable(request, source))? else { break };
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&text);
        let body = match code {
            200 => text.lines().take(events).filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect(),
            _ => serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned())),
        };
        Ok(Answer { code, warnings, body })
    }

    async fn send(&self, request: &Request) -> Result<Response, Error> {
        let url = format!("{}{}", self.url, request.path);
        let mut builder = self.client.request(request.method.clone(), url).header(ACCEPT, request.accept);
        if !request.path.starts_with(ANONYMOUS) {
            builder = builder.header(AUTHORIZATION, format!("Bearer {}", self.token));
        }
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, request.content_type).body(body.clone());
        }
        builder.send().await.map_err(|source| unreachable(request, source))
    }
}

/// What a probe asks for, without credentials.
const ANONYMOUS: &str = "/readyz";

fn unreachable(request: &Request, source: reqwest::Error) -> Error {
    Error::Unreachable { request: format!("{} {}", request.method, request.path), source: source.without_url() }
}

/// The texts of warnings, without code and agent.
fn warnings(response: &Response) -> Vec<String> {
    let values = response.headers().get_all(WARNING).iter().filter_map(|value| value.to_str().ok());
    let text = |value: &str| {
        let quoted = value.splitn(3, ' ').last().unwrap_or(value);
        serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned())
    };
    values.map(text).collect()
}

fn lines(text: &[u8]) -> usize {
    text.split(|byte| *byte == b'\n').count() - 1
}
