//! Lists: selectors, revisions, pages.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::reply::Format;
use crate::select::Selector;
use crate::store::Key;
use crate::world::World;

/// A page of a list.
pub(crate) struct Page {
    pub(crate) objects: Vec<Arc<Value>>,
    /// The list's own metadata.
    pub(crate) metadata: Value,
}

/// Where the next page starts.
struct Token {
    revision: u64,
    after: Key,
}

impl World {
    /// The objects that the query asks for.
    pub(crate) fn list(&self, kind: &Kind, namespace: Option<&str>, query: &Query) -> Answer<Page> {
        let selector = Selector::parse(query.get("labelSelector"), query.get("fieldSelector"))?;
        let token = query.get("continue").map(Token::parse).transpose()?;
        let current = self.store.revision();
        if token.is_none() {
            check_revision(query, current)?;
        }
        let mut objects = self.store.list(&kind.collection, namespace);
        objects.retain(|object| selector.matches(object));
        if let Some(token) = &token {
            objects.retain(|object| token.after < Key::of(object));
        }
        let revision = token.map_or(current, |token| token.revision);
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| 0 < *limit);
        if let Some(limit) = limit.filter(|limit| *limit < objects.len()) {
            let remaining = objects.len() - limit;
            objects.truncate(limit);
            if let Some(last) = objects.last() {
                metadata["continue"] = json!(Token { revision, after: Key::of(last) }.text());
            }
            if selector.is_empty() {
                metadata["remainingItemCount"] = json!(remaining);
            }
        }
        Ok(Page { objects, metadata })
    }
}

impl Page {
    pub(crate) fn send(&self, kind: &Kind, format: Format, now: jiff::Timestamp) -> Answer<Response<Body>> {
        format.list(kind, &self.objects, &self.metadata, now)
    }
}

/// The current state answers any revision that isn't in the future, except for exactly one of the past.
fn check_revision(query: &Query, current: u64) -> Answer<()> {
    let Some(text) = query.get("resourceVersion") else { return Ok(()) };
    let asked: u64 = text.parse().map_err(|_| Refusal::bad_request(format!("invalid resource version {text:?}")))?;
    if current < asked {
        return Err(Refusal::from_the_future(asked, current));
    }
    if query.get("resourceVersionMatch") == Some("Exact") && asked != current {
        return Err(Refusal::expired("The resourceVersion for the provided list is too old."));
    }
    Ok(())
}

impl Token {
    fn text(&self) -> String {
        let token =
            json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": [self.after.namespace, self.after.name]});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn parse(text: &str) -> Answer<Token> {
        let parsed = || {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            let token: Value = serde_json::from_slice(&bytes).ok()?;
            let part = |index: usize| token["start"].get(index)?.as_str();
            Some(Token { revision: token["rv"].as_u64()?, after: Key::new(part(0)?, part(1)?) })
        };
        parsed().ok_or_else(|| Refusal::bad_request(format!("continue key is not valid: {text:?}")))
    }
}
