//! Lists: selectors, revisions, pages.

use std::sync::Arc;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::packed::Packed;
use crate::query::Query;
use crate::refusal::{Answer, Refusal};
use crate::reply::Format;
use crate::schema::{Cause, CauseReason};
use crate::select::Selector;
use crate::store::Key;
use crate::world::World;

/// What the real server says of a list at a revision that it has forgotten.
const LIST_TOO_OLD: &str = "The resourceVersion for the provided list is too old.";
/// What it says of a further page; it offers to go on with the current state, which is not done here.
const PAGE_TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. \
                            You must start a new list without the continue parameter.";

/// A page of a list.
pub(crate) struct Page {
    pub(crate) objects: Vec<Arc<Packed>>,
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
        selector.check_fields(kind)?;
        check_match(query)?;
        let token = query.get("continue").map(Token::parse).transpose()?;
        let current = self.store.revision();
        let at = match &token {
            Some(_) if query.get("resourceVersion").is_some() => {
                return Err(Refusal::bad_request("specifying resource version is not allowed when using continue"));
            }
            Some(token) => Some(token.revision),
            None => exact_revision(query, current)?,
        };
        let too_old = || Refusal::expired(if token.is_some() { PAGE_TOO_OLD } else { LIST_TOO_OLD });
        let mut objects = match at {
            Some(revision) => self.store.list_at(&kind.collection, namespace, revision).ok_or_else(too_old)?,
            None => self.store.list(&kind.collection, namespace),
        };
        objects.retain(|object| selector.selects(object));
        if let Some(token) = &token {
            objects.retain(|object| token.after < *object.key);
        }
        let revision = at.unwrap_or(current);
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| 0 < *limit);
        if let Some(limit) = limit.filter(|limit| *limit < objects.len()) {
            let remaining = objects.len() - limit;
            objects.truncate(limit);
            if let Some(last) = objects.last() {
                metadata["continue"] = json!(Token { revision, after: Key::clone(&last.key) }.text());
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

/// Says how a revision is meant, and of which there may be none.
fn check_match(query: &Query) -> Answer<()> {
    const FIELD: &str = "resourceVersionMatch";
    let (Some(wanted), revision) = (query.get("resourceVersionMatch"), query.get("resourceVersion")) else {
        return Ok(());
    };
    let cause = match (wanted, revision) {
        (_, None) => {
            let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            Cause::of_field(CauseReason::Forbidden, FIELD, detail)
        }
        ("Exact", Some("0")) => {
            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            Cause::of_field(CauseReason::Forbidden, FIELD, detail)
        }
        ("Exact" | "NotOlderThan", Some(_)) => return Ok(()),
        (other, Some(_)) => {
            let detail = "supported values: \"Exact\", \"NotOlderThan\", \"\"";
            Cause::of_value(CauseReason::NotSupported, FIELD, &json!(other), detail)
        }
    };
    Err(Refusal::invalid_options("ListOptions", &[cause]))
}

/// The revision that the list must show; the current state answers all other demands, unless they are of the future.
fn exact_revision(query: &Query, current: u64) -> Answer<Option<u64>> {
    let Some(text) = query.get("resourceVersion") else { return Ok(None) };
    let invalid = || {
        Refusal::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
        ))
    };
    let asked: u64 = text.parse().map_err(|_| invalid())?;
    if current < asked {
        return Err(Refusal::from_the_future(asked, current));
    }
    Ok((query.get("resourceVersionMatch") == Some("Exact")).then_some(asked))
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
