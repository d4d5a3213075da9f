//! Who calls and what about: the body of a webhook, and whether its namespace is served.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use regex::Regex;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The largest body that is read; a webhook's metadata is far smaller.
const BODY_MAX: usize = 1024 * 1024;

/// The longest name of an object in Kubernetes.
const NAME_MAX: usize = 253;

/// What a webhook says, read as leniently as the original reads it: what is missing is empty.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Payload {
    /// The canary.
    #[serde(default)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) namespace: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

/// A request that is not served: its status, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
}

/// Says which namespaces are served.
///
/// Quirk: the expression may match anywhere in the namespace, as in the original, so `test` serves `contest` too; write
/// `^test$` to serve one. `an_expression_matches_anywhere_in_the_namespace` pins it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorizer(Option<Regex>);

impl Payload {
    /// `<name>.<namespace>`, as the original names a canary.
    pub(crate) fn canary(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// The same, of names that Kubernetes allows.
    pub(crate) fn key(&self) -> Result<String, Refusal> {
        for (field, name) in [("name", &self.name), ("namespace", &self.namespace)] {
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
            if name.is_empty() || NAME_MAX < name.len() || !is_name {
                return Err(Refusal::bad_request(format!("{field} {name:?} is not the name of an object")));
            }
        }
        Ok(self.canary())
    }

    pub(crate) fn metadata(&self) -> &BTreeMap<String, String> {
        const NONE: &BTreeMap<String, String> = &BTreeMap::new();
        self.metadata.as_ref().unwrap_or(NONE)
    }
}

impl Refusal {
    pub(crate) fn bad_request(reason: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, reason: reason.into() }
    }

    pub(crate) fn forbidden(reason: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, reason: reason.into() }
    }
}

impl Authorizer {
    pub(crate) fn new(namespaces: Option<Regex>) -> Self {
        Self(namespaces)
    }

    /// Whether canaries of this namespace are served.
    pub(crate) fn check(&self, namespace: &str) -> Result<(), Refusal> {
        match &self.0 {
            Some(served) if !served.is_match(namespace) => Err(Refusal::forbidden("Forbidden")),
            _ => Ok(()),
        }
    }
}

/// The whole body, up to a bound.
pub(crate) async fn body(incoming: Incoming) -> Result<Bytes, Refusal> {
    match Limited::new(incoming, BODY_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            reason: format!("the body is larger than {} KiB", BODY_MAX / 1024),
        }),
        Err(error) => Err(Refusal::bad_request(format!("failed to read the body: {error}"))),
    }
}

/// The body as JSON.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let misread = |error| Refusal::bad_request(format!("the body is not the payload of a webhook: {error}"));
    serde_json::from_slice(body).map_err(misread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_anywhere_in_the_namespace() {
        let served =
            |expression: &str, namespace| Authorizer::new(Regex::new(expression).ok()).check(namespace).is_ok();
        assert!(served("test", "contest"));
        assert!(!served("^test$", "contest"));
        assert!(!served("prod", "test"));
        assert!(Authorizer::default().check("any").is_ok());
    }

    #[test]
    fn what_a_payload_lacks_is_empty_and_what_is_no_name_is_refused() {
        let read = |text: &str| json::<Payload>(text.as_bytes());
        let payload = read(r#"{"name": "cart", "namespace": "shop", "phase": "Whatever", "metadata": null}"#).unwrap();
        assert_eq!(payload.key().as_deref(), Ok("cart.shop"));
        assert!(payload.metadata().is_empty());
        assert!(read(r#"{"metadata": {"a": 1}}"#).is_err());
        let refusal = read(r#"{"name": "a/b", "namespace": "shop"}"#).unwrap().key().unwrap_err();
        assert_eq!(refusal.reason, r#"name "a/b" is not the name of an object"#);
        assert!(read("{}").unwrap().key().is_err());
    }
}
