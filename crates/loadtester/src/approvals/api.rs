//! What the approval service answers: webhooks and people at `/approve`, and the page's forms.
//!
//! `POST /approve` is asked by webhooks, whose bodies have a `name`, and told by people, whose bodies have `approved`.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, HOST, LOCATION, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use process::cause;
use process::server::{Server, plain};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::ledger::{self, Entry, Heard};
use super::page;
use super::tokens::Tokens;
use crate::answers::{self, Answer, text};
use crate::caller::{Authorizer, Payload, Refusal, body, json as parse, key};
use crate::store::{self, Store};

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The longest name that somebody signs with, and the longest checksum.
const CHARS_MAX: usize = 100;

/// Who decides without saying who they are.
const UNKNOWN: &str = "unknown";

/// The service's answers; cheap to clone.
#[derive(Clone)]
pub(super) struct Api(Arc<Inner>);

struct Inner {
    authorizer: Authorizer,
    tokens: Tokens,
    store: Store,
}

/// What people say.
#[derive(Debug, Deserialize)]
struct Verdict {
    canary: String,
    namespace: String,
    approved: bool,
    /// The run that is meant; the one that waits without it.
    #[serde(default)]
    checksum: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

impl Api {
    pub(super) fn new(authorizer: Authorizer, tokens: Tokens, store: Store) -> Self {
        Self(Arc::new(Inner { authorizer, tokens, store }))
    }

    /// Serves until `stop` is cancelled.
    pub(super) async fn serve(self, server: Server, stop: CancellationToken) {
        let answer = move |request| {
            let inner = Arc::clone(&self.0);
            async move { inner.answer(request).await }
        };
        answers::serve(server, stop, answer).await;
    }
}

impl Inner {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, incoming) = request.into_parts();
        match (&head.method, head.uri.path()) {
            (_, "/healthz") => Ok(text(StatusCode::OK, "OK")),
            (&Method::GET, "/") => self.page(StatusCode::OK, None).await,
            (&Method::GET, "/approvals") => {
                let list = self.list().await?;
                Ok(plain(StatusCode::OK, JSON, json!(list).to_string()))
            }
            (&Method::POST, "/approve") => self.approve(&head.headers, &body(incoming).await?).await,
            (&Method::POST, "/decide") => self.submitted(&head.headers, &body(incoming).await?).await,
            (_, "/approve" | "/decide") => Err(refused(StatusCode::METHOD_NOT_ALLOWED, "only POST is answered here")),
            _ => Err(refused(StatusCode::NOT_FOUND, "there are /, /approve and /approvals")),
        }
    }

    async fn approve(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let told: serde_json::Value = parse(body)?;
        if told.get("approved").is_none() {
            return self.ask(body).await;
        }
        let entry = self.decide(headers, bearer(headers), parse(body)?).await?;
        Ok(plain(StatusCode::OK, JSON, json!(entry).to_string()))
    }

    /// A webhook asks about a run.
    async fn ask(&self, body: &[u8]) -> Answer {
        let payload: Payload = parse(body)?;
        self.authorizer.check(&payload.namespace)?;
        let key = payload.key()?;
        let Payload { name, namespace, phase, checksum, .. } = payload;
        if checksum.is_empty() || CHARS_MAX < checksum.len() {
            return Err(Refusal::bad_request("checksum in the payload does not name a run"));
        }
        let (canary, asked) = (name, Timestamp::now());
        let phase = shortened(&phase);
        let question = Entry { canary, namespace, checksum, phase, asked, decision: None, past: Vec::new() };
        let Heard { entry, is_new } = self
            .store
            .edit(|entries| ledger::ask(entries, &key, &question))
            .await
            .map_err(|error| unavailable(&error))?;
        if is_new {
            tracing::info!(canary = key, checksum = entry.checksum, "approval asked for");
        }
        match entry.decision {
            Some(decision) if decision.approved => Ok(text(StatusCode::OK, format!("approved by {}", decision.by))),
            Some(decision) => Err(Refusal::forbidden(format!("rejected by {} at {:.0}", decision.by, decision.at))),
            None => Err(Refusal::forbidden(format!("waiting for approval since {:.0}", entry.asked))),
        }
    }

    /// Somebody pressed a button of the page.
    async fn submitted(&self, headers: &HeaderMap, body: &[u8]) -> Answer {
        let fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let field =
            |name: &str| fields.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let verdict = Verdict {
            canary: field("canary").unwrap_or_default(),
            namespace: field("namespace").unwrap_or_default(),
            approved: field("approved").as_deref() == Some("true"),
            checksum: field("checksum"),
            by: field("by"),
        };
        match self.decide(headers, field("token").as_deref(), verdict).await {
            Ok(_) => {
                let mut response = text(StatusCode::SEE_OTHER, "");
                response.headers_mut().insert(LOCATION, HeaderValue::from_static("/"));
                Ok(response)
            }
            Err(Refusal { status, reason }) => self.page(status, Some(&reason)).await,
        }
    }

    async fn decide(&self, headers: &HeaderMap, token: Option<&str>, verdict: Verdict) -> Result<Entry, Refusal> {
        if is_from_elsewhere(headers) {
            return Err(Refusal::forbidden("a page of another site can't decide here"));
        }
        let person = self.tokens.person(token);
        let person = person.ok_or_else(|| refused(StatusCode::UNAUTHORIZED, "a token is needed, and this is none"))?;
        self.authorizer.check(&verdict.namespace)?;
        let Verdict { canary, namespace, approved, checksum, by } = verdict;
        let key = key(&canary, &namespace)?;
        let by = person.name.or(by).map_or_else(|| UNKNOWN.to_owned(), |by| shortened(&by));
        let at = Timestamp::now();
        let decided =
            self.store.edit(|entries| ledger::decide(entries, &key, checksum.as_deref(), approved, &by, at)).await;
        let entry = decided.map_err(|error| unavailable(&error))?;
        let entry = entry.map_err(|error| refused(StatusCode::CONFLICT, &error.to_string()))?;
        tracing::info!(canary = key, checksum = entry.checksum, approved, by, "decided");
        Ok(entry)
    }

    async fn page(&self, status: StatusCode, note: Option<&str>) -> Answer {
        let html = page::page(&self.list().await?, !self.tokens.are_none(), note);
        let mut response = plain(status, HTML, html);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(page::POLICY));
        Ok(response)
    }

    async fn list(&self) -> Result<Vec<Entry>, Refusal> {
        let entries = self.store.entries().await.map_err(|error| unavailable(&error))?;
        let mut list = ledger::list(&entries);
        list.retain(|entry| self.authorizer.check(&entry.namespace).is_ok());
        Ok(list)
    }
}

/// Whether a browser sends this for a page that is not ours, which could press buttons in somebody's name.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let Some(origin) = headers.get(ORIGIN).map(text) else { return false };
    let host = headers.get(HOST).map(text).unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, origin)| origin != host)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

fn shortened(text: &str) -> String {
    text.trim().chars().take(CHARS_MAX).collect()
}

fn refused(status: StatusCode, reason: &str) -> Refusal {
    Refusal { status, reason: reason.to_owned() }
}

/// What is not known is not approved.
fn unavailable(error: &store::Error) -> Refusal {
    let reason = cause::chain(error);
    tracing::error!(error = reason, "failed to read or write what was decided");
    Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, reason }
}
