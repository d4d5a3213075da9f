//! One request to the API server: its path, its parameters, its answer.

use std::time::Duration;

use api::duration;
use http::{Method, Request, header};
use ports::{Key, Kind};
use serde_json::Value;

use super::error::{Doing, Error, Reason};
use super::lean::Lean;

/// The parameter by which the API server notes which fields we set.
const MANAGED: &str = "?fieldManager=flagger";

/// How long one request may take; API servers themselves give up after a minute.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How many objects a selection returns at most.
const SELECTED_MAX: usize = 50;

/// A request and what it is for, so that its failure can say so.
pub(super) struct Call {
    pub(super) doing: Doing,
    pub(super) object: String,
    /// The kind that it is about, if any.
    pub(super) kind: Option<Kind>,
    method: Method,
    path: String,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Call {
    pub(super) fn get(key: &Key) -> Result<Self, Error> {
        Self::about(key, Doing::Get, Method::GET, "")
    }

    pub(super) fn create(key: &Key, object: &Value) -> Result<Self, Error> {
        let mut call = Self::about(key, Doing::Create, Method::POST, "")?;
        call.path = format!("{}{MANAGED}", kind_path(key.kind, Some(&key.namespace)));
        Ok(call.body("application/json", object))
    }

    pub(super) fn replace(key: &Key, object: &Value) -> Result<Self, Error> {
        Ok(Self::about(key, Doing::Update, Method::PUT, MANAGED)?.body("application/json", object))
    }

    pub(super) fn merge(key: &Key, patch: &Value) -> Result<Self, Error> {
        Ok(Self::about(key, Doing::Patch, Method::PATCH, MANAGED)?.body("application/merge-patch+json", patch))
    }

    pub(super) fn merge_status(key: &Key, patch: &Value) -> Result<Self, Error> {
        let suffix = format!("/status{MANAGED}");
        Ok(Self::about(key, Doing::PatchStatus, Method::PATCH, &suffix)?.body("application/merge-patch+json", patch))
    }

    pub(super) fn delete(key: &Key) -> Result<Self, Error> {
        Self::about(key, Doing::Delete, Method::DELETE, "")
    }

    /// At most one object of a kind: the cheapest way to learn whether the kind is served and readable.
    pub(super) fn probe(kind: Kind, namespace: Option<&str>) -> Self {
        let path = format!("{}?limit=1", kind_path(kind, namespace));
        Self::new(Doing::List, Method::GET, Some(kind), kind.plural.to_owned(), path)
    }

    /// The objects of a kind with one label, as many as a person would look through.
    pub(super) fn select(kind: Kind, namespace: &str, label: &str, value: &str) -> Result<Self, Error> {
        for (field, segment) in [("namespace", namespace), ("label", &label.replace('/', ".")), ("label value", value)]
        {
            if !is_path_segment(segment) {
                let detail = format!("{segment:?} is not a valid {field}");
                return Err(Error::new(Doing::List, kind.plural, Reason::Invalid, detail));
            }
        }
        let label = label.replace('/', "%2F");
        let path = format!("{}?limit={SELECTED_MAX}&labelSelector={label}%3D{value}", kind_path(kind, Some(namespace)));
        Ok(Self::new(Doing::List, Method::GET, Some(kind), kind.plural.to_owned(), path))
    }

    pub(super) fn version() -> Self {
        Self::new(Doing::Get, Method::GET, None, "the server version".to_owned(), "/version".to_owned())
    }

    /// A request about one object; its name comes from what users wrote and must not lead to another path.
    fn about(key: &Key, doing: Doing, method: Method, suffix: &str) -> Result<Self, Error> {
        for (field, segment) in [("namespace", &key.namespace), ("name", &key.name)] {
            if !is_path_segment(segment) {
                return Err(Error::new(doing, key, Reason::Invalid, format!("{segment:?} is not a valid {field}")));
            }
        }
        let path = format!("{}/{}{suffix}", kind_path(key.kind, Some(&key.namespace)), key.name);
        Ok(Self::new(doing, method, Some(key.kind), key.to_string(), path))
    }

    fn new(doing: Doing, method: Method, kind: Option<Kind>, object: String, path: String) -> Self {
        Self { doing, object, kind, method, path, content_type: "application/json", body: Vec::new() }
    }

    fn body(mut self, content_type: &'static str, body: &Value) -> Self {
        self.content_type = content_type;
        // A `Value` prints as JSON by itself and can't fail to.
        self.body = body.to_string().into_bytes();
        self
    }

    /// Sends the request and reads the answer as an object without managed fields.
    pub(super) async fn send(self, client: &kube::Client) -> Result<Lean, Error> {
        let Self { doing, object, kind, method, path, content_type, body } = self;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
            .map_err(|error| Error::new(doing, &object, Reason::Invalid, error.to_string()))?;
        // Not `Client::request`: it logs bodies that it can't parse, and bodies may be Secrets.
        let text = match tokio::time::timeout(REQUEST_TIMEOUT, client.request_text(request)).await {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => return Err(Error::from_kube(doing, &object, &error).about_kind(kind)),
            Err(_) => {
                let detail = format!("timed out after {}", duration::format(REQUEST_TIMEOUT));
                return Err(Error::new(doing, &object, Reason::TimedOut, detail));
            }
        };
        serde_json::from_str(&text).map_err(|error| Error::new(doing, &object, Reason::Unreadable, error.to_string()))
    }
}

/// The REST path of a kind, in one namespace or in all.
pub(super) fn kind_path(kind: Kind, namespace: Option<&str>) -> String {
    let root = if kind.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", kind.group) };
    match namespace {
        Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", kind.version, kind.plural),
        None => format!("{root}/{}/{}", kind.version, kind.plural),
    }
}

/// Names are at most DNS subdomains; the few kinds that allow more (`:` in RBAC) are none of ours.
fn is_path_segment(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use ports::kinds;

    use super::*;

    #[test]
    fn core_kinds_and_grouped_kinds_have_their_own_roots() {
        let path = |kind, name| Call::get(&Key::new(kind, "test", name)).map(|call| call.path);
        assert_eq!(path(kinds::SECRET, "token").unwrap(), "/api/v1/namespaces/test/secrets/token");
        assert_eq!(
            path(kinds::CANARY, "podinfo").unwrap(),
            "/apis/flagger.app/v1beta1/namespaces/test/canaries/podinfo"
        );
        assert_eq!(kind_path(kinds::CANARY, None), "/apis/flagger.app/v1beta1/canaries");
    }

    #[test]
    fn a_name_can_not_lead_to_another_object() {
        for name in ["", ".", "..", "a/b", "../../secrets/a", "a?b", "a%2fb", "a#b", "a b"] {
            let error = Call::delete(&Key::new(kinds::CONFIG_MAP, "test", name)).err().unwrap();
            assert_eq!(error.reason, Reason::Invalid, "{name:?}");
        }
    }
}
